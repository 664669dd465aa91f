// The table of webhook commands: one file and one line for each.
import { afterAddSubscriber } from "./after-add-subscriber.ts";
import { afterCreateOfficialAccount } from "./after-create-official-account.ts";
import { afterDeleteSubscriber } from "./after-delete-subscriber.ts";
import { afterMessageWithdrawn } from "./after-message-withdrawn.ts";
import { afterOfficialAccountDestroyed } from "./after-official-account-destroyed.ts";
import { afterOfficialAccountFull } from "./after-official-account-full.ts";
import { afterOfficialAccountInfoChanged } from "./after-official-account-info-changed.ts";
import { afterSendMessage } from "./after-send-message.ts";
import { beforeAddSubscriber } from "./before-add-subscriber.ts";
import { beforeCreateOfficialAccount } from "./before-create-official-account.ts";
import { beforeSendMessage } from "./before-send-message.ts";
import type { WebhookCommand } from "./command.ts";

/** The commands by the name that Chat gives them, `CallbackCommand`. */
export const webhookCommands: ReadonlyMap<string, WebhookCommand> = new Map<string, WebhookCommand>([
  ["OfficialAccount.CallbackBeforeCreateOfficialAccount", beforeCreateOfficialAccount],
  ["OfficialAccount.CallbackBeforeAddSubscriber", beforeAddSubscriber],
  ["OfficialAccount.CallbackAfterCreateOfficialAccount", afterCreateOfficialAccount],
  ["OfficialAccount.CallbackAfterOfficialAccountInfoChanged", afterOfficialAccountInfoChanged],
  ["OfficialAccount.CallbackAfterOfficialAccountDestroyed", afterOfficialAccountDestroyed],
  ["OfficialAccount.CallbackAfterAddSubscriber", afterAddSubscriber],
  ["OfficialAccount.CallbackAfterDeleteSubscriber", afterDeleteSubscriber],
  ["OfficialAccount.CallbackAfterOfficialAccountFull", afterOfficialAccountFull],
  ["OfficialAccount.CallbackBeforeSendMsg", beforeSendMessage],
  ["OfficialAccount.CallbackAfterSendMsg", afterSendMessage],
  ["OfficialAccount.CallbackAfterMsgWithDraw", afterMessageWithdrawn],
]);

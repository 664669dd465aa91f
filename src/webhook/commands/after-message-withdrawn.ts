// OfficialAccount.CallbackAfterMsgWithDraw. From "Webhook After Recalling Official Account Messages".
import { create } from "@bufbuild/protobuf";
import { MessagesWithdrawnSchema } from "../../../gen/gatehouse/v1/event_pb.ts";
import { text, textsOf } from "../body.ts";
import type { AfterCommand } from "./command.ts";

export const afterMessageWithdrawn: AfterCommand = {
  kind: "after",
  decode: (body) => ({
    case: "messagesWithdrawn",
    value: create(MessagesWithdrawnSchema, {
      accountId: text(body, "Official_Account"),
      messageKeys: textsOf(body, "WithdrawMsgList", "MsgKey"),
    }),
  }),
};

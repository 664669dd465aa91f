// OfficialAccount.CallbackAfterDeleteSubscriber. From "After Official Account Is Unsubscribed".
import { text, textsOf } from "../body.ts";
import type { AfterCommand } from "./command.ts";

export const afterDeleteSubscriber: AfterCommand = {
  kind: "after",
  decode: (body) => ({
    case: "subscribersRemoved",
    value: {
      $typeName: "gatehouse.v1.SubscribersRemoved",
      accountId: text(body, "Official_Account"),
      operator: text(body, "Operator_Account"),
      subscribers: textsOf(body, "SubscribeAccountList", "Subscriber_Account"),
    },
  }),
};

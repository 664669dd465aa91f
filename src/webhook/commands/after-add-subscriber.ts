// OfficialAccount.CallbackAfterAddSubscriber. From "After Official Account Is Subscribed".
import { text, textsOf } from "../body.ts";
import type { AfterCommand } from "./command.ts";

export const afterAddSubscriber: AfterCommand = {
  kind: "after",
  decode: (body) => ({
    case: "subscribersAdded",
    value: {
      $typeName: "gatehouse.v1.SubscribersAdded",
      accountId: text(body, "Official_Account"),
      operator: text(body, "Operator_Account"),
      subscribers: textsOf(body, "SubscribeAccountList", "Subscriber_Account"),
    },
  }),
};

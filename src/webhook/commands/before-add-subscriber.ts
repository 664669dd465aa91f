// OfficialAccount.CallbackBeforeAddSubscriber. From "Before Official Channel Is Subscribed".
import { subscriptionAnswer } from "../answer.ts";
import { text, textsOf } from "../body.ts";
import type { BeforeCommand } from "./command.ts";

export const beforeAddSubscriber: BeforeCommand<"addSubscribers"> = {
  kind: "before",
  action: "addSubscribers",
  decode: (body) => ({
    $typeName: "gatehouse.v1.AddSubscribers",
    accountId: text(body, "Official_Account"),
    operator: text(body, "Operator_Account"),
    subscribers: textsOf(body, "SubscribeAccountList", "Subscriber_Account"),
  }),
  encode: subscriptionAnswer,
};

// OfficialAccount.CallbackBeforeAddSubscriber. From "Before Official Channel Is Subscribed".
import { create } from "@bufbuild/protobuf";
import { AddSubscribersSchema } from "../../../gen/gatehouse/v1/action_pb.ts";
import { subscriptionAnswer } from "../answer.ts";
import { text, textsOf } from "../body.ts";
import type { BeforeCommand } from "./command.ts";

export const beforeAddSubscriber: BeforeCommand<"addSubscribers"> = {
  kind: "before",
  action: "addSubscribers",
  decode: (body) =>
    create(AddSubscribersSchema, {
      accountId: text(body, "Official_Account"),
      operator: text(body, "Operator_Account"),
      subscribers: textsOf(body, "SubscribeAccountList", "Subscriber_Account"),
    }),
  encode: subscriptionAnswer,
};

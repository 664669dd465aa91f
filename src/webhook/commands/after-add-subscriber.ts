// OfficialAccount.CallbackAfterAddSubscriber. From "After Official Account Is Subscribed".
import { create } from "@bufbuild/protobuf";
import { SubscribersAddedSchema } from "../../../gen/gatehouse/v1/event_pb.ts";
import { text, textsOf } from "../body.ts";
import type { AfterCommand } from "./command.ts";

export const afterAddSubscriber: AfterCommand = {
  kind: "after",
  decode: (body) => ({
    case: "subscribersAdded",
    value: create(SubscribersAddedSchema, {
      accountId: text(body, "Official_Account"),
      operator: text(body, "Operator_Account"),
      subscribers: textsOf(body, "SubscribeAccountList", "Subscriber_Account"),
    }),
  }),
};

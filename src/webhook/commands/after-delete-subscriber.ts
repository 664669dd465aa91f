// OfficialAccount.CallbackAfterDeleteSubscriber. From "After Official Account Is Unsubscribed".
import { create } from "@bufbuild/protobuf";
import { SubscribersRemovedSchema } from "../../../gen/gatehouse/v1/event_pb.ts";
import { text, textsOf } from "../body.ts";
import type { AfterCommand } from "./command.ts";

export const afterDeleteSubscriber: AfterCommand = {
  kind: "after",
  decode: (body) => ({
    case: "subscribersRemoved",
    value: create(SubscribersRemovedSchema, {
      accountId: text(body, "Official_Account"),
      operator: text(body, "Operator_Account"),
      subscribers: textsOf(body, "SubscribeAccountList", "Subscriber_Account"),
    }),
  }),
};

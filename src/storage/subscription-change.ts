// What an event says of subscriptions.
import type { Event } from "../../gen/gatehouse/v1/event_pb.ts";
import { effectiveTimeMs } from "./account-change.ts";
import type { SubscriptionChange } from "./subscription-merge.ts";

/** What an event says of subscriptions to its account; undefined when it says nothing of them. */
export function subscriptionChange(event: Event): SubscriptionChange | undefined {
  const { case: kind, value } = event.event;
  if (kind !== "subscribersAdded" && kind !== "subscribersRemoved") return undefined;
  return {
    change: kind === "subscribersAdded" ? "added" : "removed",
    timeMs: effectiveTimeMs(event),
    subscribers: [...new Set(value.subscribers)],
  };
}

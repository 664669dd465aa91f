// What an event says of subscriptions and messages that have come about.
import type { Event } from "../../gen/gatehouse/v1/event_pb.ts";
import { thingsOfSubscribers } from "./follow-up-parts.ts";
import { messageDigest } from "./message-digest.ts";
import { digestHex } from "./message-json.ts";
import type { HappenedParts } from "./part-follow-ups.ts";
import type { FollowUpRules } from "./storage.ts";

/** What added subscribers, or a sent message, are joined by; undefined for other events. */
export function happenedParts(
  { event }: Event,
  digest: Uint8Array,
  eventMs: number,
  nowMs: number,
  rules: FollowUpRules,
): HappenedParts | undefined {
  const rest = { eventMs, digest: digestHex(digest), isLate: eventMs < nowMs - rules.followUpMs, rules };
  switch (event.case) {
    case "subscribersAdded": {
      const { subscribers, operator } = event.value;
      return { kind: "addSubscribers", things: thingsOfSubscribers(subscribers), user: operator || null, ...rest };
    }
    case "messageSent": {
      const { elements, customData } = event.value;
      return { kind: "sendMessage", things: [messageDigest(elements, customData)], user: null, ...rest };
    }
    default:
      return undefined;
  }
}

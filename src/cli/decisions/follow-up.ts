// What followed from a decision, in words.
import type { Decision } from "../../../gen/gatehouse/v1/decision_pb.ts";
import { FollowUp } from "../../../gen/gatehouse/v1/follow_up_pb.ts";
import { enumWord, formatTime, orDash, safe, table } from "../text.ts";

/** What followed, since when that is known, and by which event. */
export function describeFollowUp({ followUp, followUpTime, followUpEventId }: Decision): string {
  if (followUp === FollowUp.UNSPECIFIED) return "-";
  const event = followUpEventId === "" ? "" : ` by ${safe(followUpEventId)}`;
  return `${enumWord(FollowUp, followUp)}${event}, known since ${formatTime(followUpTime)}`;
}

/** What followed for each subscriber of whom something is known: a table, or nothing. */
export function subscriberTables({ subscriberFollowUps }: Decision): string[] {
  if (subscriberFollowUps.length === 0) return [];
  const rows = subscriberFollowUps.map(({ subscriber, followUp, followUpTime, eventId }) => [
    safe(subscriber),
    enumWord(FollowUp, followUp),
    formatTime(followUpTime),
    orDash(eventId),
  ]);
  return [table(["SUBSCRIBER", "FOLLOW-UP", "KNOWN SINCE", "EVENT"], rows)];
}

// What is told of each subscriber of a decision or an event.
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Decision, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import type { Event } from "../../gen/gatehouse/v1/event_pb.ts";
import { FollowUp, type SubscriberFollowUp, SubscriberFollowUpSchema } from "../../gen/gatehouse/v1/follow_up_pb.ts";
import { thingsOfSubscribers } from "./follow-up-parts.ts";

/** The event that made a subscriber one, and when that became known. */
export interface SubscriberJoin {
  eventId: string;
  timeMs: number;
}

/**
 * What followed from a decision for each of its subscribers of whom something is known. `joins` are by the subscriber's place in the request;
 * `abandonMs` is when those of whom no event had come were given up, undefined when they were not.
 */
export function subscribersOfDecision(
  { action, verdict, refused }: Pick<Decision, "action" | "verdict" | "refused">,
  joins: ReadonlyMap<number, SubscriberJoin>,
  abandonMs: number | undefined,
): SubscriberFollowUp[] {
  if (action.case !== "addSubscribers") return [];
  const { subscribers } = action.value;
  const refusedOnes = new Set(refused.map(({ subscriber }) => subscriber));
  return thingsOfSubscribers(subscribers).flatMap((subscriber) => {
    const isAllowed = verdict === Verdict.ALLOW && !refusedOnes.has(subscriber);
    const join = joins.get(subscribers.indexOf(subscriber));
    if (join !== undefined) {
      const followUp = isAllowed ? FollowUp.CONFIRMED : FollowUp.LEAKED;
      const { eventId, timeMs } = join;
      return [create(SubscriberFollowUpSchema, { subscriber, followUp, eventId, followUpTime: timestampFromMs(timeMs) })];
    }
    if (!isAllowed || abandonMs === undefined) return [];
    return [create(SubscriberFollowUpSchema, { subscriber, followUp: FollowUp.ABANDONED, followUpTime: timestampFromMs(abandonMs) })];
  });
}

/** What an event follows from for each user that it has added. `stateOf` is asked by the user's place among those, each counted once. */
export function subscribersOfEvent(
  { event }: Pick<Event, "event">,
  stateOf: (place: number) => { followUp: FollowUp; decisionId: string },
): SubscriberFollowUp[] {
  if (event.case !== "subscribersAdded") return [];
  return thingsOfSubscribers(event.value.subscribers).map((subscriber, place) =>
    create(SubscriberFollowUpSchema, { subscriber, ...stateOf(place) }),
  );
}

// Of which class of retention an event is, as its row says it.
import type { Decision } from "../../../gen/gatehouse/v1/decision_pb.ts";
import { Effect, Verdict } from "../../../gen/gatehouse/v1/decision_pb.ts";
import type { Event } from "../../../gen/gatehouse/v1/event_pb.ts";

/** The classes of events as the column `events.class` has them. */
export const eventClass = { subscriptionEvents: 1, messageEvents: 2, accountEvents: 3 } as const;

/** The class of an event. */
export function classOfEvent({ event }: Event): number {
  switch (event.case) {
    case "subscribersAdded":
    case "subscribersRemoved":
      return eventClass.subscriptionEvents;
    case "messageSent":
    case "messagesWithdrawn":
      return eventClass.messageEvents;
    default:
      return eventClass.accountEvents;
  }
}

/** Whether a decision allowed all, no rule said more than allow, and no fallback answered instead. */
export function isPlainAllow({ verdict, refused, degraded, matches }: Decision): boolean {
  return verdict === Verdict.ALLOW && refused.length === 0 && !degraded && matches.every(({ effect }) => effect === Effect.ALLOW);
}

/** The class of an event whose row has this body. */
export function classOfBody(body: string): number {
  const event = JSON.parse(body) as Record<string, unknown>;
  if (event.subscribersAdded !== undefined || event.subscribersRemoved !== undefined) return eventClass.subscriptionEvents;
  if (event.messageSent !== undefined || event.messagesWithdrawn !== undefined) return eventClass.messageEvents;
  return eventClass.accountEvents;
}

/** Whether `isPlainAllow` holds of a decision whose row has this verdict and body, as far as that alone tells. */
export function isPlainBody(verdict: number, body: string): boolean {
  if (verdict !== Verdict.ALLOW) return false;
  const {
    refused,
    degraded,
    matches = [],
  } = JSON.parse(body) as { refused?: unknown; degraded?: unknown; matches?: { effect?: number }[] };
  return refused === undefined && degraded === undefined && matches.every(({ effect }) => effect === Effect.ALLOW);
}

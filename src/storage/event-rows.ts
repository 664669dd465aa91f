// Events as rows of the table `events`.
import type { Event } from "../../gen/gatehouse/v1/event_pb.ts";
import { FollowUp, type SubscriberFollowUp } from "../../gen/gatehouse/v1/follow_up_pb.ts";
import { decodeEvent } from "./event-codec.ts";
import type { PartState } from "./follow-up-parts.ts";
import { formatSequenceId } from "./sequence-ids.ts";
import { subscribersOfEvent } from "./subscriber-follow-ups.ts";

/** A row as `selectEvent` reads it. */
export interface EventRow {
  seq: number;
  app_id: number;
  event_time: number | null;
  receive_time: number | null;
  body: string;
  follow_up: FollowUp | null;
  decision_seq: number | null;
  /** JSON of PartState, one for each subscriber; null when all are as the event. */
  follow_up_parts: string | null;
}

/** Reads whole rows; a WHERE may follow. */
export const selectEvent = "SELECT seq, app_id, event_time, receive_time, body, follow_up, decision_seq, follow_up_parts FROM events";

/** The event of a row. */
export function eventOf(row: EventRow): Event {
  const event = eventAsRecorded(row);
  if (row.follow_up !== null) event.followUp = row.follow_up;
  if (row.decision_seq !== null) event.decisionId = formatSequenceId("dec", row.decision_seq);
  if (row.follow_up !== null) event.subscriberFollowUps = subscribersOfRow(row, event);
  return event;
}

function subscribersOfRow({ follow_up, decision_seq, follow_up_parts }: EventRow, event: Event): SubscriberFollowUp[] {
  const states = follow_up_parts === null ? undefined : (JSON.parse(follow_up_parts) as PartState[]);
  return subscribersOfEvent(event, (place) => {
    const [followUp, seq] = states?.[place] ?? [follow_up ?? FollowUp.UNSPECIFIED, decision_seq ?? 0];
    return { followUp, decisionId: seq === 0 ? "" : formatSequenceId("dec", seq) };
  });
}

/** The event of a row without what it follows from, which can change. */
export function eventAsRecorded(row: EventRow): Event {
  return decodeEvent(formatSequenceId("evt", row.seq), {
    appId: row.app_id,
    eventTimeMs: row.event_time,
    receiveTimeMs: row.receive_time,
    body: row.body,
  });
}

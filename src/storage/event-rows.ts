// Events as rows of the table `events`.
import type { Event } from "../../gen/gatehouse/v1/event_pb.ts";
import type { FollowUp } from "../../gen/gatehouse/v1/follow_up_pb.ts";
import { decodeEvent } from "./event-codec.ts";
import { formatSequenceId } from "./sequence-ids.ts";

/** A row as `selectEvent` reads it. */
export interface EventRow {
  seq: number;
  app_id: number;
  event_time: number | null;
  receive_time: number | null;
  body: string;
  follow_up: FollowUp | null;
  decision_seq: number | null;
}

/** Reads whole rows; a WHERE may follow. */
export const selectEvent = "SELECT seq, app_id, event_time, receive_time, body, follow_up, decision_seq FROM events";

/** The event of a row. */
export function eventOf(row: EventRow): Event {
  const event = eventAsRecorded(row);
  if (row.follow_up !== null) event.followUp = row.follow_up;
  if (row.decision_seq !== null) event.decisionId = formatSequenceId("dec", row.decision_seq);
  return event;
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

// Events about subscribers and messages with their joins, in SQLite. Runs in the writer thread, inside the transaction of a batch.
import type { Database } from "better-sqlite3";
import type { PartRows } from "../part-follow-ups.ts";
import { markOfEvents, type PartedEventRow, partedEventOf } from "../parted-events.ts";

/** Reads and writes events with their joins. */
export interface PartedEvents extends Pick<PartRows, "event" | "findEvents" | "writeEvent"> {
  /** Whether an event since then has said that the user is a subscriber. */
  isAddedSince(appId: number, accountId: string, subscriber: string, sinceMs: number): boolean;
}

/** Of an account so many of the last events are looked at. */
const lastEvents = 256;

/** Prepares the statements. */
export function preparePartedEvents(db: Database): PartedEvents {
  const eventColumns = `e.seq, e.app_id, e.account_id, lower(hex(e.digest)) AS digest, coalesce(e.event_time, e.receive_time, 0) AS time, e.body,
    e.follow_up, e.decision_seq, e.follow_up_parts`;
  const selectEvent = db.prepare(`SELECT ${eventColumns} FROM events AS e WHERE seq = ? AND account_id IS NOT NULL`);
  const selectEvents = db.prepare(
    `SELECT ${eventColumns}
       FROM (SELECT seq FROM events WHERE app_id = ? AND account_id = ? ORDER BY seq DESC LIMIT ${lastEvents}) JOIN events AS e USING (seq)
       WHERE e.follow_up IS NOT NULL AND instr(e.body, ?) > 0`,
  );
  const selectAdded = db
    .prepare("SELECT 1 FROM subscriptions WHERE app_id = ? AND account_id = ? AND subscriber = ? AND since_time >= ?")
    .pluck();
  const updateEvent = db.prepare("UPDATE events SET follow_up = ?, decision_seq = ?, follow_up_parts = ? WHERE seq = ?");

  return {
    event(seq) {
      const row = selectEvent.get(seq) as PartedEventRow | undefined;
      return row && partedEventOf(row);
    },

    findEvents(appId, accountId, kind, thing) {
      return (selectEvents.all(appId, accountId, markOfEvents(kind, thing)) as PartedEventRow[]).flatMap((row) => {
        const event = partedEventOf(row);
        return event?.kind === kind && event.things.includes(thing) ? [event] : [];
      });
    },

    isAddedSince: (...key) => selectAdded.get(...key) !== undefined,

    writeEvent(seq, [followUp, decisionSeq], parts) {
      updateEvent.run(followUp || null, decisionSeq || null, parts, seq);
    },
  };
}

// Events about subscribers and messages, as they are read to be joined part by part, and what is written of their joins. Runs in the writer thread.
import type { Database } from "better-sqlite3";
import type { FollowUp } from "../../../gen/gatehouse/v1/follow_up_pb.ts";
import { type PartState, thingsOfSubscribers, unknown } from "../follow-up-parts.ts";
import { messageDigest } from "../message-digest.ts";
import type { PartKind } from "./parted-decisions.ts";

/** An event, and what each of its parts follows from. */
export interface PartedEvent {
  seq: number;
  appId: number;
  accountId: string;
  eventMs: number;
  /** Hexadecimal. */
  digest: string;
  kind: PartKind;
  /** Who did it; null when that is not known. */
  user: string | null;
  things: readonly string[];
  /** Of each thing. */
  states: PartState[];
  /** What is written of it; undefined for an event that is not written yet. */
  written: { whole: PartState; parts: string | null } | undefined;
}

/** Reads and writes events with their joins. */
export interface PartedEvents {
  /** Undefined when the event is not kept any more. */
  get(seq: number): PartedEvent | undefined;
  /** The events about one thing that are followed up, among the latest 256 on the account. */
  find(appId: number, accountId: string, kind: PartKind, thing: string): PartedEvent[];
  /** Whether an event since then has said that the user is a subscriber. */
  isAddedSince(appId: number, accountId: string, subscriber: string, sinceMs: number): boolean;
  write(seq: number, whole: PartState, parts: string | null): void;
}

interface EventRow {
  seq: number;
  app_id: number;
  account_id: string;
  digest: string;
  time: number;
  body: string;
  follow_up: FollowUp | null;
  decision_seq: number | null;
  follow_up_parts: string | null;
}

interface EventBody {
  subscribersAdded?: { operator?: string; subscribers?: string[] };
  messageSent?: { elements?: { rawJson: string }[]; customData?: string };
}

/** Of an account so many of the last events are looked at. */
const lastEvents = 256;

/** Prepares the statements. */
export function preparePartedEvents(db: Database): PartedEvents {
  const eventColumns = `e.seq, e.app_id, e.account_id, lower(hex(e.digest)) AS digest, coalesce(e.event_time, e.receive_time, 0) AS time, e.body,
    e.follow_up, e.decision_seq, e.follow_up_parts`;
  const selectEvent = db.prepare(`SELECT ${eventColumns} FROM events AS e WHERE seq = ? AND account_id IS NOT NULL`);
  // An id stands in a body as JSON has it: what cannot be meant is told without being parsed.
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
    get(seq) {
      const row = selectEvent.get(seq) as EventRow | undefined;
      return row && eventOf(row);
    },

    find(appId, accountId, kind, thing) {
      const mark = kind === "addSubscribers" ? JSON.stringify(thing) : '"messageSent":{';
      return (selectEvents.all(appId, accountId, mark) as EventRow[]).flatMap((row) => {
        const event = eventOf(row);
        return event?.kind === kind && event.things.includes(thing) ? [event] : [];
      });
    },

    isAddedSince: (...key) => selectAdded.get(...key) !== undefined,

    write(seq, [followUp, decisionSeq], parts) {
      updateEvent.run(followUp || null, decisionSeq || null, parts, seq);
    },
  };
}

/** What is kept of an event besides its whole: nothing when all its parts are as the whole. */
export function partsColumn(states: readonly PartState[]): string | null {
  const [first] = states;
  return states.every(([followUp, decisionSeq]) => followUp === first?.[0] && decisionSeq === first[1]) ? null : JSON.stringify(states);
}

function eventOf(row: EventRow): PartedEvent | undefined {
  const { seq, app_id: appId, account_id: accountId, digest, time: eventMs } = row;
  const { subscribersAdded, messageSent } = JSON.parse(row.body) as EventBody;
  if (subscribersAdded === undefined && messageSent === undefined) return undefined;
  const things =
    messageSent === undefined
      ? thingsOfSubscribers(subscribersAdded?.subscribers ?? [])
      : [messageDigest(messageSent.elements ?? [], messageSent.customData ?? "")];
  const whole: PartState = [row.follow_up ?? unknown, row.decision_seq ?? 0];
  const states = row.follow_up_parts === null ? things.map((): PartState => whole) : (JSON.parse(row.follow_up_parts) as PartState[]);
  const kind = messageSent === undefined ? "addSubscribers" : "sendMessage";
  const user = subscribersAdded?.operator || null;
  return { seq, appId, accountId, eventMs, digest, kind, user, things, states, written: { whole, parts: row.follow_up_parts } };
}

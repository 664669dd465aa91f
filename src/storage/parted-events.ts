// Events about subscribers and messages, as they are joined part by part, and what is kept of their joins, in whatever store.
import type { FollowUp } from "../../gen/gatehouse/v1/follow_up_pb.ts";
import { type PartState, thingsOfSubscribers, unknown } from "./follow-up-parts.ts";
import { messageDigest } from "./message-digest.ts";
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
  /** What is kept of it; undefined for an event that is not written yet. */
  written: { whole: PartState; parts: string | null } | undefined;
}

/** What is read of an event. */
export interface PartedEventRow {
  seq: number;
  app_id: number;
  account_id: string;
  /** Hexadecimal. */
  digest: string;
  /** Its own, or that of its receipt. */
  time: number;
  body: string;
  follow_up: number | null;
  decision_seq: number | null;
  /** JSON of PartState; null when all parts are as the event. */
  follow_up_parts: string | null;
}

interface EventBody {
  subscribersAdded?: { operator?: string; subscribers?: string[] };
  messageSent?: { elements?: { rawJson: string }[]; customData?: string };
}

/** The event of a row; undefined for one that has no parts. */
export function partedEventOf(row: PartedEventRow): PartedEvent | undefined {
  const { seq, app_id: appId, account_id: accountId, digest, time: eventMs } = row;
  const { subscribersAdded, messageSent } = JSON.parse(row.body) as EventBody;
  if (subscribersAdded === undefined && messageSent === undefined) return undefined;
  const things =
    messageSent === undefined
      ? thingsOfSubscribers(subscribersAdded?.subscribers ?? [])
      : [messageDigest(messageSent.elements ?? [], messageSent.customData ?? "")];
  const whole: PartState = [(row.follow_up ?? unknown) as FollowUp, row.decision_seq ?? 0];
  const states = row.follow_up_parts === null ? things.map((): PartState => whole) : (JSON.parse(row.follow_up_parts) as PartState[]);
  const kind = messageSent === undefined ? "addSubscribers" : "sendMessage";
  const user = subscribersAdded?.operator || null;
  return { seq, appId, accountId, eventMs, digest, kind, user, things, states, written: { whole, parts: row.follow_up_parts } };
}

/** What stands in the body of every event about a thing: an id stands there as JSON has it, so that the others need not be parsed. */
export function markOfEvents(kind: PartKind, thing: string): string {
  return kind === "addSubscribers" ? JSON.stringify(thing) : '"messageSent":{';
}

/** What is kept of an event besides its whole: nothing when all its parts are as the whole. */
export function partsColumn(states: readonly PartState[]): string | null {
  const [first] = states;
  return states.every(([followUp, decisionSeq]) => followUp === first?.[0] && decisionSeq === first[1]) ? null : JSON.stringify(states);
}

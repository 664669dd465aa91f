// Decisions on subscribers and messages, as they are joined part by part, and what is kept of their joins, in whatever store.
import { type Part, partsOf, unknown, wholeOfDecision } from "./follow-up-parts.ts";

/** What decisions and events are about. */
export type PartKind = "addSubscribers" | "sendMessage";

/** A decision, and which event each of its parts is joined with. */
export interface PartedDecision {
  seq: number;
  appId: number;
  accountId: string;
  kind: PartKind;
  askMs: number;
  /** From when on an allow stands. */
  standsFromMs: number;
  parts: readonly Part[];
  /** By the index of the part. */
  joined: Map<number, PartJoin>;
  /** When those without an event were given up; null when they were not. */
  abandonMs: number | null;
  /** What is kept of it, in JSON. */
  written: string;
}

/** The event that follows from a part, and since when that is known. */
export interface PartJoin {
  eventSeq: number;
  timeMs: number;
}

/** Decisions on an account, the latest first. */
export interface FoundDecisions {
  decisions: PartedDecision[];
  /** Whether there are none that were made since the time that was asked for and have not been looked at. */
  isWhole: boolean;
}

/** The columns of `follow_ups` after the first. */
export type FollowUpColumns = [
  followUp: number,
  followUpEventSeq: number | null,
  followUpMs: number | null,
  /** JSON of [index, event, time] for each part that is joined; null when none is. */
  parts: string | null,
  /** How many parts were allowed and have no event; null for a decision without parts. */
  missing: number | null,
  abandonMs: number | null,
];

/** What is read of a decision. Its body is what `encodeDecision` makes of it. */
export interface PartedDecisionRow {
  seq: number;
  verdict: number;
  event_time: number | null;
  decide_time: number | null;
  body: string;
}

/** What a fallback answered instead of a decision, as became known after the decision was written. */
export type LateAnswer = [verdict: number, answerMs: number];

const nothingWritten = "[]";

/** The decision of a row. `answer` is undefined when no fallback answered instead, `stored` when nothing of it is kept. */
export function partedDecisionOf(
  appId: number,
  accountId: string,
  row: PartedDecisionRow,
  answer: LateAnswer | undefined,
  stored: FollowUpColumns | undefined,
): PartedDecision {
  const { seq, verdict, event_time, decide_time, body } = row;
  const [answered, answerMs] = answer ?? [null, null];
  const joins = JSON.parse(stored?.[3] ?? "[]") as [index: number, eventSeq: number, timeMs: number][];
  // What was answered instead stands from the answer on, which may be long ago.
  const answeredAtOnceMs = answered === null ? answerTimeOf(body) : undefined;
  const standsFromMs = answerMs ?? answeredAtOnceMs ?? decide_time ?? 0;
  return {
    seq,
    appId,
    accountId,
    kind: body.startsWith(bodyBegin("sendMessage")) ? "sendMessage" : "addSubscribers",
    askMs: event_time ?? answeredAtOnceMs ?? decide_time ?? 0,
    standsFromMs,
    parts: partsOf({ verdict, answered, body }),
    joined: new Map(joins.map(([index, eventSeq, timeMs]) => [index, { eventSeq, timeMs }])),
    abandonMs: stored?.[5] ?? null,
    written: stored === undefined ? nothingWritten : JSON.stringify(stored),
  };
}

/** What stands in the body of every decision that can be meant: an id stands there as JSON has it, so that the others need not be parsed. */
export function markOfDecisions(kind: PartKind, things: readonly string[]): string {
  const [only] = things;
  return kind === "addSubscribers" && things.length === 1 ? JSON.stringify(only) : bodyBegin(kind);
}

/** What is to be kept of a decision: an empty array for nothing, undefined for what is kept already. */
export function followUpToKeep(decision: PartedDecision): FollowUpColumns | [] | undefined {
  const columns = followUpColumns(decision);
  return JSON.stringify(columns) === decision.written ? undefined : columns;
}

function followUpColumns({ parts, joined, abandonMs }: PartedDecision): FollowUpColumns | [] {
  const { followUp, part, missing } = wholeOfDecision(parts, (index) => joined.has(index), abandonMs !== null);
  if (followUp === unknown) return [];
  const joins = parts.flatMap(({ index }) => {
    const join = joined.get(index);
    return join === undefined ? [] : [[index, join.eventSeq, join.timeMs]];
  });
  const join = part && joined.get(part.index);
  const column = joins.length === 0 ? null : JSON.stringify(joins);
  return [followUp, join?.eventSeq ?? null, join?.timeMs ?? abandonMs, column, missing, missing > 0 ? abandonMs : null];
}

/** How the body of a decision of the kind begins: with its action, as src/storage/decision-codec.ts writes it. */
function bodyBegin(kind: PartKind): string {
  return `{"${kind}":{`;
}

/** When a fallback answered, of a decision that was written as its answer. */
function answerTimeOf(body: string): number | undefined {
  if (!body.includes('"answerTime":')) return undefined;
  const { answerTime } = JSON.parse(body) as { answerTime?: string };
  return answerTime === undefined ? undefined : Date.parse(answerTime);
}

// Decisions on subscribers and messages, as they are read to be joined part by part, and what is written of their joins. Runs in the writer thread.
import type { Database } from "better-sqlite3";
import { type Part, partsOf, unknown, wholeOfDecision } from "../follow-up-parts.ts";

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
  /** What is written of it, in JSON. */
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

/** Reads and writes decisions with their joins. */
export interface PartedDecisions {
  /**
   * Those of the latest `limit` decisions on the account that are of the kind and, when there is one thing only, can be about it. It is looked no
   * further back than to the first that was made before `fromMs`.
   */
  find(appId: number, accountId: string, kind: PartKind, things: readonly string[], fromMs: number, limit: number): FoundDecisions;
  get(seq: number): PartedDecision | undefined;
  /** The parts of a decision as if no fallback had answered instead. */
  partsAsDecided(seq: number): Part[];
  write(decision: PartedDecision): void;
}

interface DecisionRow {
  seq: number;
  verdict: number;
  event_time: number | null;
  decide_time: number | null;
  body: string | null;
}

interface FollowUpRow {
  follow_up: number;
  follow_up_event_seq: number | null;
  follow_up_time: number;
  parts: string | null;
  missing: number | null;
  abandon_time: number | null;
}

const nothingWritten = "[]";

/** Prepares the statements. */
export function preparePartedDecisions(db: Database): PartedDecisions {
  // An id stands in a body as JSON has it: what cannot be meant is told without being parsed.
  const selectDecisions = db.prepare(
    `SELECT seq, verdict, event_time, decide_time, CASE WHEN app_id = ? AND instr(body, ?) > 0 AND event_id IS NULL THEN body END AS body
       FROM decisions WHERE account_id = ? ORDER BY seq DESC LIMIT ?`,
  );
  const selectDecision = db.prepare(
    "SELECT seq, app_id, account_id, verdict, event_time, decide_time, body FROM decisions WHERE seq = ? AND account_id IS NOT NULL",
  );
  const selectAnswer = db.prepare("SELECT verdict, answer_time FROM degraded_answers WHERE seq = ?").raw();
  const selectFollowUp = db.prepare(
    "SELECT follow_up, follow_up_event_seq, follow_up_time, parts, missing, abandon_time FROM follow_ups WHERE decision_seq = ?",
  );
  const saveFollowUp = db.prepare(
    `INSERT INTO follow_ups (decision_seq, follow_up, follow_up_event_seq, follow_up_time, parts, missing, abandon_time)
     VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET follow_up = excluded.follow_up, follow_up_event_seq = excluded.follow_up_event_seq,
       follow_up_time = excluded.follow_up_time, parts = excluded.parts, missing = excluded.missing, abandon_time = excluded.abandon_time`,
  );
  const forgetFollowUp = db.prepare("DELETE FROM follow_ups WHERE decision_seq = ?");

  function decisionOf(appId: number, accountId: string, row: DecisionRow & { body: string }): PartedDecision {
    const { seq, verdict, event_time, decide_time, body } = row;
    const [answered, answerMs] = (selectAnswer.get(seq) as [number, number] | undefined) ?? [null, null];
    const stored = selectFollowUp.get(seq) as FollowUpRow | undefined;
    const joins = JSON.parse(stored?.parts ?? "[]") as [index: number, eventSeq: number, timeMs: number][];
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
      abandonMs: stored?.abandon_time ?? null,
      written: stored === undefined ? nothingWritten : JSON.stringify(Object.values(stored)),
    };
  }

  return {
    find(appId, accountId, kind, things, fromMs, limit) {
      const [only] = things;
      const mark = kind === "addSubscribers" && things.length === 1 ? JSON.stringify(only) : bodyBegin(kind);
      const rows = selectDecisions.all(appId, mark, accountId, limit) as DecisionRow[];
      const end = rows.findIndex(({ decide_time }) => (decide_time ?? 0) < fromMs);
      const recent = end === -1 ? rows : rows.slice(0, end);
      return {
        decisions: recent.flatMap((row) => (row.body === null ? [] : [decisionOf(appId, accountId, { ...row, body: row.body })])),
        isWhole: end !== -1 || rows.length < limit,
      };
    },

    get(seq) {
      const row = selectDecision.get(seq) as (DecisionRow & { app_id: number; account_id: string; body: string }) | undefined;
      return row && decisionOf(row.app_id, row.account_id, row);
    },

    partsAsDecided(seq) {
      const { verdict, body } = selectDecision.get(seq) as DecisionRow & { body: string };
      return partsOf({ verdict, answered: null, body });
    },

    write(decision) {
      const values = followUpValues(decision);
      if (JSON.stringify(values) === decision.written) return;
      if (values.length === 0) forgetFollowUp.run(decision.seq);
      else saveFollowUp.run(decision.seq, ...values);
    },
  };
}

/** How the body of a decision of the kind begins: with its action, as src/storage/decision-codec.ts writes it. */
function bodyBegin(kind: PartKind): string {
  return `{"${kind}":{`;
}

/** The columns of `follow_ups` after the first; none when nothing is known. */
function followUpValues({ parts, joined, abandonMs }: PartedDecision): (string | number | null)[] {
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

/** When a fallback answered, of a decision that was written as its answer. */
function answerTimeOf(body: string): number | undefined {
  if (!body.includes('"answerTime":')) return undefined;
  const { answerTime } = JSON.parse(body) as { answerTime?: string };
  return answerTime === undefined ? undefined : Date.parse(answerTime);
}

// How time goes by for subscriptions and messages: what was allowed and did not happen is abandoned. A store walks its log of decisions in its
// order, with a place on disk, and asks this about each stretch.
import { isPast } from "./is-past.ts";
import type { PartedDecision } from "./parted-decisions.ts";

/** A decision in the log. */
export interface SweptRow {
  seq: number;
  decide_time: number | null;
}

/** What is swept: at most `maxRows` decisions after `from`, up to the first that was made less than `reservationMs` ago. */
export interface SweepSpan {
  from: number;
  maxRows: number;
  nowMs: number;
  reservationMs: number;
}

/** What is to be done about a stretch of the log. */
export interface PartSweep {
  /** Up to which decision the log is looked through. */
  to: number;
  /** Whether nothing after it is past yet. */
  isDone: boolean;
  /** What is to be written anew. */
  decisions: PartedDecision[];
  /** How many of them were abandoned as a whole. */
  addSubscribers: number;
  sendMessage: number;
}

/** Goes through the decisions of a span, all that the log has up to `maxRows`. `decisionOf` is asked about each; undefined when none of it can be abandoned. */
export function sweepParts<Row extends SweptRow>(
  rows: readonly Row[],
  { from, maxRows, nowMs, reservationMs }: SweepSpan,
  decisionOf: (row: Row) => PartedDecision | undefined,
): PartSweep {
  const swept: PartSweep = { to: from, isDone: rows.length < maxRows, decisions: [], addSubscribers: 0, sendMessage: 0 };
  for (const row of rows) {
    if (row.decide_time !== null && !isPast(row.decide_time, reservationMs, nowMs)) return { ...swept, isDone: true };
    const decision = decisionOf(row);
    if (decision?.parts.some(({ index, isAllowed }) => isAllowed && !decision.joined.has(index))) {
      if (decision.joined.size === 0) swept[decision.kind] += 1;
      decision.abandonMs ??= nowMs;
      swept.decisions.push(decision);
    }
    swept.to = row.seq;
  }
  return swept;
}

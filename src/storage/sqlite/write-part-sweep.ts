// How time goes by for subscriptions and messages: what was allowed and did not happen is noted as abandoned. Walks the log of decisions in its order,
// with a cursor on disk. Runs in the writer thread.
import type { Database } from "better-sqlite3";
import { preparePartedDecisions } from "./parted-decisions.ts";
import { isPast } from "./write-follow-up-sweep.ts";

/** How many decisions are looked at in one write. */
const rowsPerStep = 256;

/** What one write has done. */
export interface PartSweep {
  addSubscribers: number;
  sendMessage: number;
  isDone: boolean;
}

/** Sweeps a bounded part of the decisions that were made at least `reservationMs` ago. */
export type SweepParts = (nowMs: number, reservationMs: number) => PartSweep;

/** Prepares the sweep. */
export function partSweeper(db: Database): SweepParts {
  const kept = preparePartedDecisions(db);
  const readCursor = db.prepare("SELECT parts_abandoned_to FROM follow_up_sweep").pluck();
  const saveCursor = db.prepare("UPDATE follow_up_sweep SET parts_abandoned_to = ?");
  const select = db
    .prepare(
      `SELECT seq, decide_time,
           account_id IS NOT NULL AND event_id IS NULL AND (follow_up IS NULL OR missing > 0)
             AND coalesce((SELECT verdict FROM degraded_answers WHERE degraded_answers.seq = decisions.seq), verdict) = 1
         FROM decisions LEFT JOIN follow_ups ON decision_seq = seq WHERE seq > ? ORDER BY seq LIMIT ${rowsPerStep}`,
    )
    .raw();

  return (nowMs, reservationMs) => {
    const swept: PartSweep = { addSubscribers: 0, sendMessage: 0, isDone: false };
    const from = readCursor.get() as number;
    const found = select.all(from) as [seq: number, decideMs: number | null, isMissing: 0 | 1][];
    let to = from;
    let isAtEnd = found.length < rowsPerStep;
    for (const [seq, decideMs, isMissing] of found) {
      if (decideMs !== null && !isPast(decideMs, reservationMs, nowMs)) {
        isAtEnd = true;
        break;
      }
      const decision = isMissing === 1 ? kept.get(seq) : undefined;
      if (decision?.parts.some(({ index, isAllowed }) => isAllowed && !decision.joined.has(index))) {
        if (decision.joined.size === 0) swept[decision.kind] += 1;
        decision.abandonMs ??= nowMs;
        kept.write(decision);
      }
      to = seq;
    }
    if (to !== from) saveCursor.run(to);
    return { ...swept, isDone: isAtEnd };
  };
}

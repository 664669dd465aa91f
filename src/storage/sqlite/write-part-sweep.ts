// How time goes by for subscriptions and messages in SQLite: their allows are noted as abandoned. Walks the log of decisions with a cursor on disk.
// Runs in the writer thread.
import type { Database } from "better-sqlite3";
import { type PartSweep, type SweptRow, sweepParts } from "../part-sweep.ts";
import { preparePartedDecisions } from "./write-parted-decisions.ts";

/** How many decisions are looked at in one write. */
const maxRows = 256;

interface LogRow extends SweptRow {
  is_missing: 0 | 1;
}

/** Prepares the sweep of a bounded part of the decisions that were made at least `reservationMs` ago. */
export function partSweeper(db: Database): (nowMs: number, reservationMs: number) => PartSweep {
  const kept = preparePartedDecisions(db);
  const readCursor = db.prepare("SELECT parts_abandoned_to FROM follow_up_sweep").pluck();
  const saveCursor = db.prepare("UPDATE follow_up_sweep SET parts_abandoned_to = ?");
  const select = db.prepare(
    `SELECT seq, decide_time,
         account_id IS NOT NULL AND event_id IS NULL AND (follow_up IS NULL OR missing > 0)
           AND coalesce((SELECT verdict FROM degraded_answers WHERE degraded_answers.seq = decisions.seq), verdict) = 1 AS is_missing
       FROM decisions LEFT JOIN follow_ups ON decision_seq = seq WHERE seq > ? ORDER BY seq LIMIT ${maxRows}`,
  );

  return (nowMs, reservationMs) => {
    const from = readCursor.get() as number;
    const swept = sweepParts(select.all(from) as LogRow[], { from, maxRows, nowMs, reservationMs }, ({ seq, is_missing }) =>
      is_missing === 1 ? kept.decision(seq) : undefined,
    );
    for (const decision of swept.decisions) kept.writeDecision(decision);
    if (swept.to !== from) saveCursor.run(swept.to);
    return swept;
  };
}

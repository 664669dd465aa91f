// The one sequence of decisions, events, cases and their closings, edits of lists and activations.
import type { Database } from "better-sqlite3";

/** Reads the highest number that is, or ever was, in use. */
export const selectHighest = `SELECT max(
    (SELECT earliest FROM feed),
    coalesce((SELECT max(next_seq) FROM restores), 0),
    coalesce((SELECT max(seq) FROM decisions), 0),
    coalesce((SELECT max(seq) FROM events), 0),
    coalesce((SELECT max(seq) FROM list_edits), 0),
    coalesce((SELECT max(seq) FROM activations), 0),
    coalesce((SELECT max(seq) FROM cases), 0),
    coalesce((SELECT max(seq) FROM case_closings), 0)
  ) AS seq`;

/** Gives numbers, in the writer thread. A number counts as used when `use` was called with it. */
export interface Sequence {
  next(): number;
  use(seq: number): void;
  /** To be called when a transaction was rolled back. */
  forget(): void;
}

/** Creates the sequence, which goes on after what is in the database. */
export function createSequence(db: Database): Sequence {
  const highest = db.prepare(selectHighest).pluck();
  let last = highest.get() as number;
  return {
    next: () => last + 1,
    use(seq) {
      last = seq;
    },
    forget() {
      last = highest.get() as number;
    },
  };
}

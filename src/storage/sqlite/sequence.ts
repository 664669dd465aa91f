// The one sequence of decisions and events. Used in the writer thread.
import type { Database } from "better-sqlite3";

/** A number counts as used when `use` was called with it. */
export interface Sequence {
  next(): number;
  use(seq: number): void;
  /** To be called when a transaction was rolled back. */
  forget(): void;
}

/** Creates the sequence, which goes on after what is in the database. */
export function createSequence(db: Database): Sequence {
  const highest = db
    .prepare("SELECT max(coalesce((SELECT max(seq) FROM decisions), 0), coalesce((SELECT max(seq) FROM events), 0))")
    .pluck();
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

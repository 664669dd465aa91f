// What a process that copies a store again and again remembers of the pass before, so that the last one, which the service waits for, reads less.
import type { MovedKey, StretchDigest } from "./moved-rows.ts";
import type { MovedTable } from "./moved-tables.ts";

/** Rows after `from` up to `to` that were the same on both sides. */
export interface KnownStretch {
  from: MovedKey | undefined;
  to: MovedKey;
  digest: StretchDigest;
}

/** What tells which decisions and events can have changed since. */
export interface LogState {
  /** Decisions and events with lower sequence numbers do not change, but for retention and erasures. */
  changesFrom: number;
  /** All rows that retention has deleted have sequence numbers up to this one. */
  earliest: number;
  /** Another one whenever an erasure has changed anything. */
  erasures: string;
}

/** What is remembered. Nobody else may write to the target meanwhile. */
export interface MoveMemory {
  /** The stretches of a table, in their order, from its first row on. */
  stretches(table: MovedTable): readonly KnownStretch[];
  /** Whether the rows of a stretch are the same as they were, without a look at them. */
  isUnchanged(table: MovedTable, stretch: KnownStretch, now: LogState): boolean;
  keep(table: MovedTable, stretches: readonly KnownStretch[]): void;
  /** To be called at the end of a pass. */
  keepState(state: LogState): void;
}

/** Creates a memory of nothing. */
export function createMoveMemory(): MoveMemory {
  const known = new Map<string, readonly KnownStretch[]>();
  let before: LogState | undefined;
  return {
    stretches: ({ name }) => known.get(name) ?? [],
    isUnchanged({ name }, { from, to }, now) {
      if (before === undefined || (name !== "decisions" && name !== "events")) return false;
      return Number(to[0]) < before.changesFrom && Number(from?.[0] ?? 0) >= now.earliest && now.erasures === before.erasures;
    },
    keep: ({ name }, stretches) => void known.set(name, stretches),
    keepState(state) {
      before = state;
    },
  };
}

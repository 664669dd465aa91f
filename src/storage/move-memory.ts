// What a process that copies a store again and again remembers of the pass before, so that the last one, which the service waits for, reads less.
import type { MovedKey, MovedRow, MovedValue, StretchDigest } from "./moved-rows.ts";
import type { MovedTable } from "./moved-tables.ts";

/** Rows after `from` up to `to` that were the same on both sides. */
export interface KnownStretch {
  from: MovedKey | undefined;
  to: MovedKey;
  digest: StretchDigest;
}

/** What tells which decisions and events can have changed since. */
export interface LogState {
  /**
   * Decisions and events with lower sequence numbers do not change, but for retention, erasures, and for what events about subscribers and messages
   * follow from.
   */
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
  /** Hears of rows that were removed from the target or added to it. A table must be done before those that come after it are asked about. */
  noteChanged(table: MovedTable, rows: readonly MovedRow[]): void;
  keep(table: MovedTable, stretches: readonly KnownStretch[]): void;
  /** To be called at the end of a pass. */
  keepState(state: LogState): void;
}

/** Creates a memory of nothing. */
export function createMoveMemory(): MoveMemory {
  const known = new Map<string, readonly KnownStretch[]>();
  let before: LogState | undefined;
  let rejoined = createRejoinedEvents();
  return {
    stretches: ({ name }) => known.get(name) ?? [],
    isUnchanged({ name }, { from, to }, now) {
      if (before === undefined || (name !== "decisions" && name !== "events")) return false;
      if (name === "events" && rejoined.mayBeAmong(Number(from?.[0] ?? 0), Number(to[0]))) return false;
      return Number(to[0]) < before.changesFrom && Number(from?.[0] ?? 0) >= now.earliest && now.erasures === before.erasures;
    },
    noteChanged(table, rows) {
      // All of the first pass is new.
      if (before !== undefined) rejoined.note(table, rows);
    },
    keep: ({ name }, stretches) => void known.set(name, stretches),
    keepState(state) {
      before = state;
      rejoined = createRejoinedEvents();
    },
  };
}

/** Events that may follow from something else than before. */
interface RejoinedEvents {
  note(table: MovedTable, rows: readonly MovedRow[]): void;
  /** Whether any of them may have a sequence number after `from` up to `to`. */
  mayBeAmong(from: number, to: number): boolean;
}

/**
 * Creates none. When an event follows from something else, so does what followed from a decision: before or after, its row names the event. But for
 * a decision that a fallback has answered instead of: its row can stay what it was when only some of its events become leaks.
 */
function createRejoinedEvents(): RejoinedEvents {
  const seqs = new Set<number>();
  let mayBeAny = false;

  function noteFollowUp(row: Record<string, MovedValue | undefined>): void {
    const parts = JSON.parse(String(row.parts ?? "[]")) as [index: number, eventSeq: number, timeMs: number][];
    for (const [, eventSeq] of parts) seqs.add(eventSeq);
  }

  return {
    note({ name, columns }, rows) {
      if (name === "degraded_answers") mayBeAny ||= rows.length > 0;
      if (name !== "follow_ups") return;
      const names = Object.keys(columns);
      for (const row of rows) noteFollowUp(Object.fromEntries(names.map((column, index) => [column, row[index]])));
    },
    mayBeAmong: (from, to) => mayBeAny || seqs.values().some((seq) => from < seq && seq <= to),
  };
}

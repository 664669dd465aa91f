// Moving a store to another database, of whatever kind: what both sides must be able to do, and how one becomes what the other is.
import { createHash } from "node:crypto";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";
import { createMoveMemory, type KnownStretch, type LogState, type MoveMemory } from "./move-memory.ts";
import { differenceOfRows, type MovedKey, type MovedRow, type StretchDigest } from "./moved-rows.ts";
import { type MovedTable, movedTables } from "./moved-tables.ts";

/** Reads the rows of a store. Where a stretch has no `from` it begins with the first row, and where it has no `to` it ends with the last one. */
export interface MovedReader {
  /** The key of the row `limit` rows after `from`; undefined when no more rows than that are left. */
  endOfStretch(table: MovedTable, from: MovedKey | undefined, limit: number): Promise<MovedKey | undefined>;
  /** What the rows after `from` up to `to` come to. */
  digest(table: MovedTable, from: MovedKey | undefined, to: MovedKey | undefined): Promise<StretchDigest>;
  /** These rows, in the order of their keys. */
  rows(table: MovedTable, from: MovedKey | undefined, to: MovedKey | undefined): Promise<MovedRow[]>;
}

/** Numbers that must go on after those that were given, although no row may have them any more. */
export interface GivenNumbers {
  /** The position of the log. */
  position: number;
  /** From where on it is kept; see `Feed.earliestPosition`. */
  earliest: number;
  auditSeq: number;
  erasureSeq: number;
}

/** A moment of the log; see `LogState`. */
export type LogMoment = Pick<LogState, "changesFrom" | "earliest">;

/** The store as it is at one moment. */
export interface MovedSnapshot extends MovedReader {
  /** Whether nothing else has the store, and nothing can write to it before `end`: then this is all there will be. */
  isLast: boolean;
  givenNumbers(): Promise<GivenNumbers>;
  logMoment(): Promise<LogMoment>;
  end(): Promise<void>;
}

/** The store that is moved. Nothing is written to it. */
export interface MoveSource {
  /** What it is called, in messages and on the target; without a password. */
  name: string;
  /** Takes a snapshot. The one before must have ended. */
  snapshot(): Promise<MovedSnapshot>;
  close(): Promise<void>;
}

/** The database it is moved to. Until it is complete no service opens it. */
export interface MoveTarget extends MovedReader {
  name: string;
  /** Removes and adds rows, in one transaction. */
  replace(table: MovedTable, removed: readonly MovedRow[], added: readonly MovedRow[]): Promise<void>;
  /** To be called at the end of a pass: makes what is made of other rows. */
  settle(): Promise<void>;
  /** Makes it one that services open. It is on disk when this resolves. */
  complete(numbers: GivenNumbers): Promise<void>;
  close(): Promise<void>;
}

/** What one pass over a table found. */
export interface TablePass {
  rows: number;
  /** How many rows had to be removed or added. */
  changed: number;
  /** SHA-256 over the digests of its stretches, hexadecimal: the same on both sides. */
  digest: string;
}

/** What a pass found, by the names of the tables. */
export type MovePass = Readonly<Record<string, TablePass>>;

/** How many rows are compared at once. */
const rowsPerStretch = 2000;

/** How many stretches are compared ahead of the one that is copied, so that both sides are at work. */
const maxAhead = 4;

/**
 * Makes the target what the snapshot is: stretches of rows whose digests differ are compared row by row, rows that differ are replaced, and then the
 * digests must be the same. Rejects with STORE_UNAVAILABLE when they are not. `onCompared` hears of rows as they are done. With the `memory` of an
 * earlier pass of the same process, what that has found on the target is taken to be there still.
 */
export async function copySnapshot(
  snapshot: MovedSnapshot,
  target: MoveTarget,
  onCompared: (rows: number, table: string) => void,
  memory = createMoveMemory(),
): Promise<MovePass> {
  const state: LogState = { ...(await snapshot.logMoment()), erasures: await digestOfErasures(snapshot) };
  const passes: [string, TablePass][] = [];
  for (const table of movedTables) {
    const digest = createHash("sha256");
    const pass = { rows: 0, changed: 0 };
    const known: KnownStretch[] = [];
    for await (const stretch of compare(snapshot, target, table, { memory, state })) {
      if (!isSame(stretch.source, stretch.target)) {
        const { removed, added } = await copyStretch(snapshot, target, table, stretch);
        pass.changed += Math.max(removed.length, added.length);
        memory.noteChanged(table, [...removed, ...added]);
      }
      pass.rows += stretch.source.count;
      digest.update(stretch.source.digest);
      if (stretch.to !== undefined) known.push({ from: stretch.from, to: stretch.to, digest: stretch.source });
      onCompared(stretch.source.count, table.name);
    }
    memory.keep(table, known);
    passes.push([table.name, { ...pass, digest: digest.digest("hex") }]);
  }
  memory.keepState(state);
  await target.settle();
  return Object.fromEntries(passes);
}

async function digestOfErasures(snapshot: MovedSnapshot): Promise<string> {
  const erasures = movedTables.find(({ name }) => name === "erasures");
  return erasures === undefined ? "" : (await snapshot.digest(erasures, undefined, undefined)).digest;
}

/** Compares the target with a snapshot, and changes nothing. Results in a line for each table that differs. */
export async function findDifferences(
  snapshot: MovedSnapshot,
  target: MovedReader,
  onCompared: (rows: number, table: string) => void,
): Promise<string[]> {
  const lines: string[] = [];
  for (const table of movedTables) {
    let differing = 0;
    for await (const stretch of compare(snapshot, target, table)) {
      onCompared(stretch.source.count, table.name);
      if (isSame(stretch.source, stretch.target)) continue;
      const rows = (side: MovedReader) => side.rows(table, stretch.from, stretch.to);
      const { removed, added } = differenceOfRows(await rows(snapshot), await rows(target));
      differing += Math.max(removed.length, added.length);
    }
    if (differing > 0) lines.push(`${table.name}: ${differing} rows differ`);
  }
  return lines;
}

interface ComparedStretch {
  from: MovedKey | undefined;
  to: MovedKey | undefined;
  source: StretchDigest;
  target: StretchDigest;
}

/** Goes through a table, along the stretches that are remembered and then on to its end. */
async function* compare(
  source: MovedReader,
  target: MovedReader,
  table: MovedTable,
  remembered?: { memory: MoveMemory; state: LogState },
): AsyncGenerator<ComparedStretch> {
  const known = remembered?.memory.stretches(table) ?? [];
  const ahead: Promise<ComparedStretch>[] = [];
  let from: MovedKey | undefined;
  let begun = 0;
  let isAtEnd = false;
  while (!isAtEnd || ahead.length > 0) {
    while (!isAtEnd && ahead.length < maxAhead) {
      const stretch = known[begun];
      const to = stretch === undefined ? await source.endOfStretch(table, from, rowsPerStretch) : stretch.to;
      const comparing =
        stretch === undefined
          ? compareStretch(source, target, table, from, to)
          : compareKnown(source, table, stretch, remembered?.memory.isUnchanged(table, stretch, remembered.state) ?? false);
      // Whoever takes it hears of its failure, unless an earlier one has failed.
      comparing.catch(() => {});
      ahead.push(comparing);
      from = to;
      begun += 1;
      isAtEnd = to === undefined;
    }
    const next = await ahead.shift();
    if (next !== undefined) yield next;
  }
}

async function compareKnown(
  source: MovedReader,
  table: MovedTable,
  { from, to, digest }: KnownStretch,
  isUnchanged: boolean,
): Promise<ComparedStretch> {
  return { from, to, source: isUnchanged ? digest : await source.digest(table, from, to), target: digest };
}

async function compareStretch(
  source: MovedReader,
  target: MovedReader,
  table: MovedTable,
  from: MovedKey | undefined,
  to: MovedKey | undefined,
): Promise<ComparedStretch> {
  const [ofTarget, ofSource] = await Promise.all([target.digest(table, from, to), source.digest(table, from, to)]);
  return { from, to, source: ofSource, target: ofTarget };
}

function isSame(a: StretchDigest, b: StretchDigest): boolean {
  return a.count === b.count && a.digest === b.digest;
}

/** Results in the rows that were replaced. */
async function copyStretch(
  snapshot: MovedSnapshot,
  target: MoveTarget,
  table: MovedTable,
  { from, to, source, target: before }: ComparedStretch,
): Promise<ReturnType<typeof differenceOfRows>> {
  const rows = await snapshot.rows(table, from, to);
  const difference = differenceOfRows(rows, before.count === 0 ? [] : await target.rows(table, from, to));
  await target.replace(table, difference.removed, difference.added);
  if (!isSame(source, await target.digest(table, from, to))) {
    throw new GatehouseError(
      ErrorReason.STORE_UNAVAILABLE,
      `Rows of the table ${table.name} are not in ${target.name} as they are in the source: is something else writing to it? Nothing was changed in the source.`,
    );
  }
  return difference;
}

// `gatehouse migrate`: moves a store between SQLite and PostgreSQL.
import { setTimeout as delay } from "node:timers/promises";
import { Invalid, isPostgresUrl, readDatabase } from "../config-values.ts";
import type { Move } from "../open-move.ts";
import type { MovePass } from "../storage/move.ts";
import type { MoveMemory } from "../storage/move-memory.ts";
import { type Command, CommandError, type Io, parseFlags, UsageError } from "./command.ts";
import { formatSince } from "./database-flags.ts";
import { createProgress, formatCount } from "./progress.ts";
import { fields, safe } from "./text.ts";

const usage = `Copies all that a service keeps from one database to another, SQLite to PostgreSQL or back, and proves that it is the same.

Usage: gatehouse migrate --from DATABASE --to DATABASE

A DATABASE is a path to an SQLite file, or postgres://user:password@host:5432/database. The one it is moved to
must be new: a file that is not there, or an empty database. Nothing is written to the one it is moved from.

While the service runs this copies what there is, again until little is left, and says so: no service starts on
the new database yet. With the service stopped, run the same command again: it copies what has changed, compares
digests of all rows of all tables, and completes the new database. The service is down for no longer than that.
It may be interrupted at any time, and goes on where it was when it is run again. Ids, cursors and page tokens
stay valid. Ends with 0 when it did what it could, with 1 when something failed or differs.

  --follow   go on until the service is stopped, and complete the new database then
  --verify   only compare the two, with both services stopped, and change nothing
`;

/** A pass that has changed fewer rows leaves little for the next. */
const littleRows = 10_000;

/** How often a store is copied at most before the service must stop. */
const maxPasses = 5;

const followEveryMs = 1000;

/** The entry of the table of commands. */
export const migrate: Command = {
  name: "migrate",
  summary: "move the database to PostgreSQL, or back to SQLite",
  usage,
  async run(args, io) {
    const options = { from: { type: "string" }, to: { type: "string" }, follow: { type: "boolean" }, verify: { type: "boolean" } } as const;
    const { values: flags, positionals } = parseFlags(args, options);
    if (positionals.length > 0) throw new UsageError("migrate takes no arguments but its flags.");
    const from = readFlag("--from", flags.from);
    const to = readFlag("--to", flags.to);
    if (flags.follow && flags.verify) throw new UsageError("--follow and --verify cannot be given together.");
    const { openMove } = await import("../open-move.ts");
    await using move = await openMove({ from, to, isCompared: flags.verify ?? false });
    // The databases are closed when it has ended.
    return await (flags.verify ? verify(move, io) : copy(move, flags.follow ?? false, io));
  },
};

function readFlag(flag: string, value: string | undefined): string {
  if (value === undefined) throw new UsageError("migrate needs --from and --to, each a path or postgres://…");
  try {
    return readDatabase(value);
  } catch (error) {
    if (error instanceof Invalid) throw new UsageError(`${flag} ${error.message}`);
    throw error;
  }
}

async function copy(move: Move, isFollowing: boolean, io: Io): Promise<number> {
  const { createMoveMemory } = await import("../storage/move-memory.ts");
  const memory = createMoveMemory();
  let wasTold = false;
  for (let passes = 1; ; passes += 1) {
    const { pass, isLast, startMs } = await copyOnce(move, memory, io);
    if (isLast) return sayComplete(move, pass, startMs, io);
    const isLittle = sumOf(pass, "changed") <= littleRows;
    if (!isFollowing && (isLittle || passes === maxPasses)) return sayNotComplete(move, pass, startMs, io);
    if (!isFollowing || !isLittle) continue;
    if (!wasTold) io.stderr.write(`Little is left to copy from ${safe(move.source.name)}: stop the service when you like.\n`);
    wasTold = true;
    await delay(followEveryMs);
  }
}

async function copyOnce(
  { source, target }: Move,
  memory: MoveMemory,
  io: Io,
): Promise<{ pass: MovePass; isLast: boolean; startMs: number }> {
  const { copySnapshot } = await import("../storage/move.ts");
  const snapshot = await source.snapshot();
  const startMs = io.now();
  const progress = createProgress("compared and copied", io);
  const pass = await copySnapshot(snapshot, target, (rows) => progress.add(rows), memory);
  io.stderr.write(
    `${formatCount(sumOf(pass, "rows"))} rows, ${formatCount(sumOf(pass, "changed"))} of them copied (${progress.summary()}).\n`,
  );
  if (snapshot.isLast) await target.complete(await snapshot.givenNumbers());
  await snapshot.end();
  return { pass, isLast: snapshot.isLast, startMs };
}

function sayComplete({ target }: Move, pass: MovePass, startMs: number, io: Io): number {
  io.stdout.write(describePass(pass));
  io.stderr.write(`Complete: every row of every table is the same on both sides, checked in ${formatSince(startMs, io)}.\n`);
  io.stderr.write(`Start the service with GATEHOUSE_DATABASE=${settingOf(target.name)}, and never again on the old database.\n`);
  return 0;
}

function sayNotComplete({ source }: Move, pass: MovePass, startMs: number, io: Io): number {
  io.stdout.write(describePass(pass));
  io.stderr.write(
    `Not complete: the service still runs on ${safe(source.name)}. Stop it and run the same command again; that takes about ${formatSince(startMs, io)}.\n`,
  );
  return 0;
}

async function verify({ source, target }: Move, io: Io): Promise<number> {
  const { findDifferences } = await import("../storage/move.ts");
  const snapshot = await source.snapshot();
  if (!snapshot.isLast) throw new CommandError(`the service runs on ${source.name}: what it writes would differ. Stop it first.`);
  const progress = createProgress("compared", io);
  const differences = await findDifferences(snapshot, target, (rows) => progress.add(rows));
  await snapshot.end();
  for (const line of differences) io.stderr.write(`differs: ${line}\n`);
  if (differences.length === 0) io.stderr.write(`The same, row by row (${progress.summary()}).\n`);
  return differences.length === 0 ? 0 : 1;
}

/** Rows and the beginning of the digest, by table. */
function describePass(pass: MovePass): string {
  return fields(Object.entries(pass).map(([table, { rows, digest }]) => [table, `${formatCount(rows)}  ${digest.slice(0, 16)}`] as const));
}

function sumOf(pass: MovePass, what: "rows" | "changed"): number {
  return Object.values(pass).reduce((sum, table) => sum + table[what], 0);
}

/** Passwords are not repeated. */
function settingOf(name: string): string {
  return isPostgresUrl(name) ? "the URL that was given as --to" : safe(name);
}

// The table: every row in every round, in alternating order.
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { prepareGatehouse } from "./gatehouse.ts";
import { checkedByH2load, measureByH2load } from "./h2load.ts";
import { measure, measureOn } from "./measure.ts";
import type { Options } from "./options.ts";
import { installPeers } from "./peers.ts";
import { findProgram } from "./processes.ts";
import { describeRun, type MissingRow, type Report, summarizeRows } from "./report.ts";
import { type BenchContext, type Row, type RowServer, rows } from "./rows.ts";
import type { Measured } from "./statistics.ts";

/** A quick run starts no further row after so many seconds, so that it ends within 50. */
const quickSeconds = 43;

/** What a table is made of. */
export type TableOptions = Pick<Options, "quick" | "rounds" | "seconds" | "warmUpSeconds" | "entries" | "only">;

/** Measures the rows; files go to `folder`, `onProgress` gets a line for people each time something was done. */
export async function measureTable(options: TableOptions, folder: string, onProgress: (line: string) => void): Promise<Report> {
  const startMs = performance.now();
  const run = describeRun();
  const { present, missing } = availableRows(options.only);
  const prepared = await prepareGatehouse(folder, options.entries);
  const context: BenchContext = { prepared, entries: options.entries };
  onProgress(`prepared: ${prepared.policy}, lists of ${options.entries} entries`);

  const measured = new Map<string, Measured[]>(present.map(({ name }) => [name, []]));
  const measuring = createMeasuring(context, folder, options);
  for (let round = 0; round < options.rounds; round++) {
    // The order alternates, so that nobody profits from what came before.
    for (const row of round % 2 === 0 ? present : present.toReversed()) {
      if (missing.some(({ name }) => name === row.name)) continue;
      if (options.quick && performance.now() - startMs > quickSeconds * 1000) {
        missing.push({ name: row.name, reason: `the first ${quickSeconds} s of a quick run were over` });
        continue;
      }
      const progress = (what: string) => onProgress(`round ${round + 1}  ${row.name.padEnd(24)} ${what}`);
      try {
        const figures = await measuring.measure(row);
        measured.get(row.name)?.push(figures);
        progress(`${figures.rps.toFixed(0).padStart(7)} requests/s, p99 ${figures.p99_ms.toFixed(1)} ms`);
      } catch (error) {
        // A row that has failed once is not reported: the rounds that are left would make a better figure than it deserves.
        measured.delete(row.name);
        missing.push({ name: row.name, reason: messageOf(error) });
        progress(`failed: ${messageOf(error)}`);
      }
    }
  }
  await measuring.stop();
  const summary = summarizeRows(measured, new Map(rows.map(({ name, load }) => [name, load])));
  const checked = options.quick ? [] : summary.rows.filter(({ name }) => checkedByH2load.includes(name));
  return {
    ...run,
    quick: options.quick,
    rounds: options.rounds,
    seconds: options.seconds,
    warm_up_seconds: options.warmUpSeconds,
    policy: prepared.policy,
    list_entries: options.entries,
    ...summary,
    h2load_rps: await checkByH2load(checked, missing, (row, rps) =>
      measureByH2load(row, context, folder, Math.ceil(rps * options.seconds)),
    ),
    missing,
  };
}

/** Measures rows; to be stopped at the end. */
interface Measuring {
  measure(row: Row): Promise<Measured>;
  stop(): Promise<void>;
}

/** Measures each row on a fresh server; in a quick run rows that start slowly share one with those that start the same. */
function createMeasuring(context: BenchContext, folder: string, options: TableOptions): Measuring {
  const shared = new Map<Row["start"], { server: RowServer; folder: string }>();
  return {
    async measure(row) {
      if (!options.quick || !row.startsSlowly) return measure(row, context, folder, options);
      let found = shared.get(row.start);
      if (found === undefined) {
        const own = mkdtempSync(join(folder, "shared-"));
        found = { server: await row.start(own, context), folder: own };
        shared.set(row.start, found);
      }
      return measureOn(found.server, row, context, found.folder, options);
    },
    async stop() {
      for (const { server } of shared.values()) await server.stop();
    },
  };
}

/** The rows that can be measured here, and why the others cannot. Installs the peers when they are asked for. */
function availableRows(only: readonly string[]): { present: Row[]; missing: MissingRow[] } {
  const unknown = only.filter((name) => !rows.some((row) => row.name === name));
  if (unknown.length > 0) throw new Error(`There is no row ${unknown.join(", ")}. There are: ${rows.map(({ name }) => name).join(", ")}.`);
  const present: Row[] = [];
  const missing: MissingRow[] = [];
  const asked = rows.filter(({ name }) => only.length === 0 || only.includes(name));
  const peersProblem = asked.some(({ needs }) => needs.includes("peers")) ? installProblem() : undefined;
  const wrkProblem = findProgram("wrk") === undefined ? "wrk is not installed: it is the Debian package `wrk`" : undefined;
  for (const row of asked) {
    const reason = (row.needs.includes("wrk") ? wrkProblem : undefined) ?? (row.needs.includes("peers") ? peersProblem : undefined);
    if (reason === undefined) present.push(row);
    else missing.push({ name: row.name, reason });
  }
  return { present, missing };
}

function installProblem(): string | undefined {
  try {
    installPeers();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

async function checkByH2load(
  checked: readonly { name: string; rps: number }[],
  missing: MissingRow[],
  measureRow: (row: Row, rps: number) => Promise<number>,
): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const { name, rps } of checked) {
    try {
      if (findProgram("h2load") === undefined) throw new Error("h2load is not installed: it is in the Debian package `nghttp2-client`");
      const row = rows.find((one) => one.name === name);
      if (row !== undefined) found[name] = Math.round(await measureRow(row, rps));
    } catch (error) {
      missing.push({ name: `${name} by h2load`, reason: messageOf(error) });
    }
  }
  return found;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

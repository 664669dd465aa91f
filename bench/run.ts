// `npm run bench`: measures Gatehouse beside its floors and its peers, in one run on one machine. docs/performance.md says how to read it.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { axisNames, measureGrowth } from "./harness/growth.ts";
import { type Options, readOptions, usage } from "./harness/options.ts";
import { findProgram, root } from "./harness/processes.ts";
import { profileRow } from "./harness/profile.ts";
import { formatReport, resultsFolder, saveReport } from "./harness/report.ts";
import { rows } from "./harness/rows.ts";
import { measureTable } from "./harness/table.ts";

const say = (line: string) => process.stderr.write(`${line}\n`);

async function table(options: Options, folder: string): Promise<void> {
  const report = await measureTable(options, folder, say);
  // A run of some rows only is looked at, and not kept in the place of a whole one.
  const written = options.only.length === 0 ? saveReport(report) : [];
  process.stdout.write(`\n${formatReport(report)}`);
  for (const file of written) say(`wrote ${relative(root, file)}`);
  if (report.missing.length > 0) process.exitCode = 1;
}

async function profile(options: Options, folder: string): Promise<void> {
  const own = rows.filter(({ name, needs }) => !needs.includes("peers") && !name.startsWith("floor_"));
  const row = own.find(({ name }) => name === options.profile);
  if (row === undefined)
    throw new Error(`"${options.profile}" is no row of Gatehouse. There are: ${own.map(({ name }) => name).join(", ")}.`);
  if (row.needs === "wrk") requireWrk();
  const target = join(resultsFolder, "profiles", row.name);
  for (const { file, frames } of await profileRow(row, target, folder, options)) {
    process.stdout.write(`\n${relative(root, file)}\n`);
    for (const { frame, share } of frames) process.stdout.write(`${(share * 100).toFixed(1).padStart(6)} %  ${frame}\n`);
  }
}

async function growth(options: Options, folder: string): Promise<void> {
  requireWrk();
  const unknown = options.only.filter((name) => !axisNames.includes(name));
  if (unknown.length > 0) throw new Error(`There is no axis ${unknown.join(", ")}. There are: ${axisNames.join(", ")}.`);
  const target = join(resultsFolder, "growth");
  await measureGrowth(options, target, folder, say);
  say(`wrote ${relative(root, target)}`);
}

function requireWrk(): void {
  if (findProgram("wrk") === undefined) throw new Error("wrk is not installed: it is the Debian package `wrk`.");
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options.mode === "help") {
    process.stdout.write(usage);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  await { table, growth, profile }[options.mode](options, folder);
}

process.on("SIGINT", () => process.exit(130));
process.on("SIGTERM", () => process.exit(143));
try {
  await main();
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}

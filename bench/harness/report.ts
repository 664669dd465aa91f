// The results: their form, the table that is printed, and the files that they are kept in.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";
import { lineChart } from "./chart.ts";
import { pinnedNode, root } from "./processes.ts";
import { ratios } from "./rows.ts";
import { type Measured, medians, ratioOf } from "./statistics.ts";

/** A row as it is reported: the medians of its rounds. */
export interface ReportedRow extends Measured {
  name: string;
  load: string;
}

/** A row that was not measured, and why. */
export interface MissingRow {
  name: string;
  reason: string;
}

/** What bench/results holds. */
export interface Report {
  date: string;
  /** The last commit that changed the product, with `-dirty` when its files differed from that. */
  commit: string;
  node: string;
  machine: { cpu: string; cores: number; memory_mb: number; kernel: string; load_average_before: number };
  quick: boolean;
  rounds: number;
  seconds: number;
  warm_up_seconds: number;
  /** Which policy the product was measured with, and how many entries its lists had. */
  policy: string;
  list_entries: number;
  rows: ReportedRow[];
  ratios: Record<string, number>;
  /** The gRPC rows once more by h2load, which sends one and the same call: a check on our own generator, in requests per second. */
  h2load_rps: Record<string, number>;
  missing: MissingRow[];
}

/** What is known before anything is measured. */
export function describeRun(): Pick<Report, "date" | "commit" | "node" | "machine"> {
  const [cpu] = cpus();
  return {
    date: new Date().toISOString(),
    commit: commitName(),
    node: execFileSync(pinnedNode(), ["--version"], { encoding: "utf8" }).trim(),
    machine: {
      cpu: cpu?.model ?? "unknown",
      cores: cpus().length,
      memory_mb: Math.round(totalmem() / 2 ** 20),
      kernel: release(),
      load_average_before: Math.round((loadavg()[0] ?? 0) * 100) / 100,
    },
  };
}

/** What a measurement is of. */
const product = ["src", "gen", "package-lock.json"];

function commitName(): string {
  try {
    const git = (...args: string[]) =>
      execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    const isDirty = git("status", "--porcelain", "--", ...product) !== "";
    return `${git("log", "-1", "--format=%h", "--", ...product)}${isDirty ? "-dirty" : ""}`;
  } catch {
    return "unknown";
  }
}

/** The rows and ratios of what was measured. */
export function summarizeRows(
  measured: ReadonlyMap<string, readonly Measured[]>,
  loads: ReadonlyMap<string, string>,
): Pick<Report, "rows" | "ratios"> {
  const rounded = (value: number) => Number(value.toPrecision(4));
  const rows = [...measured].flatMap(([name, rounds]) => {
    if (rounds.length === 0) return [];
    const figures = Object.fromEntries(Object.entries(medians(rounds)).map(([key, value]) => [key, rounded(value)]));
    return [{ name, load: loads.get(name) ?? "", ...figures } as ReportedRow];
  });
  const found = ratios.flatMap(([ours, other]) => {
    const ratio = ratioOf(measured.get(ours) ?? [], measured.get(other) ?? []);
    return ratio === undefined ? [] : [[`${ours}/${other}`, rounded(ratio)] as const];
  });
  return { rows, ratios: Object.fromEntries(found) };
}

/** The table, for people. */
export function formatReport(report: Report): string {
  const columns: [title: string, key: keyof Measured, digits: number][] = [
    ["requests/s", "rps", 0],
    ["p50 ms", "p50_ms", 2],
    ["p99 ms", "p99_ms", 2],
    ["p99.9 ms", "p999_ms", 2],
    ["CPU s/10k", "cpu_s_per_10k", 2],
    ["peak MB", "rss_mb", 0],
    ["ready ms", "ready_ms", 0],
  ];
  const line = (name: string, cells: string[]) => `${name.padEnd(24)}${cells.map((cell) => cell.padStart(11)).join("")}\n`;
  const { machine } = report;
  const titles = columns.map(([title]) => title);
  return [
    `${report.date}  commit ${report.commit}  Node ${report.node}  ${machine.cpu}, ${machine.cores} cores, load average ${machine.load_average_before} before\n`,
    `medians of ${report.rounds} rounds of ${report.seconds} s; ${report.policy}; lists of ${report.list_entries} entries\n\n`,
    line("row", titles),
    ...report.rows.map((row) =>
      line(
        row.name,
        columns.map(([, key, digits]) => row[key].toFixed(digits)),
      ),
    ),
    "\nratios of requests/s, the medians of the ratios within one round\n",
    ...Object.entries(report.ratios).map(([name, ratio]) => line(name.padEnd(34), [ratio.toFixed(2)])),
    ...Object.entries(report.h2load_rps).map(([name, rps]) => `${name}, one and the same call by h2load: ${rps.toFixed(0)} requests/s\n`),
    ...report.missing.map(({ name, reason }) => `${name}: not measured: ${reason}\n`),
  ].join("");
}

/** Where results are kept. */
export const resultsFolder = join(root, "bench/results");

/** Writes latest.json; a run that is no quick one also goes into the history, of which history.svg is drawn. Returns what was written. */
export function saveReport(report: Report, folder = resultsFolder): string[] {
  const history = join(folder, "history");
  mkdirSync(history, { recursive: true });
  const text = `${JSON.stringify(report, undefined, 2)}\n`;
  const written = [join(folder, "latest.json")];
  if (!report.quick) written.push(join(history, `${report.date.slice(0, 16).replaceAll(":", "")}-${report.commit}.json`));
  for (const file of written) writeFileSync(file, text);
  if (!report.quick) {
    const chart = join(folder, "history.svg");
    writeFileSync(chart, historyChart(readHistory(history)));
    written.push(chart);
  }
  return written;
}

/** Every report of the history, the oldest first. */
export function readHistory(folder: string): Report[] {
  const files = readdirSync(folder).filter((file) => file.endsWith(".json"));
  return files.sort().map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as Report);
}

/** How the ratios went from run to run. */
function historyChart(reports: readonly Report[]): string {
  const series = ratios.map(([ours, other]) => {
    const name = `${ours}/${other}`;
    return { name, values: reports.map((report) => report.ratios[name]) };
  });
  const labels = reports.map(({ date, commit }) => `${date.slice(0, 10)} ${commit}`);
  return lineChart({ title: "Requests per second, as a ratio to floors and peers", labels, series, logarithmic: true });
}

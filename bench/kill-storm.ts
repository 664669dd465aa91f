// kill -9 again and again under load, of Gatehouse and of Cerbos with its decision log on: `npm run bench:kill-storm -- --kills 50 --seed 1`.
// Ends with 1 when Gatehouse has lost, changed or doubled anything, or its database is damaged; what Cerbos loses is a finding.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type StormResult, type StormSubject, storm } from "./harness/kill-storm.ts";
import { installPeers } from "./harness/peers.ts";
import { describeRun } from "./harness/report.ts";
import { cerbosInStorm } from "./harness/storm-cerbos.ts";
import { gatehouseInStorm } from "./harness/storm-gatehouse.ts";

const { values } = parseArgs({
  options: {
    /** How often each is killed. */
    kills: { type: "string", default: "50" },
    /** What the moments of the kills are drawn from. */
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    /** The longest time of load before a kill, in milliseconds. */
    longest: { type: "string", default: "1500" },
    /** Gatehouse alone. */
    alone: { type: "boolean", default: false },
  },
});
const kills = Number(values.kills);
const seed = Number(values.seed);
const longestMs = Number(values.longest);

/** A storm that takes much longer than it can is ended, with the servers that it has started. */
const endMs = 120_000 + kills * (longestMs + 10_000);

const folder = mkdtempSync(join(tmpdir(), "gatehouse-bench-storm-"));
const overdue = setTimeout(() => {
  process.stderr.write(`not done after ${endMs / 1000} s\n`);
  process.exit(1);
}, endMs).unref();

async function run<C>(name: string, subject: StormSubject<C>): Promise<StormResult> {
  const onKill = (count: number, acknowledged: number) => {
    if (count % 10 === 0) process.stdout.write(`${name}: ${count} kills, ${acknowledged} acknowledged\n`);
  };
  return await storm(subject, { kills, seed, longestMs, onKill });
}

try {
  const own = await run("Gatehouse", gatehouseInStorm(join(folder, "gatehouse")));
  const results: [name: string, result: StormResult][] = [["Gatehouse", own]];
  if (!values.alone) {
    installPeers();
    for (const log of ["file", "local"] as const) {
      const name = `Cerbos, ${log}`;
      results.push([name, await run(name, cerbosInStorm(join(folder, `cerbos-${log}`), log))]);
    }
  }
  const { date, commit, node, machine } = describeRun();
  process.stdout.write(`\n${date}  commit ${commit}  Node ${node}  ${machine.cpu}, ${machine.cores} cores; seed ${seed}\n`);
  const rows: [string, (result: StormResult) => number | string][] = [
    ["kills", ({ kills }) => kills],
    ["acknowledged", ({ acknowledged }) => acknowledged],
    ["  of those lost", ({ lost }) => lost.length],
    ["  kept with another answer", ({ changed }) => changed.length],
    ["  kept more than once", ({ twice }) => twice.length],
    ["broken off without an answer", ({ unanswered }) => unanswered],
    ["  of those sent again", ({ repeated }) => repeated],
    ["answers that promise nothing", ({ notAcknowledged }) => notAcknowledged.count],
    ["integrity_check", ({ damage }) => (damage.length === 0 ? "ok" : damage.length)],
  ];
  process.stdout.write(`${" ".repeat(30)}${results.map(([name]) => name.padStart(16)).join("")}\n`);
  for (const [title, figure] of rows) {
    const cells = results.map(([, result]) => (title === "integrity_check" && result !== own ? "–" : String(figure(result))));
    process.stdout.write(`${title.padEnd(30)}${cells.map((cell) => cell.padStart(16)).join("")}\n`);
  }
  const { lost, changed, twice, damage, notAcknowledged } = own;
  const wrong = [...[...lost, ...changed, ...twice].map((one) => JSON.stringify(one)), ...damage];
  for (const line of [...wrong.slice(0, 20), ...notAcknowledged.examples]) process.stdout.write(`  ${line}\n`);
  if (wrong.length > 0) process.exitCode = 1;
} finally {
  clearTimeout(overdue);
  rmSync(folder, { recursive: true, force: true });
}

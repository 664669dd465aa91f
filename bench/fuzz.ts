// Generated requests to each listener of the real service: `npm run bench:fuzz -- --requests 200000 --seed 1`.
// Ends with 1 when anything was wrong: an answer, a line in the log, what is stored, or memory that grows.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fuzzGatehouse } from "./harness/fuzz/run.ts";
import { describeRun } from "./harness/report.ts";

const { values } = parseArgs({
  options: {
    /** To each listener. */
    requests: { type: "string", default: "200000" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
  },
});
const requests = Number(values.requests);
const seed = Number(values.seed);

/** What the last part may hold more than the first, when all caches are full, in MiB. */
const allowedHeapGrowthMb = 10;
const allowedRssGrowthMb = 100;

const endMs = 300_000 + requests * 10;
const overdue = setTimeout(() => {
  process.stderr.write(`not done after ${endMs / 1000} s\n`);
  process.exit(1);
}, endMs).unref();
const folder = mkdtempSync(join(tmpdir(), "gatehouse-bench-fuzz-"));
try {
  const result = await fuzzGatehouse({ requests, seed, folder, parts: 4, onProgress: (line) => process.stdout.write(`${line}\n`) });
  const { date, commit, node, machine } = describeRun();
  process.stdout.write(`\n${date}  commit ${commit}  Node ${node}  ${machine.cpu}, ${machine.cores} cores; seed ${seed}\n`);
  for (const { name, requests: sent, seconds, outcomes } of result.listeners) {
    const found = [...outcomes].sort(([, a], [, b]) => b - a).slice(0, 14);
    process.stdout.write(
      `${name.padEnd(8)}${sent} requests in ${seconds.toFixed(0)} s: ${found.map(([outcome, count]) => `${outcome} × ${count}`).join(", ")}\n`,
    );
  }
  const { counts } = result.stored;
  process.stdout.write(
    `stored  ${Object.entries(counts)
      .map(([kind, count]) => `${kind} ${count}`)
      .join(", ")}; ${result.exportedLines} lines exported\n`,
  );
  process.stdout.write(
    `memory  ${result.memory.map(({ heapMb, rssMb }) => `${heapMb.toFixed(1)}/${rssMb.toFixed(0)}`).join(", ")} MiB of heap/resident, at the start and after each quarter\n`,
  );
  const [, first, last] = [result.memory[0], result.memory[1], result.memory.at(-1)];
  const heapGrowthMb = (last?.heapMb ?? 0) - (first?.heapMb ?? 0);
  const rssGrowthMb = (last?.rssMb ?? 0) - (first?.rssMb ?? 0);
  const grows = heapGrowthMb > allowedHeapGrowthMb || rssGrowthMb > allowedRssGrowthMb;
  process.stdout.write(`problems ${result.problemCount}${grows ? "; memory grows" : ""}\n`);
  if (result.problemCount > 0 || grows) process.exitCode = 1;
} finally {
  clearTimeout(overdue);
  rmSync(folder, { recursive: true, force: true });
}

// What a decision costs over PostgreSQL, and what several replicas do over one server: `npm run bench:postgres`.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startPostgres } from "../test/postgres-server.ts";
import { askHttp } from "./harness/ask.ts";
import { fillLists, type Gatehouse, startGatehouse } from "./harness/gatehouse.ts";
import type { LoadResult, LoadRun } from "./harness/load.ts";
import { runGrpcLoad } from "./harness/own-load.ts";
import { benchPolicy } from "./harness/policy-text.ts";
import { readWork, serverCpuSeconds } from "./harness/postgres-work.ts";
import { cpuSeconds } from "./harness/processes.ts";
import { describeRun } from "./harness/report.ts";
import { createWebhook, grpcDecide } from "./harness/requests.ts";
import { runWrk } from "./harness/wrk.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "10" },
    /** How many replicas, one measurement for each number. */
    replicas: { type: "string", default: "1,2,3" },
    /** How many requests are under way, over all replicas; one measurement for each number. */
    connections: { type: "string", default: "64,512" },
    /** How many entries each exact list has. */
    entries: { type: "string", default: "100000" },
  },
});
const numbers = (text: string) => text.split(",").map(Number);
const seconds = Number(values.seconds);

/** How far apart the numbers of requests of several generators are, so that none comes twice. */
const apart = 250_000;
const firstProbe = 9_900_000;

const loads: Record<string, (replica: Gatehouse, folder: string, run: LoadRun) => Promise<LoadResult>> = {
  pg_webhook_create: (replica, folder, run) => runWrk(folder, replica.ports.webhook ?? 0, createWebhook, run),
  pg_grpc_decide: (replica, _folder, run) => runGrpcLoad(replica.ports.grpc ?? 0, grpcDecide, run),
};

const folder = mkdtempSync(join(tmpdir(), "gatehouse-bench-postgres-"));
const policyFile = join(folder, "policy.yaml");
writeFileSync(policyFile, benchPolicy());
await using server = await startPostgres(["fsync=on", "shared_buffers=256MB"]);
const env = { GATEHOUSE_DATABASE: await server.takeDatabase() };
const start = (n: number) => startGatehouse(join(folder, `replica-${n}`), { policyFile, env });

try {
  const first = await start(0);
  await fillLists(first, benchPolicy(), Number(values.entries));
  await first.stop();
  const { date, commit, node, machine } = describeRun();
  process.stdout.write(`${date}  commit ${commit}  Node ${node}  ${machine.cpu}, ${machine.cores} cores, load average `);
  process.stdout.write(`${machine.load_average_before} before; ${seconds} s each\n\n`);
  line(
    "row",
    "replicas",
    "in flight",
    "requests/s",
    "p50 ms",
    "p99 ms",
    "trips",
    "rows",
    "WAL bytes",
    "a batch",
    "service µs",
    "server µs",
  );
  let measured = 0;
  for (const [name, load] of Object.entries(loads)) {
    for (const count of numbers(values.replicas)) {
      for (const connections of numbers(values.connections)) {
        await measure(name, load, count, connections, measured);
        measured += 1;
      }
    }
  }
  process.stdout.write("\ntrips, rows, WAL bytes and CPU are for one decision; a batch: how many decisions share one commit\n");
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function measure(name: string, load: (typeof loads)[string], count: number, connections: number, measured: number): Promise<void> {
  // The server has counted all that was done when nobody is connected any more.
  const before = await readWork(env.GATEHOUSE_DATABASE);
  const replicas = await Promise.all(Array.from({ length: count }, (_, n) => start(n)));
  try {
    // The first decision of a process reads and compiles what later ones have in memory.
    await Promise.all(replicas.map((replica, n) => askHttp(replica.ports.webhook ?? 0, createWebhook, firstProbe + measured * 10 + n)));
    const cpu = () => replicas.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0);
    const [ownBefore, serverBefore] = [cpu(), serverCpuSeconds(server)];
    const run = (n: number) => ({ seconds, connections: Math.ceil(connections / count), from: (measured * count + n) * apart });
    const results = await Promise.all(replicas.map((replica, n) => load(replica, join(folder, `replica-${n}`), run(n))));
    const [own, ofServer] = [cpu() - ownBefore, serverCpuSeconds(server) - serverBefore];
    await Promise.all(replicas.map((replica, n) => replica.check(results[n]?.requests ?? 0)));
    await Promise.all(replicas.map((replica) => replica.stop()));
    const after = await readWork(env.GATEHOUSE_DATABASE);
    const requests = results.reduce((sum, result) => sum + result.requests, 0);
    const each = (what: "transactions" | "rows" | "walBytes", digits: number) => ((after[what] - before[what]) / requests).toFixed(digits);
    const worst = (key: "p50_ms" | "p99_ms") => Math.max(...results.map((result) => result[key])).toFixed(1);
    line(
      ...[name, count, connections, results.reduce((sum, { rps }) => sum + rps, 0).toFixed(0), worst("p50_ms"), worst("p99_ms")],
      ...[each("transactions", 2), each("rows", 1), each("walBytes", 0), (requests / (after.batches - before.batches)).toFixed(1)],
      ...[((own / requests) * 1e6).toFixed(0), ((ofServer / requests) * 1e6).toFixed(0)],
    );
  } finally {
    await Promise.all(replicas.map((replica) => replica.stop()));
  }
}

function line(name: string | number, ...cells: (string | number)[]): void {
  process.stdout.write(`${String(name).padEnd(18)}${cells.map((cell) => String(cell).padStart(11)).join("")}\n`);
}

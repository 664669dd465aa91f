// Kills the service under load while the gateway goes on, and counts what became of every webhook: `npm run bench:split -- --down 30`.
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { outOfOrder, startChatLoad } from "./harness/chat-load.ts";
import { portsIn } from "./harness/gatehouse.ts";
import { peakMemoryMb, pinnedNode, type ServerProcess, startServer } from "./harness/processes.ts";
import { readDegraded, readRecorded } from "./harness/recorded.ts";
import { benchApp } from "./harness/requests.ts";
import { percentile } from "./harness/statistics.ts";

const { values } = parseArgs({
  options: {
    /** For how many seconds the service is away; the load begins 5 seconds earlier and goes on for 10 after its return. */
    down: { type: "string", default: "30" },
    /** Webhooks each second, half of them before and half after. */
    rate: { type: "string", default: "1000" },
    connections: { type: "string", default: "32" },
  },
});
const downSeconds = Number(values.down);
const rate = Number(values.rate);
const connections = Number(values.connections);

const folder = mkdtempSync(join(tmpdir(), "gatehouse-bench-split-"));
const common = { GATEHOUSE_CONFIG: "config/gatehouse.yaml", GATEHOUSE_APPS: String(benchApp), GATEHOUSE_LOG_LEVEL: "silent" };
const grpcAddress = `127.0.0.1:${await freePort()}`;
let service = await startService();
const gateway = await startServer({
  command: [pinnedNode(), "src/gatehouse.js", "gateway", "--service", `dns:///${grpcAddress}`],
  env: {
    ...common,
    GATEHOUSE_WEBHOOK_LISTEN: "127.0.0.1:0",
    GATEHOUSE_API_LISTEN: "127.0.0.1:0",
    GATEHOUSE_SPOOL: join(folder, "spool.db"),
  },
  ready: (output) => portsIn(output, "webhook", "api"),
});
try {
  const load = startChatLoad({
    port: gateway.ports.webhook ?? 0,
    app: benchApp,
    connections,
    everyMs: (connections * 2 * 1000) / rate,
  });
  await delay(5_000);
  service.child.kill("SIGKILL");
  await delay(downSeconds * 1000);
  const [mostWaiting, mostBytes] = [await gatewayMetric("gatehouse_spool_waiting"), await gatewayMetric("gatehouse_spool_bytes")];
  service = await startService();
  const backMs = performance.now();
  while ((await gatewayMetric("gatehouse_spool_waiting")) > 0) await delay(20);
  const drainedMs = performance.now() - backMs;
  await delay(10_000);
  const { asked, acknowledged, unwell, latencies } = await load.stop();
  while ((await gatewayMetric("gatehouse_spool_waiting")) > 0) await delay(20);

  const api = `http://127.0.0.1:${service.ports.api}`;
  const { accounts, decisions } = await readRecorded(api);
  const found = new Set(accounts);
  const decided = new Set(decisions.map(({ name }) => name));
  const sorted = Float64Array.from(latencies).sort();
  const inTime = latencies.filter((ms) => ms < 2_000).length - unwell.length;
  const lines: [string, string | number][] = [
    ["webhooks", latencies.length],
    ["answered validly within 2 s", `${((100 * inTime) / latencies.length).toFixed(3)} %`],
    ["p50 / p99 / slowest", [0.5, 0.99, 1].map((share) => `${percentile(sorted, share).toFixed(1)} ms`).join(" / ")],
    ["after-events acknowledged", acknowledged.length],
    ["of those missing in the feed", acknowledged.filter(({ id }) => !found.has(id)).length],
    ["recorded more than once", accounts.length - found.size],
    ["out of order", outOfOrder(accounts, acknowledged).length],
    ["creations asked about", asked.length],
    ["of those without a decision", asked.filter((name) => !decided.has(name)).length],
    ["decided more than once", decisions.length - decided.size],
    ["answered by the fallback", await fallbackCount()],
    ["recorded as degraded", (await readDegraded(api)).length],
    ["most in the spool", `${mostWaiting} items, ${(mostBytes / 2 ** 20).toFixed(1)} MiB`],
    ["spool empty after the return", `${(drainedMs / 1000).toFixed(1)} s`],
    ["gateway's peak memory", `${peakMemoryMb(gateway.pid).toFixed(0)} MiB`],
  ];
  process.stdout.write(`service away for ${downSeconds} s, ${rate} webhooks/s on ${connections} connections\n`);
  for (const [name, value] of lines) process.stdout.write(`  ${name.padEnd(30)} ${value}\n`);
} finally {
  await Promise.all([gateway.stop(), service.stop()]);
  rmSync(folder, { recursive: true, force: true });
}

function startService(): Promise<ServerProcess> {
  return startServer({
    command: [pinnedNode(), "src/gatehouse.js", "serve"],
    env: {
      ...common,
      GATEHOUSE_WEBHOOK_LISTEN: "127.0.0.1:0",
      GATEHOUSE_API_LISTEN: "127.0.0.1:0",
      GATEHOUSE_GRPC_LISTEN: grpcAddress,
      GATEHOUSE_DATABASE: join(folder, "gatehouse.db"),
      GATEHOUSE_POLICY: "config/policy.yaml",
    },
    ready: (output) => portsIn(output, "api", "grpc"),
  });
}

async function metricsOf(port: number | undefined): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
}

async function gatewayMetric(name: string): Promise<number> {
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(await metricsOf(gateway.ports.api))?.[1]);
}

async function fallbackCount(): Promise<number> {
  const counts = (await metricsOf(gateway.ports.api)).matchAll(/^gatehouse_degraded_total\{.*\} (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

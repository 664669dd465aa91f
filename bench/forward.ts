// What passing a webhook on costs: `npm run bench:forward`. The same requests to a backend directly and through Gatehouse, in turns.
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGatehouse } from "./harness/gatehouse.ts";
import { pinnedNode, startServer } from "./harness/processes.ts";
import { benchApp } from "./harness/requests.ts";
import { median, percentile } from "./harness/statistics.ts";

const rounds = 7;
const requestsPerRound = 2_000;
const body = JSON.stringify({
  CallbackCommand: "Group.CallbackBeforeCreateGroup",
  Operator_Account: "leckie",
  Type: "Public",
  Name: "MyFirstGroup",
});
const target = `/hook?SdkAppid=${benchApp}&CallbackCommand=Group.CallbackBeforeCreateGroup&contenttype=json&ClientIP=127.0.0.1&OptPlatform=Web`;

const agent = new Agent({ keepAlive: true, maxSockets: 1 });

/** Sends one request and resolves to its milliseconds. */
function ask(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const startMs = performance.now();
    const sent = request(
      { agent, host: "127.0.0.1", port, path: target, method: "POST", headers: { "Content-Type": "application/json" } },
      (res) => {
        if (res.statusCode !== 200) reject(new Error(`answered ${res.statusCode}`));
        res.resume().on("end", () => resolve(performance.now() - startMs));
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

async function round(port: number): Promise<{ p50: number; p99: number }> {
  const times: number[] = [];
  for (let i = 0; i < requestsPerRound; i += 1) times.push(await ask(port));
  times.sort((a, b) => a - b);
  return { p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
}

const folder = mkdtempSync(join(tmpdir(), "gatehouse-bench-"));
const backend = await startServer({
  command: [pinnedNode(), "bench/floor-http.ts"],
  ready(output) {
    const port = Number(/(\d+)\s*$/.exec(output)?.[1]);
    return Number.isNaN(port) ? undefined : { http: port };
  },
});
const gatehouse = await startGatehouse(folder, {
  policyFile: "config/policy.yaml",
  env: { GATEHOUSE_FORWARD: `Group.*=http://127.0.0.1:${backend.ports.http}/` },
});
try {
  const ports = { direct: backend.ports.http ?? 0, forwarded: gatehouse.ports.webhook ?? 0 };
  await round(ports.direct);
  await round(ports.forwarded);
  const measured: Record<keyof typeof ports, { p50: number; p99: number }[]> = { direct: [], forwarded: [] };
  for (let i = 0; i < rounds; i += 1) {
    const order: (keyof typeof ports)[] = i % 2 === 0 ? ["direct", "forwarded"] : ["forwarded", "direct"];
    for (const way of order) measured[way].push(await round(ports[way]));
  }
  const of = (way: keyof typeof ports, figure: "p50" | "p99") => median(measured[way].map((one) => one[figure]));
  for (const way of ["direct", "forwarded"] as const) {
    process.stdout.write(`${way.padEnd(10)} p50 ${of(way, "p50").toFixed(3)} ms   p99 ${of(way, "p99").toFixed(3)} ms\n`);
  }
  process.stdout.write(`overhead   p50 ${(of("forwarded", "p50") - of("direct", "p50")).toFixed(3)} ms   (goal: at most 1)\n`);
} finally {
  agent.destroy();
  await gatehouse.stop();
  await backend.stop();
  rmSync(folder, { recursive: true, force: true });
}

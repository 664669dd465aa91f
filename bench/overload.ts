// Overload: ten times the load that Gatehouse can decide, for a minute. Says how many webhooks were answered validly within 2 s, how much memory it
// took, and how soon verdicts came again.
//
//   node bench/overload.ts [--seconds 60] [--times 10] [--connections 4096]
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Gatehouse, startGatehouse } from "./harness/gatehouse.ts";
import { chatPatienceMs, type OverloadResult, type OverloadRun, overloadPolicy } from "./harness/overload.ts";
import { peakMemoryMb, pinnedNode, runConfined } from "./harness/processes.ts";
import { benchApp, createWebhook } from "./harness/requests.ts";
import { runWrk } from "./harness/wrk.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    times: { type: "string", default: "10" },
    connections: { type: "string", default: "4096" },
  },
});
const [seconds, times, connections] = [values.seconds, values.times, values.connections].map(Number) as [number, number, number];

/** How many verdicts in a row, each soon, make a recovery. */
const soonMs = 100;
const inARow = 20;
const probeMs = 10;
const giveUpMs = 60_000;

function residentMb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

/** Asks for something that the policy denies; true when the verdict, not a fallback, came soon. */
async function probe({ ports }: Gatehouse, n: number): Promise<boolean> {
  const beginMs = performance.now();
  const query = `SdkAppid=${benchApp}&CallbackCommand=OfficialAccount.CallbackBeforeCreateOfficialAccount&contenttype=json`;
  const body = JSON.stringify({ Operator_Account: "probe", Owner_Account: "probe", Name: `no ${n}` });
  const response = await fetch(`http://127.0.0.1:${ports.webhook}/?${query}`, { method: "POST", body });
  const { ErrorCode } = (await response.json()) as { ErrorCode: number };
  return ErrorCode === 120001 && performance.now() - beginMs <= soonMs;
}

/** Milliseconds from now until verdicts come soon, many in a row; the end of the first of them counts. */
async function timeToRecover(gatehouse: Gatehouse): Promise<number> {
  const beginMs = performance.now();
  let good = 0;
  let firstGoodMs = 0;
  for (let n = 0; performance.now() - beginMs < giveUpMs; n++) {
    if (!(await probe(gatehouse, n).catch(() => false))) good = 0;
    else if (good++ === 0) firstGoodMs = performance.now();
    if (good === inARow) return firstGoodMs - beginMs;
    await new Promise((resolve) => setTimeout(resolve, probeMs));
  }
  throw new Error(`no ${inARow} verdicts in a row came within ${giveUpMs / 1000} s`);
}

/** The sums of a metric by the labels that are given, or its value. */
async function metrics({ ports }: Gatehouse, name: string): Promise<string> {
  const text = await (await fetch(`http://127.0.0.1:${ports.api}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line.startsWith(name));
  return lines.map((line) => line.slice(name.length)).join("\n  ") || "0";
}

async function untilRecorded(gatehouse: Gatehouse): Promise<number> {
  const beginMs = performance.now();
  while (Number(await metrics(gatehouse, "gatehouse_fallbacks_waiting ")) > 0) {
    if (performance.now() - beginMs > 5 * giveUpMs) throw new Error("the fallbacks that wait are not recorded");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return performance.now() - beginMs;
}

const folder = mkdtempSync(join(tmpdir(), "gatehouse-overload-"));
const print = (line: string) => void process.stdout.write(`${line}\n`);
try {
  const policyFile = join(folder, "policy.yaml");
  writeFileSync(policyFile, overloadPolicy);
  const gatehouse = await startGatehouse(join(folder, "server"), { policyFile });
  try {
    await runWrk(folder, gatehouse.ports.webhook ?? 0, createWebhook, { seconds: 2, connections: 64, from: 1_000_000 });
    const { rps } = await runWrk(folder, gatehouse.ports.webhook ?? 0, createWebhook, { seconds: 5, connections: 64, from: 2_000_000 });
    const restMb = residentMb(gatehouse.pid);
    print(`capacity: ${Math.round(rps)} decisions a second; resident ${Math.round(restMb)} MiB`);

    const run: OverloadRun = { port: gatehouse.ports.webhook ?? 0, seconds, connections, requestsPerSecond: Math.round(rps * times) };
    const samples: number[] = [];
    const sampling = setInterval(() => samples.push(residentMb(gatehouse.pid)), 1000);
    const output = await runConfined([pinnedNode(), "bench/overload-load.ts", JSON.stringify(run)]);
    clearInterval(sampling);
    const recoveredMs = await timeToRecover(gatehouse);
    const result = JSON.parse(output) as OverloadResult;
    const share = (count: number) => `${((100 * count) / result.sent).toFixed(4)} %`;
    print(`offered: ${run.requestsPerSecond} a second for ${seconds} s on ${connections} connections`);
    print(`sent: ${result.sent} (${Math.round(result.sent / seconds)} a second); due while no connection was free: ${result.notSent}`);
    print(
      `answered validly within ${chatPatienceMs / 1000} s: ${result.inTime} (${share(result.inTime)}); late ${result.late}, invalid ${result.invalid}`,
    );
    print(
      `latency: p50 ${result.p50_ms.toFixed(0)} ms, p99 ${result.p99_ms.toFixed(0)} ms, longest ${result.max_ms.toFixed(0)} ms; the generator itself was late by up to ${result.ownLag_ms.toFixed(0)} ms`,
    );
    print(
      `event loop's longest lag${await metrics(gatehouse, "nodejs_eventloop_lag_max_seconds")} s; answers by time as the service saw it`,
    );
    print(
      `  ${await metrics(gatehouse, 'gatehouse_webhook_duration_seconds_bucket{command="OfficialAccount.CallbackBeforeCreateOfficialAccount",le="')}`,
    );
    const quarter = (part: number) => Math.round(samples[Math.floor((samples.length - 1) * part)] ?? 0);
    print(
      `resident: ${[0.25, 0.5, 0.75, 1].map(quarter).join(", ")} MiB at each quarter, peak ${Math.round(peakMemoryMb(gatehouse.pid))} MiB`,
    );
    print(`verdicts came again ${(recoveredMs / 1000).toFixed(2)} s after the last answer of the load`);
    const recordedMs = await untilRecorded(gatehouse);
    print(`the fallbacks that waited were recorded ${(recordedMs / 1000).toFixed(1)} s later; in all`);
    print(`  ${await metrics(gatehouse, "gatehouse_fallbacks_recorded_total")}`);
    print(`dropped unrecorded\n  ${await metrics(gatehouse, "gatehouse_fallbacks_dropped_total")}`);
    print(`webhooks by outcome\n  ${await metrics(gatehouse, "gatehouse_webhook_answers_total")}`);
    if (result.inTime < result.sent) process.exitCode = 1;
  } finally {
    await gatehouse.stop();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

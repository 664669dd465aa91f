// Load on the webhook listener beside the floor, in one run: `npm run bench`. Needs wrk (Debian package `wrk`) and two cores.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const rounds = Number(process.argv[2] ?? 5);
const seconds = Number(process.argv[3] ?? 4);
const connections = 64;
const warmUpSeconds = 2;

/** What is started, and how its output says on which port. */
interface Subject {
  name: string;
  args: string[];
  env: Record<string, string>;
  port: RegExp;
}

const folder = mkdtempSync(join(tmpdir(), "gatehouse-bench-"));
const body = {
  CallbackCommand: "OfficialAccount.CallbackBeforeCreateOfficialAccount",
  Operator_Account: "107867",
  Owner_Account: "107867",
  Name: "TestOfficialAccount",
  EventTime: 1670574414123,
};
const path = `/?SdkAppid=1400000000&CallbackCommand=${body.CallbackCommand}&contenttype=json&ClientIP=127.0.0.1&OptPlatform=RESTAPI`;
const script = join(folder, "post.lua");
writeFileSync(script, `wrk.method = "POST"\nwrk.body = [[${JSON.stringify(body)}]]\nwrk.headers["Content-Type"] = "application/json"\n`);

const subjects: Subject[] = [
  { name: "floor_http", args: ["bench/floor-http.ts"], env: {}, port: /listening on (\d+)/ },
  {
    name: "webhook_create",
    args: ["src/gatehouse.js", "serve"],
    env: {
      GATEHOUSE_CONFIG: "config/gatehouse.yaml",
      GATEHOUSE_WEBHOOK_LISTEN: "127.0.0.1:0",
      GATEHOUSE_API_LISTEN: "127.0.0.1:0",
      GATEHOUSE_GRPC_LISTEN: "127.0.0.1:0",
      GATEHOUSE_LOG_LEVEL: "error",
    },
    port: /webhook {2}http:\/\/127\.0\.0\.1:(\d+)/,
  },
];

interface Measured {
  rps: number;
  p50Ms: number;
  p99Ms: number;
}

async function measure(subject: Subject, round: number): Promise<Measured> {
  const env = { ...process.env, ...subject.env, GATEHOUSE_DATABASE: join(folder, `${subject.name}-${round}.db`) };
  const child = spawn("taskset", ["-c", "0", process.execPath, ...subject.args], { env, stdio: ["ignore", "pipe", "ignore"] });
  try {
    const url = `http://127.0.0.1:${await portOf(child, subject.port)}${path}`;
    load(url, warmUpSeconds);
    return load(url, seconds);
  } finally {
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    await exited;
  }
}

async function portOf(child: ChildProcess, pattern: RegExp): Promise<string> {
  let output = "";
  for await (const chunk of child.stdout ?? []) {
    output += chunk;
    const port = pattern.exec(output)?.[1];
    if (port !== undefined) return port;
  }
  throw new Error(`the server ended before it listened: ${output}`);
}

/** One run of wrk on the other core. */
function load(url: string, runSeconds: number): Measured {
  const args = ["-c", "1", "wrk", "-t1", `-c${connections}`, `-d${runSeconds}`, "--latency", "-s", script, url];
  const output = execFileSync("taskset", args, { encoding: "utf8" });
  const bad = /Non-2xx or 3xx responses: \d+|Socket errors: .*/.exec(output)?.[0];
  if (bad !== undefined) throw new Error(bad);
  const latency = (percentile: string) => {
    const [, value = "0", unit = "ms"] = new RegExp(`${percentile}%\\s+([\\d.]+)(us|ms|s)`).exec(output) ?? [];
    return Number(value) * { us: 0.001, ms: 1, s: 1000 }[unit as "us" | "ms" | "s"];
  };
  return { rps: Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1]), p50Ms: latency("50"), p99Ms: latency("99") };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const measured = new Map(subjects.map(({ name }) => [name, [] as Measured[]]));
try {
  for (let round = 0; round < rounds; round++) {
    // The order alternates, so that neither profits from coming first.
    for (const subject of round % 2 === 0 ? subjects : [...subjects].reverse()) {
      measured.get(subject.name)?.push(await measure(subject, round));
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(
  `row             requests/s   p50 ms   p99 ms   (medians of ${rounds} rounds, ${connections} connections, server on one core)\n`,
);
for (const [name, runs] of measured) {
  const column = (value: number, digits: number, width: number) => value.toFixed(digits).padStart(width);
  const [rps, p50, p99] = (["rps", "p50Ms", "p99Ms"] as const).map((key) => median(runs.map((run) => run[key])));
  process.stdout.write(`${name.padEnd(15)} ${column(rps ?? 0, 0, 10)} ${column(p50 ?? 0, 2, 8)} ${column(p99 ?? 0, 2, 8)}\n`);
}
const [floor, ours] = [...measured.values()];
const ratios = (ours ?? []).map((run, i) => run.rps / (floor?.[i]?.rps ?? Number.NaN));
process.stdout.write(`webhook_create / floor_http: ${median(ratios).toFixed(2)} (median of the ratios in one round)\n`);

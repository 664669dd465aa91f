// How throughput and p99 of webhooks change as one thing at a time grows, with the time to start and the memory at each place.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fillRegistry } from "../registry/fill.ts";
import { lineChart } from "./chart.ts";
import { fillDecisions } from "./fill-decisions.ts";
import { prepareGatehouse, startGatehouse } from "./gatehouse.ts";
import type { Durations } from "./measure.ts";
import { grownPolicy } from "./policy-text.ts";
import { peakMemoryMb } from "./processes.ts";
import { createWebhook, subscribeWebhook } from "./requests.ts";
import { runWrk } from "./wrk.ts";

/** What was found at one place of an axis. */
export interface GrowthPoint {
  at: number;
  rps: number;
  p99_ms: number;
  /** From the start of the process to its readiness. */
  ready_ms: number;
  /** Resident memory at its highest, after the load. */
  rss_mb: number;
}

/** What is set for one place; the rest is as in the table, but for lists of few entries. */
interface Setting {
  entries?: number;
  /** The policy's text; by default that of the table. */
  policy?: string;
  connections?: number;
  subscribers?: number;
  /** How many decisions are stored before, and how many accounts, each of which an event has created. */
  decisions?: number;
  accounts?: number;
}

/** One thing that grows. */
interface Axis {
  name: string;
  title: string;
  places: readonly number[];
  setting(at: number): Setting;
}

/** The lists are small where they are not what grows, so that filling them takes no time. */
const fewEntries = 1000;

const axes: readonly Axis[] = [
  {
    name: "rules",
    title: "rules asked for the action",
    places: [10, 30, 100, 300, 1000],
    setting: (at) => ({ policy: grownPolicy(at, 0) }),
  },
  {
    name: "policy_size",
    title: "rules in the policy, of which 20 are asked for the action",
    places: [20, 100, 300, 1000],
    setting: (at) => ({ policy: grownPolicy(20, at - 20) }),
  },
  { name: "entries", title: "entries of each of 3 lists", places: [1e3, 1e4, 1e5, 1e6, 1e7], setting: (at) => ({ entries: at }) },
  { name: "decisions", title: "decisions stored before", places: [1e4, 1e5, 1e6, 1e7], setting: (at) => ({ decisions: at }) },
  {
    name: "accounts",
    title: "accounts, and entries of each of 3 lists",
    places: [1e3, 1e4, 1e5, 1e6],
    setting: (at) => ({ accounts: at, entries: at }),
  },
  { name: "connections", title: "connections", places: [1, 4, 16, 64, 256, 1024, 4096], setting: (at) => ({ connections: at }) },
  { name: "subscribers", title: "subscribers in a request", places: [1, 3, 10, 30, 100], setting: (at) => ({ subscribers: at }) },
];

/** The names of the axes. */
export const axisNames: readonly string[] = axes.map(({ name }) => name);

/** How many entries of each list are surely in memory after a second. */
const entriesReadInSecond = 100_000;

/** Where the numbers of the requests of each part begin, beyond those of the decisions that are stored before. */
const firstOf = { warmUp: 11_000_000, load: 12_000_000 };

/** Measures the axes that are asked for, up to `growthMax`, and writes a chart and the figures of each to `target`. */
export async function measureGrowth(
  { only, growthMax, ...durations }: Durations & { only: readonly string[]; growthMax: number },
  target: string,
  folder: string,
  onProgress: (line: string) => void,
): Promise<void> {
  mkdirSync(target, { recursive: true });
  for (const axis of axes.filter(({ name }) => only.length === 0 || only.includes(name))) {
    const points: GrowthPoint[] = [];
    for (const at of axis.places.filter((place) => place <= growthMax)) {
      const own = mkdtempSync(join(folder, `${axis.name}-`));
      try {
        const point = { at, ...(await measurePoint(axis.setting(at), own, durations)) };
        points.push(point);
        onProgress(
          `${axis.name} ${at}: ${point.rps.toFixed(0)} requests/s, p99 ${point.p99_ms.toFixed(1)} ms, ready in ${point.ready_ms.toFixed(0)} ms, ${point.rss_mb.toFixed(0)} MB`,
        );
      } finally {
        rmSync(own, { recursive: true, force: true });
      }
    }
    writeFileSync(join(target, `${axis.name}.json`), `${JSON.stringify({ axis: axis.title, points }, undefined, 2)}\n`);
    writeFileSync(join(target, `${axis.name}.svg`), growthChart(axis.title, points));
  }
}

async function measurePoint(setting: Setting, folder: string, { seconds, warmUpSeconds }: Durations): Promise<Omit<GrowthPoint, "at">> {
  const prepared = await prepareGatehouse(folder, setting.entries ?? fewEntries, setting.policy);
  if (setting.decisions !== undefined) fillDecisions(prepared.database, setting.decisions);
  if (setting.accounts !== undefined) await fillRegistry(prepared.database, setting.accounts, setting.accounts, () => undefined);
  const server = await startGatehouse(join(folder, "server"), prepared);
  try {
    // What was filled and copied is gigabytes, which the load would otherwise wait for when it synchronises.
    execFileSync("sync");
    const port = server.ports.webhook ?? 0;
    const request = setting.subscribers === undefined ? createWebhook : subscribeWebhook(setting.subscribers);
    const { connections = 64 } = setting;
    // Long lists are read into memory after the start, beside the work.
    const untilRead = (setting.entries ?? 0) / entriesReadInSecond;
    await runWrk(folder, port, request, { seconds: Math.max(warmUpSeconds, untilRead), connections, from: firstOf.warmUp });
    const { rps, p99_ms, requests } = await runWrk(folder, port, request, { seconds, connections, from: firstOf.load });
    await server.check(requests);
    return { rps, p99_ms, ready_ms: server.readyMs, rss_mb: peakMemoryMb(server.pid) };
  } finally {
    await server.stop();
  }
}

/** Both figures as shares of the first, so that one chart shows both. */
function growthChart(title: string, points: readonly GrowthPoint[]): string {
  const [first] = points;
  const relative = (key: "rps" | "p99_ms") => points.map((point) => (first === undefined ? undefined : point[key] / first[key]));
  const name = (what: string, key: "rps" | "p99_ms", unit: string) => `${what}, 1 = ${Math.round(first?.[key] ?? 0)} ${unit}`;
  return lineChart({
    title,
    labels: points.map(({ at }) => String(at)),
    series: [
      { name: name("throughput", "rps", "requests/s"), values: relative("rps") },
      { name: name("p99", "p99_ms", "ms"), values: relative("p99_ms") },
    ],
    logarithmic: true,
  });
}

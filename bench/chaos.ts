// Replicas over one PostgreSQL while everything breaks: `npm run chaos -- --seconds 300 --seed 1`.
// Ends with 1 when anything that was promised is not kept.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Transport } from "@connectrpc/connect";
import pg from "pg";
import { startPostgres } from "../test/postgres-server.ts";
import { createCalls } from "./chaos/calls.ts";
import { createChat } from "./chaos/chat.ts";
import { startConsumer } from "./chaos/consumers.ts";
import { type FaultName, startFaults } from "./chaos/faults.ts";
import { type Finding, findingsOf } from "./chaos/findings.ts";
import { watchLag } from "./chaos/lag.ts";
import { createLedger } from "./chaos/ledger.ts";
import { createNextDecisions, type Tried } from "./chaos/next-decision.ts";
import { quota } from "./chaos/policy.ts";
import { readDegraded, readFeed } from "./chaos/recorded.ts";
import { createReplicas, type Target } from "./chaos/replicas.ts";
import { startTraffic } from "./chaos/traffic.ts";
import { createRandom } from "./harness/random.ts";
import { describeRun } from "./harness/report.ts";
import { benchApp } from "./harness/requests.ts";
import { percentile } from "./harness/statistics.ts";

const { values } = parseArgs({
  options: {
    /** How long everything breaks. */
    seconds: { type: "string", default: "300" },
    /** What breaks when is drawn from it. */
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    /** Webhooks and calls a second, about. */
    rate: { type: "string", default: "200" },
    /** How often a change on one replica is tried on the next decision of another, before anything breaks. */
    times: { type: "string", default: "1000" },
    replicas: { type: "string", default: "3" },
  },
});
const [seconds, seed, rate, times, count] = [values.seconds, values.seed, values.rate, values.times, values.replicas].map(Number) as [
  number,
  number,
  number,
  number,
  number,
];

/** The quiet at the end in which what waits is recorded, and a run that takes much longer than it can is ended. */
const settleMs = 60_000;
const endMs = (seconds + times / 2) * 1000 + 240_000;

const overdue = setTimeout(() => {
  process.stderr.write(`not done after ${endMs / 1000} s\n`);
  process.exit(1);
}, endMs).unref();

const say = (line: string) => process.stdout.write(`${line}\n`);
const startMs = performance.now();
const clock = () => `${new Date().toISOString().slice(11, 23)} ${((performance.now() - startMs) / 1000).toFixed(1).padStart(6)} s`;

const folder = mkdtempSync(join(tmpdir(), "gatehouse-chaos-"));
await using postgres = await startPostgres(["fsync=on", "shared_buffers=256MB", "max_wal_size=2GB"]);
const database = await postgres.takeDatabase();
const replicas = createReplicas(folder, count, {
  GATEHOUSE_DATABASE: database,
  // A policy goes live by a call, as with replicas it must: each would have its own file.
  GATEHOUSE_POLICY: "none",
  GATEHOUSE_LOG_LEVEL: "silent",
  // By its code a fallback is told from the policy.
  GATEHOUSE_WEBHOOK_FALLBACK_CREATE_ACCOUNT: "deny",
  GATEHOUSE_WEBHOOK_FALLBACK_ADD_SUBSCRIBERS: "deny",
});

/** The most room that any owner has taken, asked of the database itself. */
const mostTaken = `SELECT coalesce(max(n), 0)::int AS most FROM (SELECT count(*) AS n FROM
  (SELECT app_id, owner FROM accounts WHERE state = 1 UNION ALL SELECT app_id, owner FROM creations WHERE standing = 1) AS taken
  WHERE owner LIKE 'owner-%' GROUP BY app_id, owner) AS by_owner`;

async function askMostTaken(): Promise<number> {
  const client = new pg.Client({ connectionString: database });
  client.on("error", () => {});
  try {
    await client.connect();
    return (await client.query<{ most: number }>(mostTaken)).rows[0]?.most ?? 0;
  } finally {
    await client.end().catch(() => {});
  }
}

function transports(): Transport[] {
  return replicas.targets.filter((target) => target !== undefined).map(({ grpc }) => grpc);
}

async function waitingFallbacks({ apiUrl }: Target): Promise<number> {
  const text = await (await fetch(`${apiUrl}/metrics`)).text();
  return Number(/^gatehouse_fallbacks_waiting (\d+)/m.exec(text)?.[1]);
}

async function untilSettled(): Promise<void> {
  const untilMs = performance.now() + settleMs;
  while (performance.now() < untilMs) {
    const waiting = await Promise.all(replicas.targets.map((target) => (target === undefined ? 0 : waitingFallbacks(target))));
    if (waiting.every((some) => some === 0)) return;
    await delay(200);
  }
}

function triedFinding(promise: string, { times: of, wrong: broken }: Tried): Finding {
  return { promise, of, broken };
}

try {
  const findings: Finding[] = [];
  await replicas.start(0);
  await Promise.all(Array.from({ length: count - 1 }, (_, n) => replicas.start(n + 1)));
  const next = createNextDecisions(benchApp, transports());
  say(`${clock()}  ${count} replicas over one PostgreSQL`);
  findings.push(triedFinding("a policy activated on one decides the next request on another", await next.policies(times)));
  say(`${clock()}  policies tried`);
  findings.push(triedFinding("a list edited on one counts for the next request on another", await next.lists(times)));
  say(`${clock()}  lists tried`);
  findings.push(triedFinding("a quota asked of all replicas at once is exact", await next.quotas(Math.ceil(times / 5))));
  say(`${clock()}  quotas tried; now everything breaks for ${seconds} s, seed ${seed}`);

  const ledger = createLedger();
  const lag = watchLag();
  const faultCounts = new Map<FaultName, number>();
  const [first, second] = [startConsumer(replicas), startConsumer(replicas)];
  const chat = createChat(benchApp, replicas, ledger, lag);
  const traffic = startTraffic({ chat, calls: createCalls(benchApp, replicas, ledger), ledger, rate });
  const faults = startFaults({
    replicas,
    count,
    postgres,
    random: createRandom(seed),
    onFault(name, detail) {
      faultCounts.set(name, (faultCounts.get(name) ?? 0) + 1);
      say(`${clock()}  ${name} ${detail}`);
    },
  });
  let sampled = 0;
  let mostEver = 0;
  const stormEndMs = performance.now() + seconds * 1000;
  while (performance.now() < stormEndMs) {
    await delay(250);
    void askMostTaken().then(
      (most) => {
        sampled += 1;
        mostEver = Math.max(mostEver, most);
      },
      () => {},
    );
  }
  say(`${clock()}  nothing new breaks`);
  await faults.stop();
  say(`${clock()}  everything is whole`);
  await traffic.stop();
  lag.stop();
  await untilSettled();
  const feeds = await Promise.all(transports().map(readFeed));
  const [feed = []] = feeds;
  const names = feed.map(({ name }) => name);
  const untilMs = performance.now() + settleMs;
  while (performance.now() < untilMs && [first, second].some(({ seen }) => seen.length < names.length)) await delay(50);
  await Promise.all([first.stop(), second.stop()]);

  const degraded = await readDegraded(transports()[0] as Transport);
  findings.push(...findingsOf({ ledger, feed, degraded }));
  mostEver = Math.max(mostEver, await askMostTaken());
  const orders: [who: string, seen: readonly string[]][] = [
    ["the first consumer", first.seen],
    ["the second consumer", second.seen],
    ...feeds.map((of, replica): [string, string[]] => [`replica ${replica}`, of.map(({ name }) => name)]),
  ];
  findings.push(
    {
      promise: `accounts and reservations in the database never exceed ${quota}`,
      of: sampled,
      broken: mostEver > quota ? [`${mostEver} were taken`] : [],
    },
    {
      promise: "consumers and replicas tell the same changes in the same order",
      of: names.length,
      broken: orders.flatMap(([who, seen]) => differenceOf(who, seen, names)),
    },
    { promise: "answers are what Chat understands", of: ledger.webhooks.latencies.length, broken: ledger.webhooks.invalid },
    {
      promise: "webhooks at replicas that live are answered within 2 s",
      of: ledger.webhooks.latencies.length + ledger.webhooks.late.none,
      broken: ledger.webhooks.unexcused,
    },
  );

  const latencies = Float64Array.from(ledger.webhooks.latencies).sort();
  const { date, commit, node, machine } = describeRun();
  const figures: [string, string | number][] = [
    ...[...faultCounts].map(([name, of]): [string, number] => [name, of]),
    ["webhooks answered", latencies.length],
    ["  p50 / p99 / slowest", [0.5, 0.99, 1].map((share) => `${percentile(latencies, share).toFixed(0)} ms`).join(" / ")],
    ["  by the policy, a decision", ledger.decided.size],
    ["  by the fallback", ledger.fallbacks.size],
    ...Object.entries(ledger.webhooks.late).map(([excuse, of]): [string, number] => [`  not within 2 s, ${excuse}`, of]),
    ["decisions by call", ledger.calls.size],
    ["events acknowledged", ledger.events.size],
    ["calls and events given up", ledger.givenUp],
    ["changes in the feed", names.length],
    ["decisions that are degraded", degraded.size],
    ["moves of the consumers", `${first.moves()}, ${second.moves()}`],
    ["longest lag of this load", `${lag.longestMs().toFixed(0)} ms`],
  ];
  say(`\n${date}  commit ${commit}  Node ${node}  ${machine.cpu}, ${machine.cores} cores, load average ${machine.load_average_before}`);
  say(`${count} replicas, ${rate} requests/s, ${seconds} s, seed ${seed}\n`);
  for (const [name, figure] of figures) say(`${name.padEnd(44)}${String(figure).padStart(24)}`);
  say("");
  for (const { promise, of, broken } of findings) say(`${promise.padEnd(68)}${`${of - broken.length} of ${of}`.padStart(20)}`);
  for (const { promise, broken } of findings) for (const one of broken.slice(0, 50)) say(`  BROKEN: ${promise}: ${one}`);
  if (findings.some(({ broken }) => broken.length > 0)) process.exitCode = 1;
} finally {
  await replicas.close();
  clearTimeout(overdue);
  rmSync(folder, { recursive: true, force: true });
}

/** Where an order differs first. */
function differenceOf(who: string, seen: readonly string[], names: readonly string[]): string[] {
  const at = names.findIndex((name, index) => seen[index] !== name);
  if (at >= 0) return [`${who} has ${seen[at] ?? "nothing"} where ${names[at]} is`];
  return seen.length > names.length ? [`${who} has ${seen.length - names.length} more`] : [];
}

// What subscriptions that are followed up cost the writer of the store: decisions, and the events that follow from them, in batches of 64 with
// synchronous FULL, on one thread, without network and policy. With `--unfollowed`, as if nothing was followed up.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { migrate } from "../src/storage/sqlite/migrations.ts";
import { prepareOperations } from "../src/storage/sqlite/write-operations.ts";
import { benchApp, idSpace, idText } from "./harness/requests.ts";

const batchSize = 64;
const rounds = 3;
const rules = { reservationMs: 300_000, followUpMs: 86_400_000, messageBypassCases: false };
const rulesJson = JSON.stringify(rules);
const isFollowed = !process.argv.includes("--unfollowed");

/** What is measured; `accounts` is how many there are, else each decision is about another. */
const cases = {
  "decision on 1 subscriber": { of: "decisions", subscribers: 1, decisions: 30_000, isAsked: true },
  "decision on 100 subscribers": { of: "decisions", subscribers: 100, decisions: 6400, isAsked: true },
  "1 subscriber added, as was asked": { of: "events", subscribers: 1, decisions: 30_000, isAsked: true },
  "1 subscriber added, as was asked, on 10 accounts": { of: "events", subscribers: 1, decisions: 30_000, isAsked: true, accounts: 10 },
  "1 subscriber added, and nobody had asked": { of: "events", subscribers: 1, decisions: 30_000, isAsked: false },
  "100 subscribers added, as was asked": { of: "events", subscribers: 100, decisions: 6400, isAsked: true },
} as const satisfies Record<string, Case>;

interface Case {
  of: "decisions" | "events";
  subscribers: number;
  decisions: number;
  isAsked: boolean;
  accounts?: number;
}

function run(name: string, { of, subscribers: count, decisions, isAsked, accounts }: Case, folder: string): string {
  const db = new Database(join(folder, "gatehouse.db"));
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = FULL");
  db.pragma("cache_size = -16000");
  migrate(db);
  const { run: operations } = prepareOperations(db);
  const begin = db.prepare("BEGIN IMMEDIATE");
  const commit = db.prepare("COMMIT");
  const accountOf = (n: number) => `@TOA#_a${idText(accounts === undefined ? (n * 48_271) % idSpace : n % accounts)}`;
  const subscribersOf = (n: number) => Array.from({ length: count }, (_, i) => `u${idText((n * (1_000_003 + i * 7_919)) % idSpace)}`);

  function decide(n: number): void {
    const nowMs = 1_700_000_000_000 + n;
    const [accountId, subscribers] = [accountOf(n), subscribersOf(n)];
    const [operator = ""] = subscribers;
    const origin = { clientIp: "127.0.0.1", platform: "RESTAPI", source: "webhook" };
    const body = JSON.stringify({ addSubscribers: { accountId, operator, subscribers }, origin });
    const row = [benchApp, null, null, accountId, operator, null, 1, null, nowMs, nowMs, body, null] as const;
    operations.appendDecision(...row, nowMs, null, null, isFollowed ? rulesJson : null, 0);
  }

  function happen(n: number): void {
    const eventMs = 1_700_000_000_100 + n;
    const [accountId, subscribers] = [accountOf(n), subscribersOf(n)];
    const [operator = ""] = subscribers;
    const digest = n.toString(16).padStart(64, "0");
    const body = JSON.stringify({ subscribersAdded: { accountId, operator, subscribers } });
    const about = { creation: false, full: false, operator, writes: {}, normalizedName: null };
    const change = JSON.stringify({ stamp: [eventMs, 0, digest], eventTimeMs: eventMs, ...about });
    const subscription = JSON.stringify({ change: "added", timeMs: eventMs, subscribers });
    const happened = { kind: "addSubscribers", things: subscribers, eventMs, digest, user: operator, isLate: false, rules };
    const what = [change, subscription, null, null, isFollowed ? JSON.stringify(happened) : null, null] as const;
    operations.appendEvent(benchApp, accountId, digest, eventMs, eventMs, body, eventMs, ...what);
  }

  /** One transaction; results in the CPU time that it took, in microseconds. */
  function batch(from: number, write: (n: number) => void): number {
    const start = process.cpuUsage();
    begin.run();
    for (let n = from; n < from + batchSize; n++) write(n);
    commit.run();
    const { user, system } = process.cpuUsage(start);
    return user + system;
  }

  let cpuUs = 0;
  let written = 0;
  for (let from = 0; from < decisions; from += batchSize, written += batchSize) {
    const decidingUs = isAsked ? batch(from, decide) : 0;
    cpuUs += of === "decisions" ? decidingUs : batch(from, happen);
  }
  db.close();
  return `${name.padEnd(52)}${(cpuUs / written).toFixed(1).padStart(8)} µs CPU each`;
}

for (let round = 0; round < rounds; round++) {
  for (const [name, one] of Object.entries(cases)) {
    const folder = mkdtempSync(join(tmpdir(), "gatehouse-bench-"));
    process.stdout.write(`${run(name, one, folder)}\n`);
    rmSync(folder, { recursive: true });
  }
}

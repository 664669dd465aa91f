// What is given up in PostgreSQL when nobody waits for it any more: the server's own statements end, and what can wait longer goes on.
import pg from "pg";
import { beforeEach, expect, it, vi } from "vitest";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { createConnections, type Reader } from "../../../src/storage/postgres/connections.ts";
import type { PostgresStore } from "../../../src/storage/postgres/postgres-store.ts";
import { createServers } from "../../../src/storage/postgres/servers.ts";
import { append, appendEvent, expectReason } from "../conformance/opened-store.ts";
import { appId, baseMs, createdEvent, digestOf, sampleDecision } from "../samples.ts";
import { useWatchedStore } from "./watched-store.ts";

/** How long a decision is of use in these tests: longer than a server that is only busy takes, and shorter than its own limit of 5 s. */
const usefulMs = 700;

let url: string;
let store: PostgresStore;
let observer: pg.Client;

const current = useWatchedStore();

beforeEach(async () => {
  ({ url, store, observer } = current());
  // What the first statement of a connection costs is not what is looked at.
  await append(store, sampleDecision());
});

/** What Gatehouse has the server do just now, but for looking whether it works. */
async function underWay(): Promise<string[]> {
  const { rows } = await observer.query<{ query: string }>(
    "SELECT query FROM pg_stat_activity WHERE application_name = 'gatehouse' AND state = 'active' AND query ~ 'gatehouse_(commit|answers)'",
  );
  return rows.map(({ query }) => query);
}

/** The server says that a statement has ended a moment after it has told so to who sent it. */
async function untilNothingIsUnderWay(): Promise<void> {
  await vi.waitUntil(async () => (await underWay()).length === 0, { timeout: 2000, interval: 5 });
}

/** Holds what a statement locks until it is let go of. */
async function hold(sql: string): Promise<() => Promise<void>> {
  const holder = new pg.Client({ connectionString: url });
  await holder.connect();
  await holder.query(`BEGIN; ${sql}`);
  return async () => {
    await holder.query("COMMIT");
    await holder.end();
  };
}

const lockHead = "UPDATE log_head SET checks = checks + 1";
const lockAccounts = "LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE";

function decide(usefulUntilMs: number, ask: "something" | "nothing" = "nothing") {
  const decision = sampleDecision();
  return store.appendDecision(
    baseMs,
    (facts) => {
      if (ask === "something") facts.liveAccounts(appId, "ann");
      return { decision, actionDigest: digestOf(decision), counts: [] };
    },
    usefulUntilMs,
  );
}

it("a commit that waits for a lock ends in the server when nobody waits for the decision, which is not on disk", async () => {
  const letGo = await hold(lockHead);
  await expectReason(() => decide(performance.now() + usefulMs), ErrorReason.STORE_UNAVAILABLE);
  await untilNothingIsUnderWay();
  await letGo();
  expect(await store.latestPosition()).toBe(1);
});

it("facts that wait for a lock end in the same way, of a decision and of a preview", async () => {
  const letGo = await hold(lockAccounts);
  await expectReason(() => decide(performance.now() + usefulMs, "something"), ErrorReason.STORE_UNAVAILABLE);
  await untilNothingIsUnderWay();
  const preview = () => store.withFacts(baseMs, (facts) => facts.liveAccounts(appId, "ann"), performance.now() + usefulMs);
  await expectReason(preview, ErrorReason.STORE_UNAVAILABLE);
  await untilNothingIsUnderWay();
  await letGo();
  expect(await store.latestPosition()).toBe(1);
});

it("an event that shares the batch of a decision that is given up is tried for longer, and recorded when the lock is free", async () => {
  const letGo = await hold(lockHead);
  let isRecorded = false;
  const recording = appendEvent(store, createdEvent("acc", baseMs)).then(() => {
    isRecorded = true;
  });
  await expectReason(() => decide(performance.now() + usefulMs), ErrorReason.STORE_UNAVAILABLE);
  expect(isRecorded).toBe(false);
  await letGo();
  await recording;
  expect(await store.latestPosition()).toBe(2);
});

it("a batch is given up with the last of its decisions, and those of the next batch have time of their own", async () => {
  const letGo = await hold(lockHead);
  const ended: string[] = [];
  const waitFor = (name: string, ms: number) =>
    decide(performance.now() + ms).then(
      () => ended.push(`${name} is on disk`),
      () => ended.push(`${name} is given up`),
    );
  const first = [waitFor("short", usefulMs / 2), waitFor("longer", usefulMs)];
  await vi.waitUntil(async () => (await underWay()).length === 1, { timeout: 5000, interval: 5 });
  const second = waitFor("next", 4000);
  await Promise.all(first);
  await letGo();
  await second;
  expect(ended.toSorted()).toEqual(["longer is given up", "next is on disk", "short is given up"]);
});

it("what nobody waits for has the time of any statement again, on the same connection", async () => {
  const letGoOnce = await hold(lockHead);
  await expectReason(() => decide(performance.now() + usefulMs), ErrorReason.STORE_UNAVAILABLE);
  await letGoOnce();
  const letGo = await hold(lockHead);
  const writes = Array.from({ length: 5 }, () => append(store, sampleDecision()));
  await vi.waitUntil(async () => (await underWay()).length > 0, { timeout: 5000, interval: 5 });
  // Longer than the limit that the connection had before.
  const { rows } = await observer.query<{ pid: number }>(
    "SELECT pid FROM pg_stat_activity WHERE application_name = 'gatehouse' AND state = 'active' AND query ~ 'gatehouse_commit'",
  );
  expect(rows).toHaveLength(1);
  await vi.waitUntil(
    async () =>
      (await observer.query(`SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND now() - query_start > '${2 * usefulMs} ms'`, [rows[0]?.pid]))
        .rowCount === 1,
    { timeout: 15_000 },
  );
  await letGo();
  expect(new Set(await Promise.all(writes)).size).toBe(5);
});

it("a transaction that is undone leaves it known how long a statement may take", async () => {
  const health = { failed: () => undefined, worked: () => undefined };
  const connections = createConnections({ servers: createServers(url), maxConnections: 1, health });
  const read = async (reader: Reader) =>
    (await reader.get<{ limit: string }>("SELECT current_setting('statement_timeout') AS limit"))?.limit;
  const undone = connections.until(performance.now() + usefulMs).transaction(async (connection) => {
    expect(await read(connection)).toMatch(/^[1-8]00ms$/);
    throw new Error("It is undone.");
  });
  await expect(undone).rejects.toThrow("It is undone.");
  expect(await read(connections)).toBe("5s");
  expect(await read(connections.until(performance.now() + usefulMs))).toMatch(/^[1-8]00ms$/);
  expect(await read(connections.until(performance.now() - usefulMs))).toBe("100ms");
  expect(await read(connections.until(performance.now() + 60_000))).toBe("5s");
  await connections.close();
});

// Notices between processes over one PostgreSQL database, and what happens when they do not come.
import type pg from "pg";
import { beforeEach, expect, it, vi } from "vitest";
import { openPostgresStore, type PostgresStore } from "../../../src/storage/postgres/postgres-store.ts";
import { append, goLive } from "../conformance/opened-store.ts";
import { sampleDecision, sampleKey, samplePolicy } from "../samples.ts";
import { useWatchedStore } from "./watched-store.ts";

/** So seldom that no test sees it. */
const never = { heardMs: 3_600_000, deafMs: 3_600_000 };

let url: string;
let observer: pg.Client;
let writer: PostgresStore;

const current = useWatchedStore();

beforeEach(async () => {
  ({ url, store: writer, observer } = current());
});

/** A consumer of the feed that reads when it is told to, and when it begins. */
async function consume(store: PostgresStore) {
  const seen: number[] = [];
  let next = 0;
  const read = async () => {
    const part = await store.readChanges(next, {}, 1000);
    next = part.next;
    seen.push(...part.changes.map(({ position }) => position));
  };
  let reading = read();
  const takeDown = store.onChange(() => {
    reading = reading.then(read);
  });
  await reading;
  const end = () => {
    takeDown();
    return reading;
  };
  return { seen, end };
}

it("a consumer at one process sees what another writes long before the database is asked", async () => {
  const store = await openPostgresStore({ url, poll: never });
  const { seen, end } = await consume(store);
  for (let count = 1; count <= 20; count += 1) {
    await append(writer, sampleDecision());
    await vi.waitUntil(() => seen.length === count, { timeout: 15_000, interval: 5 });
  }
  await end();
  await store.close();
});

it("keys and pointers to policies are told of in the same way, each to those who listen for it", async () => {
  const store = await openPostgresStore({ url, poll: never });
  const told: string[] = [];
  store.onKeyChange(() => void told.push("keys"));
  store.onPointerChange?.(() => void told.push("pointers"));
  await writer.createKey(sampleKey("k1"));
  await vi.waitUntil(() => told.includes("keys"), { timeout: 15_000 });
  expect(told).not.toContain("pointers");
  await goLive(writer, samplePolicy("name: told"));
  await vi.waitUntil(() => told.includes("pointers"), { timeout: 15_000 });
  await store.close();
});

it("what is written while the connection for notices is away is told of when it is there again", async () => {
  const store = await openPostgresStore({ url, poll: never });
  const { seen, end } = await consume(store);
  const those = "FROM pg_stat_activity WHERE datname = current_database() AND query ~ '^(SET synchronous_commit = off; LISTEN|NOTIFY)'";
  for (let count = 1; count <= 5; count += 1) {
    await vi.waitUntil(async () => (await observer.query(`SELECT pid ${those}`)).rowCount === 2, { timeout: 15_000 });
    await observer.query(`SELECT pg_terminate_backend(pid) ${those}`);
    await append(writer, sampleDecision());
    await vi.waitUntil(() => seen.length === count, { timeout: 15_000, interval: 5 });
  }
  await end();
  await store.close();
});

it("what nobody gives notice of is found by asking", async () => {
  const store = await openPostgresStore({ url });
  let told = 0;
  store.onChange(() => {
    told += 1;
  });
  for (let round = 0; round < 3; round += 1) {
    const before = told;
    await observer.query("UPDATE log_head SET epoch = epoch + 1");
    await vi.waitUntil(() => told > before, { timeout: 15_000 });
  }
  await store.close();
});

it("many commits are told of by few notices", async () => {
  let heard = 0;
  observer.on("notification", () => {
    heard += 1;
  });
  await observer.query("LISTEN gatehouse");
  const beginMs = performance.now();
  let committed = 0;
  while (committed < 300 || heard === 0) {
    await append(writer, sampleDecision());
    committed += 1;
  }
  // One at once, one for each twentieth of a second, and one that was on its way.
  expect(heard).toBeLessThanOrEqual((performance.now() - beginMs) / 50 + 2);
});

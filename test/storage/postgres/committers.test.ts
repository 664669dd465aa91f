// What processes leave behind in PostgreSQL when they end.
import type pg from "pg";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { forgetCommitters, startForgettingCommitters } from "../../../src/storage/postgres/committers.ts";
import { type Connections, createConnections } from "../../../src/storage/postgres/connections.ts";
import { createHeadTransactions, type RunWithHead } from "../../../src/storage/postgres/head-transactions.ts";
import { openPostgresStore, type PostgresStore } from "../../../src/storage/postgres/postgres-store.ts";
import { createServers } from "../../../src/storage/postgres/servers.ts";
import { append } from "../conformance/opened-store.ts";
import { sampleDecision } from "../samples.ts";
import { useWatchedStore } from "./watched-store.ts";

const hourMs = 3_600_000;

let url: string;
let store: PostgresStore;
let observer: pg.Client;
let connections: Connections;
let runWithHead: RunWithHead;

const current = useWatchedStore();

beforeEach(async () => {
  ({ url, store, observer } = current());
  const health = { failed: () => undefined, worked: () => undefined };
  connections = createConnections({ servers: createServers(url), maxConnections: 1, health });
  runWithHead = createHeadTransactions(connections, () => undefined);
});

afterEach(async () => {
  await connections.close();
});

async function committers(): Promise<string[]> {
  const { rows } = await observer.query<{ committer: string }>("SELECT committer FROM committers ORDER BY committer");
  return rows.map(({ committer }) => committer);
}

/** The name of a process that has committed something and ended. */
async function leaveOne(): Promise<string> {
  const before = await committers();
  const other = await openPostgresStore({ url });
  await append(other, sampleDecision());
  await other.close();
  const left = (await committers()).find((committer) => !before.includes(committer));
  if (left === undefined) throw new Error("The process has left nothing behind.");
  return left;
}

it("is forgotten when a process has committed nothing for long enough, and not before", async () => {
  const dead = await leaveOne();
  expect(await forgetCommitters(runWithHead, hourMs)).toBe(0);
  expect(await forgetCommitters(runWithHead, hourMs)).toBe(0);
  expect(await committers()).toEqual([dead]);
  expect(await forgetCommitters(runWithHead, 0)).toBe(1);
  expect(await committers()).toEqual([]);
});

it("counts from the last batch on: who goes on committing stays", async () => {
  const dead = await leaveOne();
  await append(store, sampleDecision());
  await forgetCommitters(runWithHead, hourMs);
  await append(store, sampleDecision());
  expect(await forgetCommitters(runWithHead, 0)).toBe(1);
  const left = await committers();
  expect(left).toHaveLength(1);
  expect(left).not.toContain(dead);
});

it("is there again with the next batch of a process that was only idle", async () => {
  await append(store, sampleDecision());
  const before = await committers();
  await forgetCommitters(runWithHead, 0);
  expect(await forgetCommitters(runWithHead, 0)).toBe(1);
  expect(await committers()).toEqual([]);
  await append(store, sampleDecision());
  expect(await committers()).toEqual(before);
  expect(await store.latestPosition()).toBe(2);
});

it("is what the keeper does, and nobody else", async () => {
  await leaveOne();
  let isKeeper = false;
  let asked = 0;
  const asks = () => {
    asked += 1;
    return isKeeper;
  };
  const forgetting = startForgettingCommitters(runWithHead, asks, { everyMs: 5, idleMs: 0 });
  await vi.waitUntil(() => asked >= 5, { timeout: 15_000 });
  expect(await committers()).toHaveLength(1);
  isKeeper = true;
  await vi.waitUntil(async () => (await committers()).length === 0, { timeout: 15_000 });
  await forgetting.close();
});

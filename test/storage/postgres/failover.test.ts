// A primary that is lost and a standby that takes its place: what was answered is there, and the store goes on without being started again.
import pg from "pg";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { connectForMove } from "../../../src/storage/postgres/move-connection.ts";
import { openPostgresStore, type PostgresStore } from "../../../src/storage/postgres/postgres-store.ts";
import type { FeedChange } from "../../../src/storage/storage.ts";
import { type PostgresProxy, startPostgresProxy } from "../../postgres-proxy.ts";
import { type PostgresServer, startPostgres, startStandby } from "../../postgres-server.ts";
import { append, appendAsIs } from "../conformance/opened-store.ts";
import { sampleAuditEntry, sampleDecision } from "../samples.ts";

let primary: PostgresServer;
let standby: PostgresServer;
let database: string;

beforeEach(async () => {
  primary = await startPostgres([]);
  const url = await primary.takeDatabase();
  database = new URL(url).pathname.slice(1);
  standby = await startStandby(primary, []);
  // An answer waits until the standby has it on its disk.
  await primary.run("ALTER SYSTEM SET synchronous_standby_names = 'standby'");
  await primary.run("SELECT pg_reload_conf()");
  const observer = new pg.Client({ connectionString: url });
  await observer.connect();
  const inSync = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'";
  await vi.waitUntil(async () => (await observer.query(inSync)).rowCount === 1, { timeout: 15_000 });
  await observer.end();
}, 60_000);

afterEach(async () => {
  await standby[Symbol.asyncDispose]();
  await primary[Symbol.asyncDispose]();
});

/** Appends under request ids of its own until it is told to end, each until it is answered. */
function keepAppending(store: PostgresStore) {
  const answered = new Map<string, string>();
  let isRunning = true;
  const writing = Array.from({ length: 8 }, async (_, writer) => {
    for (let i = 0; isRunning; i += 1) {
      const requestId = `${writer} ${i}`;
      await vi.waitUntil(
        async () => {
          const result = await appendAsIs(store, sampleDecision({ requestId })).catch(() => undefined);
          if (result !== undefined && result.kind !== "reused") answered.set(requestId, result.decision.decisionId);
          return result !== undefined;
        },
        { timeout: 45_000, interval: 20 },
      );
    }
  });
  const end = async () => {
    isRunning = false;
    await Promise.all(writing);
  };
  return { answered, end };
}

async function loseThePrimary(): Promise<void> {
  await primary.kill("SIGKILL");
  await standby.run("SELECT pg_promote()");
}

/** The whole feed. One call goes through a part of the numbers, of which some were passed over. */
async function allChanges(store: PostgresStore): Promise<FeedChange[]> {
  const all: FeedChange[] = [];
  for (let position = 0; position < (await store.latestPosition()); ) {
    const { changes, next } = await store.readChanges(position, {}, 100_000);
    all.push(...changes);
    position = next;
  }
  return all;
}

/** What is on disk, by request id. */
async function decisions(store: PostgresStore): Promise<{ count: number; byRequest: Map<string, string> }> {
  const changes = await allChanges(store);
  const pairs = changes.flatMap((change) =>
    change.kind === "decision" ? [[change.decision.requestId, change.decision.decisionId] as const] : [],
  );
  return { count: changes.length, byRequest: new Map(pairs) };
}

describe("a primary that is lost under load", () => {
  it("loses nothing that was answered and doubles nothing, with both servers in the URL", async () => {
    await using first = await startPostgresProxy(primary.urlOf(database));
    await using second = await startPostgresProxy(standby.urlOf(database));
    const store = await openPostgresStore({ url: urlOf(second, first) });
    const { answered, end } = keepAppending(store);
    await vi.waitUntil(() => answered.size > 200, { timeout: 30_000 });
    await loseThePrimary();
    const before = answered.size;
    await vi.waitUntil(() => answered.size > before + 200, { timeout: 60_000 });
    await end();
    await vi.waitUntil(() => store.isUp(), { timeout: 15_000 });
    const onDisk = await decisions(store);
    expect(onDisk.byRequest).toEqual(answered);
    expect(onDisk.count).toBe(answered.size);
    await store.close();
  }, 120_000);

  it("loses nothing that was answered and doubles nothing, behind one name that leads to the new primary later", async () => {
    await using name = await startPostgresProxy(primary.urlOf(database));
    const store = await openPostgresStore({ url: name.url });
    let told = 0;
    store.onChange(() => {
      told += 1;
    });
    const { answered, end } = keepAppending(store);
    await vi.waitUntil(() => answered.size > 200, { timeout: 30_000 });
    await primary.kill("SIGKILL");
    // For a while it leads to a server that takes no writes.
    name.leadTo(standby.urlOf(database));
    await vi.waitUntil(() => !store.isUp(), { timeout: 15_000 });
    await standby.run("SELECT pg_promote()");
    const before = answered.size;
    await vi.waitUntil(() => answered.size > before + 200, { timeout: 60_000 });
    await end();
    const onDisk = await decisions(store);
    expect(onDisk.byRequest).toEqual(answered);
    expect(onDisk.count).toBe(answered.size);
    // Notices of another process come through the new primary.
    const other = await openPostgresStore({ url: name.url });
    const toldBefore = told;
    await append(other, sampleDecision());
    await vi.waitUntil(() => told > toldBefore, { timeout: 15_000 });
    await vi.waitUntil(() => store.isKeeper() || other.isKeeper(), { timeout: 15_000 });
    await other.close();
    await store.close();
  }, 120_000);
});

describe("a standby that has not got all that was answered", () => {
  it("gives no number again that the lost primary may have given, and knows where the log parts from what was undone", async () => {
    await using lost = await startPostgres([]);
    const url = await lost.takeDatabase();
    const store = await openPostgresStore({ url });
    for (let i = 0; i < 5; i += 1) await append(store, sampleDecision());
    await store.close();
    // It has the data of this moment, as after a restore to it, and never hears of what comes later.
    await using behind = await startStandby(lost, ["primary_conninfo="]);
    const later = await openPostgresStore({ url });
    const undone = await Promise.all(Array.from({ length: 5 }, () => append(later, sampleDecision())));
    const undoneAudit = await later.beginAuditEntry(sampleAuditEntry());
    await later.close();
    await lost.kill("SIGKILL");
    await behind.run("SELECT pg_promote()");

    const again = await openPostgresStore({ url: behind.urlOf(new URL(url).pathname.slice(1)) });
    for (const decisionId of undone) expect(await again.getDecision(decisionId)).toBeUndefined();
    const kept = [1, 2, 3, 4, 5];
    for (const position of kept) expect(await again.partingBefore(position)).toBeUndefined();
    for (const position of [6, 10, 1000]) expect(await again.partingBefore(position)).toBe(5);
    const end = await again.latestPosition();
    const decisionId = await append(again, sampleDecision());
    expect(undone).not.toContain(decisionId);
    expect((await allChanges(again)).map(({ position }) => position)).toEqual([...kept, end + 1]);
    expect(await again.partingBefore(end + 1)).toBeUndefined();
    // Nobody is given a position among those that were passed over.
    expect((await again.readChanges(5, {}, 100)).next).toBeGreaterThanOrEqual(end);
    expect((await again.beginAuditEntry(sampleAuditEntry())) > undoneAudit).toBe(true);
    await again.close();
    // The same timeline the next time: nothing is passed over.
    const once = await openPostgresStore({ url: behind.urlOf(new URL(url).pathname.slice(1)) });
    expect(await once.latestPosition()).toBe(end + 1);
    await once.close();
  }, 120_000);
});

describe("several servers in the URL", () => {
  it("are tried in their order until one takes writes, also when others are standbys or away", async () => {
    await using away = await startPostgresProxy(primary.urlOf("nowhere"));
    await using first = await startPostgresProxy(primary.urlOf(database));
    await using second = await startPostgresProxy(standby.urlOf(database));
    away.leadTo("postgres://localhost/d?host=/nowhere");
    const store = await openPostgresStore({ url: urlOf(away, second, first) });
    await append(store, sampleDecision());
    expect(await store.latestPosition()).toBe(1);
    await store.close();
    // A move goes the same way.
    const client = await connectForMove(urlOf(away, second, first));
    expect((await client.query("SELECT pg_is_in_recovery() AS is_standby")).rows).toEqual([{ is_standby: false }]);
    await client.end();
  }, 60_000);
});

function urlOf(...proxies: PostgresProxy[]): string {
  return `postgres://gatehouse@${proxies.map(({ address }) => address).join(",")}/${database}?target_session_attrs=read-write`;
}

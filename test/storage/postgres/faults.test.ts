// What the store does when PostgreSQL breaks, on a server of its own that forces everything to disk.
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { openPostgresStore, type PostgresStore } from "../../../src/storage/postgres/postgres-store.ts";
import { startPostgresProxy } from "../../postgres-proxy.ts";
import { type PostgresServer, startPostgres } from "../../postgres-server.ts";
import { append, appendAsIs, expectReason, factsAt } from "../conformance/opened-store.ts";
import { appId, baseMs, roomOf, sampleDecision } from "../samples.ts";

let server: PostgresServer;
let url: string;
let store: PostgresStore;
let failures: string[];

beforeAll(async () => {
  server = await startPostgres([]);
}, 60_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

beforeEach(async () => {
  url = await server.takeDatabase();
  failures = [];
  store = await openPostgresStore({ url, onFailure: (cause) => void failures.push(cause) });
});

afterEach(async () => {
  await store.close();
  server.giveBack(url);
});

describe("a server that crashes", () => {
  it("loses nothing that was answered and doubles nothing, and the store goes on with it when it is there again", async () => {
    const answered = new Map<string, string>();
    let running = true;
    const append = async (writer: number) => {
      for (let i = 0; running; i += 1) {
        const requestId = `${writer} ${i}`;
        // A write that rejects may be on disk: it is repeated until it is answered.
        await vi.waitUntil(
          async () => {
            const result = await appendAsIs(store, sampleDecision({ requestId })).catch(() => undefined);
            if (result !== undefined && result.kind !== "reused") answered.set(requestId, result.decision.decisionId);
            return result !== undefined;
          },
          { timeout: 15_000, interval: 20 },
        );
      }
    };
    const writing = Array.from({ length: 8 }, (_, writer) => append(writer));
    for (let crash = 1; crash <= 3; crash += 1) {
      await vi.waitUntil(() => answered.size > crash * 100, { timeout: 15_000 });
      await server.kill();
      await vi.waitUntil(() => !store.isUp(), { timeout: 15_000 });
      await server.start();
    }
    await vi.waitUntil(() => answered.size > 500, { timeout: 15_000 });
    running = false;
    await Promise.all(writing);
    const { changes } = await store.readChanges(0, {}, 100_000);
    const onDisk = new Map(
      changes
        .map((change) => change.kind === "decision" && [change.decision.requestId, change.decision.decisionId])
        .filter((pair) => pair !== false) as [string, string][],
    );
    expect(changes).toHaveLength(answered.size);
    expect(onDisk).toEqual(answered);
    expect(failures).toContain("unreachable");
  }, 60_000);

  it("fails calls with STORE_UNAVAILABLE while it is away, and is seen to be back by the store itself", async () => {
    await append(store, sampleDecision());
    await server.kill();
    await expectReason(() => appendAsIs(store, sampleDecision()), ErrorReason.STORE_UNAVAILABLE);
    await expectReason(() => store.getDecision("dec-000000000001"), ErrorReason.STORE_UNAVAILABLE);
    await expectReason(() => store.check(), ErrorReason.STORE_UNAVAILABLE);
    expect(store.isUp()).toBe(false);
    await server.start();
    await vi.waitUntil(() => store.isUp(), { timeout: 15_000 });
    expect(await store.getDecision("dec-000000000001")).toBeDefined();
  }, 60_000);
});

describe("a server that takes no writes", () => {
  it("serves reads, and writes again as soon as it takes them", async () => {
    await append(store, sampleDecision(), { creation: roomOf("ann", "News") });
    await server.run("ALTER SYSTEM SET default_transaction_read_only = on");
    await server.run("SELECT pg_reload_conf()");
    await vi.waitUntil(
      () =>
        appendAsIs(store, sampleDecision()).then(
          () => false,
          () => true,
        ),
      { timeout: 15_000 },
    );
    expect(failures).toContain("readonly");
    expect(store.isUp()).toBe(false);
    expect(await factsAt(store, baseMs, (facts) => facts.liveAccounts(appId, "ann"))).toBe(1);
    await server.run("ALTER SYSTEM RESET default_transaction_read_only");
    await server.run("SELECT pg_reload_conf()");
    await vi.waitUntil(() => store.isUp(), { timeout: 15_000 });
    await append(store, sampleDecision());
  }, 60_000);
});

describe("connections that others have used up", () => {
  it("fail calls with STORE_UNAVAILABLE, and the store goes on as soon as there are some again", async () => {
    const most = 14;
    await using full = await startPostgres(["fsync=off", `max_connections=${most}`, "superuser_reserved_connections=0"]);
    const crowded = await full.takeDatabase();
    const causes: string[] = [];
    const own = await openPostgresStore({ url: crowded, onFailure: (cause) => void causes.push(cause) });
    const others: pg.Client[] = [];
    const takeOne = async () => {
      const client = new pg.Client({ connectionString: crowded });
      client.on("error", () => {});
      await client.connect();
      others.push(client);
    };
    try {
      await append(own, sampleDecision());
      await takeOne();
      await vi.waitUntil(
        async () => {
          await others[0]?.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gatehouse'");
          await Promise.allSettled(Array.from({ length: most }, takeOne));
          return others.length === most;
        },
        { timeout: 30_000, interval: 0 },
      );
      await expectReason(() => appendAsIs(own, sampleDecision()), ErrorReason.STORE_UNAVAILABLE);
      await expectReason(() => own.check(), ErrorReason.STORE_UNAVAILABLE);
      expect(causes).toContain("unreachable");
      await Promise.all(others.splice(0).map((client) => client.end()));
      await vi.waitUntil(() => own.isUp(), { timeout: 15_000 });
      await append(own, sampleDecision());
    } finally {
      await Promise.all(others.map((client) => client.end()));
      await own.close();
    }
  }, 90_000);
});

describe("connections that are cut", () => {
  it("are made anew", async () => {
    for (let round = 0; round < 5; round += 1) {
      await append(store, sampleDecision());
      await server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gatehouse'");
      // The first calls may meet the connections that are dead.
      await vi.waitUntil(
        () =>
          store.check().then(
            () => true,
            () => false,
          ),
        { timeout: 15_000 },
      );
    }
    expect(await store.latestPosition()).toBe(5);
  }, 60_000);

  it("when the server has done what it was asked leave it known which writes are on disk: all that were answered, and no others", async () => {
    await using proxy = await startPostgresProxy(url);
    const far = await openPostgresStore({ url: proxy.url });
    const answered: string[] = [];
    let running = true;
    const writing = Array.from({ length: 8 }, async () => {
      while (running) {
        const result = await appendAsIs(far, sampleDecision()).catch(() => undefined);
        if (result?.kind === "appended") answered.push(result.decision.decisionId);
      }
    });
    for (let round = 0; round < 40; round += 1) {
      const before = answered.length;
      await vi.waitUntil(() => answered.length > before + 20, { timeout: 15_000, interval: 5 });
      proxy.loseAnswer();
    }
    running = false;
    await Promise.all(writing);
    await far.close();
    const { changes } = await store.readChanges(0, {}, 1_000_000);
    const onDisk = changes.map((change) => change.kind === "decision" && change.decision.decisionId);
    expect(answered.toSorted()).toEqual(onDisk);
  }, 60_000);
});

describe("a lock that somebody holds", () => {
  it("is waited for, and then everything goes on", async () => {
    const holder = new pg.Client({ connectionString: url });
    await holder.connect();
    await holder.query("BEGIN; UPDATE log_head SET checks = checks + 1");
    const writes = Array.from({ length: 20 }, () => append(store, sampleDecision()));
    // Reads wait for nobody.
    expect(await store.latestPosition()).toBe(0);
    await holder.query("COMMIT");
    await holder.end();
    expect(new Set(await Promise.all(writes)).size).toBe(20);
  }, 60_000);

  it("fails writes with STORE_UNAVAILABLE when it is held for too long", async () => {
    const holder = new pg.Client({ connectionString: url });
    await holder.connect();
    await holder.query("BEGIN; UPDATE log_head SET checks = checks + 1");
    await expectReason(() => appendAsIs(store, sampleDecision()), ErrorReason.STORE_UNAVAILABLE);
    expect(failures).toContain("slow");
    await holder.query("ROLLBACK");
    await holder.end();
    await append(store, sampleDecision());
  }, 60_000);
});

describe("the keeper of several processes", () => {
  /** The process of the server that holds the keeper's lock. */
  async function holder(): Promise<number | undefined> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const sql =
      "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    const { rows } = await client.query<{ pid: number }>(sql);
    await client.end();
    return rows[0]?.pid;
  }

  it("is one of them, and another one when it is closed or loses its connection", async () => {
    const others = await Promise.all([1, 2].map(() => openPostgresStore({ url })));
    const stores = [store, ...others];
    const keepers = () => stores.filter(({ isKeeper }) => isKeeper());
    await vi.waitUntil(() => keepers().length === 1, { timeout: 15_000 });
    const [first] = keepers();
    await first?.close();
    await vi.waitUntil(() => keepers().length === 1, { timeout: 15_000 });
    expect(keepers()).not.toContain(first);
    const before = await holder();
    await server.run(`SELECT pg_terminate_backend(${before})`);
    await vi.waitUntil(async () => ![undefined, before].includes(await holder()), { timeout: 15_000 });
    await vi.waitUntil(() => keepers().length === 1, { timeout: 15_000 });
    for (const other of others) await other.close();
  }, 60_000);
});

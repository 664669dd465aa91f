// The store in SQLite: the contract of every store, and what only this one promises.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../../../src/errors.ts";
import { migrate, migrations } from "../../../src/storage/sqlite/migrations.ts";
import { openSqliteStore } from "../../../src/storage/sqlite/sqlite-store.ts";
import type { Store } from "../../../src/storage/storage.ts";
import { expectReason } from "../conformance/opened-store.ts";
import { storeConformance } from "../conformance.ts";
import { appId, listEntry, sampleDecision, samplePolicy, sha256 } from "../samples.ts";

let folder: string;
let path: string;
let opened: Store[];

function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), "gatehouse-sqlite-"));
}

async function open(options: Partial<Parameters<typeof openSqliteStore>[0]> = {}): Promise<Store> {
  const store = await openSqliteStore({ path, ...options });
  opened.push(store);
  return store;
}

async function append(store: Store): Promise<string> {
  const result = await store.appendDecision(sampleDecision(), sha256(""));
  return result.kind === "appended" ? result.decisionId : "";
}

storeConformance("SQLite", async () => {
  const own = makeFolder();
  let store = await openSqliteStore({ path: join(own, "gatehouse.db") });
  return {
    store,
    async reopen() {
      await store.close();
      store = await openSqliteStore({ path: join(own, "gatehouse.db") });
      return store;
    },
    async destroy() {
      await store.close();
      rmSync(own, { recursive: true });
    },
  };
});

describe("the store in SQLite", () => {
  beforeEach(() => {
    folder = makeFolder();
    path = join(folder, "gatehouse.db");
    opened = [];
  });

  afterEach(async () => {
    for (const store of opened) await store.close();
    rmSync(folder, { recursive: true });
  });

  it("makes the folder of its file, and leaves a database that is complete in one file", async () => {
    path = join(folder, "deep", "er", "gatehouse.db");
    const store = await open();
    const id = await append(store);
    await store.close();
    expect(existsSync(`${path}-wal`)).toBe(false);
    expect(await (await open()).getDecision(id)).toBeDefined();
  });

  it("answers facts at once", async () => {
    const store = await open();
    expect(store.withFacts((facts) => facts.inList("staff", "a"))).toBe(false);
  });

  it("looks up lists that are too long for memory on disk", async () => {
    const store = await open();
    await store.makePolicyLive(samplePolicy("x"), ["long"]);
    for (let from = 0; from < 51_000; from += 1000) {
      await store.addEntries(
        "long",
        Array.from({ length: 1000 }, (_, index) => listEntry(`v${from + index}`)),
      );
    }
    const ask = (value: string) => store.withFacts((facts) => facts.inList("long", value));
    expect(["v0", "v50999", "v51000"].map(ask)).toEqual([true, true, false]);
    await store.removeEntries("long", ["v0"]);
    expect(["v0", "v50999"].map(ask)).toEqual([false, true]);
  });

  it("lists through more decisions than one statement goes through", async () => {
    const store = await open();
    const rare = await store.appendDecision(sampleDecision({ appId: 7 }), sha256(""));
    for (let i = 0; i < 45; i += 1) await Promise.all(Array.from({ length: 1000 }, () => append(store)));
    const id = rare.kind === "appended" ? rare.decisionId : "";
    expect((await store.listDecisions({ appId: 7 }, { size: 10 })).items.map(({ decisionId }) => decisionId)).toEqual([id]);
    expect((await store.listDecisions({ appId }, { size: 1000 })).items).toHaveLength(1000);
  });

  describe("migrations", () => {
    it("are all done on a new database, and not again", async () => {
      await (await open()).close();
      const db = new Database(path);
      expect(db.pragma("user_version", { simple: true })).toBe(migrations.length);
      migrate(db);
      migrate(db, [...migrations, "CREATE TABLE added (x INTEGER) STRICT"]);
      expect(db.pragma("user_version", { simple: true })).toBe(migrations.length + 1);
      expect(db.prepare("SELECT count(*) FROM added").pluck().get()).toBe(0);
      db.close();
    });

    it("are done wholly or not at all", () => {
      const db = new Database(path);
      expect(() => migrate(db, ["CREATE TABLE one (x INTEGER)", "CREATE TABLE two (x INTEGER); CREATE TABLE one (x INTEGER)"])).toThrow();
      expect(db.pragma("user_version", { simple: true })).toBe(1);
      expect(db.prepare("SELECT group_concat(name) FROM sqlite_master").pluck().get()).toBe("one");
      db.close();
    });

    it("refuse a database from a newer version, and leave it alone", async () => {
      const db = new Database(path);
      db.pragma(`user_version = ${migrations.length + 1}`);
      db.close();
      await expect(open()).rejects.toThrow(/made by a newer Gatehouse/);
      await expectReason(open, ErrorReason.STORE_UNAVAILABLE);
    });
  });

  it("refuses a file that is no database", async () => {
    writeFileSync(path, "this is a text, and quite a long one, as texts go".repeat(100));
    await expectReason(open, ErrorReason.STORE_UNAVAILABLE);
  });

  it("fails only the writes of a batch that cannot be done", async () => {
    const store = await open();
    const poisonous = sampleDecision({ requestId: "poison" });
    poisonous.appId = 1.5;
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) =>
        store.appendDecision(index % 5 === 2 ? poisonous : sampleDecision({ requestId: `r${index}` }), sha256("")),
      ),
    );
    for (const [index, result] of results.entries()) {
      expect(result.status).toBe(index % 5 === 2 ? "rejected" : "fulfilled");
      if (result.status === "rejected") await expectReason(() => Promise.reject(result.reason), ErrorReason.STORE_UNAVAILABLE);
    }
    expect((await store.listDecisions({}, { size: 100 })).items).toHaveLength(16);
    const ids = results.flatMap((result) =>
      result.status === "fulfilled" && result.value.kind === "appended" ? result.value.decisionId : [],
    );
    expect(new Set(ids).size).toBe(16);
    expect(ids.toSorted()).toEqual(ids);
  });

  it("keeps the driver's text out of the message and in the cause", async () => {
    const store = await open();
    const poisonous = sampleDecision();
    poisonous.appId = 1.5;
    const error = await store.appendDecision(poisonous, sha256("")).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(GatehouseError);
    expect((error as GatehouseError).message).not.toMatch(/STRICT|REAL|INTEGER|app_id/i);
    expect((error as GatehouseError).cause).toMatchObject({ code: expect.stringMatching(/^SQLITE_/) });
  });

  it("reads while another process holds the database, fails writes, and writes again afterwards", async () => {
    const store = await open();
    const id = await append(store);
    const foreign = new Database(path);
    foreign.exec("BEGIN IMMEDIATE");
    const writes = [append(store), append(store), store.check()];
    expect(await store.getDecision(id)).toBeDefined();
    for (const write of writes) await expectReason(() => write, ErrorReason.STORE_UNAVAILABLE);
    foreign.exec("ROLLBACK");
    foreign.close();
    await append(store);
    await store.check();
  });

  it("rejects the writes that were under way when the writer thread dies, and goes on with a new one", async () => {
    const workers: Worker[] = [];
    const warnings: string[] = [];
    const onWorker = (worker: Worker) => workers.push(worker);
    process.on("worker", onWorker);
    try {
      const store = await open({ logger: { warn: (_, message) => warnings.push(message) } });
      await store.makePolicyLive(samplePolicy("x"), ["staff"]);
      await append(store);
      for (let round = 1; round <= 3; round += 1) {
        const writes = [append(store), append(store), store.addEntries("staff", [listEntry("a")])];
        await workers.at(-1)?.terminate();
        const settled = await Promise.allSettled(writes);
        for (const result of settled) {
          if (result.status === "rejected") await expectReason(() => Promise.reject(result.reason), ErrorReason.STORE_UNAVAILABLE);
        }
        expect(warnings).toHaveLength(round);
        const id = await append(store);
        expect(await store.getDecision(id)).toBeDefined();
        const listed = (await store.listEntries("staff", { size: 1 }))?.items.length === 1;
        expect(store.withFacts((facts) => facts.inList("staff", "a"))).toBe(listed);
      }
    } finally {
      process.off("worker", onWorker);
    }
  });
});

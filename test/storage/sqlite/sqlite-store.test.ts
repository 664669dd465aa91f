// The store in SQLite: the contract of every store, and what only this one promises.
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AccountState } from "../../../gen/gatehouse/v1/account_service_pb.ts";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../../../src/errors.ts";
import { nextTurn } from "../../../src/storage/sqlite/next-turn.ts";
import { openSqliteStore } from "../../../src/storage/sqlite/sqlite-store.ts";
import type { Store } from "../../../src/storage/storage.ts";
import { append, appendEvent, expectReason, factsAt, follow, makeLists, type OpenStore, walk } from "../conformance/opened-store.ts";
import { storeConformance } from "../conformance.ts";
import {
  appId,
  baseMs,
  changedEvent,
  createdEvent,
  digestOf,
  listEntry,
  messageEvent,
  roomOf,
  sampleAuditEntry,
  sampleDecision,
  sha256,
  withdrawnEvent,
} from "../samples.ts";

let folder: string;
let path: string;
let opened: Store[];

/** The highest sequence number of the database, which must be closed. */
async function highest(): Promise<number> {
  const store = await openSqliteStore({ path });
  const position = await store.latestPosition();
  await store.close();
  return position;
}

function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), "gatehouse-sqlite-"));
}

async function open(options: Partial<Parameters<typeof openSqliteStore>[0]> = {}): Promise<Store> {
  const store = await openSqliteStore({ path, ...options });
  opened.push(store);
  return store;
}

const openForConformance: OpenStore = async () => {
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
};

storeConformance("SQLite", openForConformance);

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
    const id = await append(store, sampleDecision());
    await store.close();
    expect(existsSync(`${path}-wal`)).toBe(false);
    expect(await (await open()).getDecision(id)).toBeDefined();
  });

  it("answers facts at once", async () => {
    const store = await open();
    expect(store.withFacts(baseMs, (facts) => facts.inList("staff", "a"))).toBe(false);
  });

  it("lists through more decisions than one statement goes through", async () => {
    const store = await open();
    const id = await append(store, sampleDecision({ appId: 7 }));
    for (let i = 0; i < 45; i += 1) await Promise.all(Array.from({ length: 1000 }, () => append(store, sampleDecision())));
    expect((await store.listDecisions({ appId: 7 }, { size: 10 })).items.map(({ decisionId }) => decisionId)).toEqual([id]);
    expect((await store.listDecisions({ appId }, { size: 1000 })).items).toHaveLength(1000);
  });

  it("looks through a limited part of the registry for a page, and through all of it in several", async () => {
    const store = await open();
    const name = (i: number) => (i % 1000 === 999 ? "rare" : "often");
    const created = (i: number) => createdEvent(`a${String(i).padStart(4, "0")}`, baseMs, { owner: "ann", name: name(i) });
    await Promise.all(Array.from({ length: 4000 }, (_, i) => appendEvent(store, created(i))));
    for (const filter of [
      { owner: "ann", namePrefix: "r" },
      { owner: "ann", namePrefix: "r", lastEventFromMs: 0 },
      { appId, namePrefix: "", state: AccountState.DESTROYED },
      { lastEventFromMs: 0, state: AccountState.DESTROYED },
    ]) {
      const { items, next } = await store.listAccounts(filter, { size: 1000 });
      expect(items.length).toBeLessThan(4);
      expect(next).toBeDefined();
      const found = await walk((page) => store.listAccounts(filter, page), 1000);
      expect(found.map(({ accountId }) => accountId)).toEqual(filter.state === undefined ? ["a0999", "a1999", "a2999", "a3999"] : []);
    }
  });

  it("keeps accounts, sources and revisions when their events are deleted, also when such an event is delivered again", async () => {
    const store = await open();
    const changed = changedEvent("a", baseMs + 1, { name: "Newer" });
    await appendEvent(store, createdEvent("a", baseMs));
    await appendEvent(store, changed);
    const read = async () => [await store.getAccount(appId, "a"), await store.listAccountRevisions(appId, "a", { size: 10 })];
    const before = await read();
    const db = new Database(path);
    db.exec("DELETE FROM events");
    db.close();
    // What another connection wrote is seen once this one has written.
    await store.check();
    expect(await read()).toEqual(before);
    expect((await store.listTimeline({ appId, user: "ann" }, { size: 10 })).items).toEqual([]);
    expect(await appendEvent(store, changed)).toMatchObject({ duplicate: false });
    expect(await read()).toEqual(before);
  });

  it("keeps what is known of messages when their events are deleted, but for what they consist of", async () => {
    const store = await open();
    const sent = messageEvent("a", "k", baseMs, "text");
    await appendEvent(store, sent);
    await appendEvent(store, withdrawnEvent("a", baseMs + 1, ["k"]));
    const [before] = (await store.listMessages(appId, "a", { size: 10 })).items;
    expect(before?.elements).toHaveLength(1);
    const db = new Database(path);
    db.exec("DELETE FROM events");
    db.close();
    expect(await appendEvent(store, sent)).toMatchObject({ duplicate: false });
    expect((await store.listMessages(appId, "a", { size: 10 })).items).toEqual([{ ...before, elements: [] }]);
    expect(await store.getAccount(appId, "a")).toMatchObject({ messagesSent: 1, messagesWithdrawn: 1 });
  });

  it("looks through a limited part of a log for a page of a timeline, and through all of it in several", async () => {
    const store = await open();
    const about = (app: number) =>
      sampleDecision({ appId: app, action: { case: "addSubscribers", value: { accountId: "a", operator: "ann" } } });
    const id = await append(store, about(appId));
    await Promise.all(Array.from({ length: 5000 }, () => append(store, about(7))));
    const { items, next } = await store.listTimeline({ appId, accountId: "a" }, { size: 10 });
    expect(items).toEqual([]);
    expect(next).toBeDefined();
    for (const whose of [{ accountId: "a" }, { user: "ann" }]) {
      const found = await walk((page) => store.listTimeline({ appId, ...whose }, page), 10);
      expect(found.map((entry) => entry.kind === "decision" && entry.decision.decisionId)).toEqual([id]);
    }
  });

  it("reads through more of the feed than one statement and one call go through", async () => {
    const store = await open();
    await append(store, sampleDecision({ appId: 7 }));
    const db = new Database(path);
    const seqs = [4999, 5000, 5001, 5002, 200_001, 450_000];
    for (const seq of seqs) db.exec(`INSERT INTO decisions (seq, app_id, verdict, body) VALUES (${seq}, ${seq % 2}, 1, '{}')`);
    db.close();
    for (const [filter, expected] of [
      [{}, [1, ...seqs]],
      [{ appId: 7 }, [1]],
      [{ appId: 0 }, seqs.filter((seq) => seq % 2 === 0)],
      [{ appId: 8 }, []],
    ] as const) {
      const found: number[] = [];
      for (let position = 0; position < 450_000; ) {
        const { changes, next } = await store.readChanges(position, filter, 2);
        expect(next).toBeGreaterThan(position);
        found.push(...changes.map((change) => change.position));
        position = next;
      }
      expect(found).toEqual(expected);
    }
  });

  it("goes through what a restore has passed over as if nothing were there", async () => {
    const store = await open();
    const action = { case: "createAccount" as const, value: { operator: "ann", owner: "ann", name: "x" } };
    const early = await append(store, sampleDecision({ action }));
    await store.beginAuditEntry(sampleAuditEntry());
    // An owner of so many accounts that the whole log is gone through.
    for (let i = 0; i < 501; i += 1) {
      const event = createdEvent(`a${i}`, baseMs, { owner: "ann" });
      await store.appendEvent(event, digestOf(event), baseMs);
    }
    await store.close();
    const [last, next] = [await highest(), 10 ** 14];
    const db = new Database(path);
    db.exec(`INSERT INTO restores VALUES (${last}, ${next}, ${baseMs}); UPDATE sqlite_sequence SET seq = ${next}`);
    db.close();
    const again = await open();
    const late = await append(again, sampleDecision({ action }));
    await again.beginAuditEntry(sampleAuditEntry());

    const { items } = await again.listDecisions({ user: "ann" }, { size: 10 });
    expect(items.map(({ decisionId }) => decisionId)).toEqual([late, early]);
    expect((await again.listAuditEntries({}, { size: 10 })).items).toHaveLength(2);
    let entries = 0;
    let after: string | undefined;
    let pages = 0;
    do {
      const page = await again.listTimeline({ appId, owner: "ann" }, { size: 100, ...(after !== undefined && { after }) });
      entries += page.items.length;
      after = page.next;
      pages += 1;
    } while (after !== undefined && pages < 100);
    expect([entries, after]).toEqual([503, undefined]);
    expect(await again.partingBefore(last)).toBeUndefined();
    expect(await again.partingBefore(last + 1)).toBe(last);
    expect(await again.partingBefore(next)).toBeUndefined();
    const positions: number[] = [];
    for (let position = 0; position < (await again.latestPosition()); ) {
      const part = await again.readChanges(position, { kinds: new Set(["decision"]) }, 1);
      positions.push(...part.changes.map((change) => change.position));
      expect(part.next <= last || part.next >= next).toBe(true);
      position = part.next;
    }
    expect(positions).toEqual([1, next + 1]);
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
        append(store, index % 5 === 2 ? poisonous : sampleDecision({ requestId: `r${index}` }), { actionDigest: sha256("") }),
      ),
    );
    for (const [index, result] of results.entries()) {
      expect(result.status).toBe(index % 5 === 2 ? "rejected" : "fulfilled");
      if (result.status === "rejected") await expectReason(() => Promise.reject(result.reason), ErrorReason.STORE_UNAVAILABLE);
    }
    expect((await store.listDecisions({}, { size: 100 })).items).toHaveLength(16);
    const ids = results.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
    expect(new Set(ids).size).toBe(16);
    expect(ids.toSorted()).toEqual(ids);
  });

  it("keeps the driver's text out of the message and in the cause", async () => {
    const store = await open();
    const poisonous = sampleDecision();
    poisonous.appId = 1.5;
    const error = await append(store, poisonous, { actionDigest: sha256("") }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(GatehouseError);
    expect((error as GatehouseError).message).not.toMatch(/STRICT|REAL|INTEGER|app_id/i);
    expect((error as GatehouseError).cause).toMatchObject({ code: expect.stringMatching(/^SQLITE_/) });
  });

  it("reads while another process holds the database, fails writes, and writes again afterwards", async () => {
    const store = await open();
    const id = await append(store, sampleDecision());
    const foreign = new Database(path);
    foreign.exec("BEGIN IMMEDIATE");
    const writes = [append(store, sampleDecision()), append(store, sampleDecision()), store.check()];
    expect(await store.getDecision(id)).toBeDefined();
    for (const write of writes) await expectReason(() => write, ErrorReason.STORE_UNAVAILABLE);
    foreign.exec("ROLLBACK");
    foreign.close();
    await append(store, sampleDecision());
    await store.check();
  });

  it("rejects the writes that were under way when the writer thread dies, and goes on with a new one", async () => {
    const workers: Worker[] = [];
    const warnings: string[] = [];
    const onWorker = (worker: Worker) => workers.push(worker);
    process.on("worker", onWorker);
    try {
      const store = await open({ logger: { info: () => {}, warn: (_, message) => warnings.push(message), error: () => {} } });
      await makeLists(store, "staff");
      await append(store, sampleDecision());
      let rings = 0;
      store.onChange(() => void rings++);
      for (let round = 1; round <= 3; round += 1) {
        const ringsBefore = rings;
        const writes = [append(store, sampleDecision()), append(store, sampleDecision()), store.addEntries("staff", [listEntry("a")])];
        await workers.at(-1)?.terminate();
        const settled = await Promise.allSettled(writes);
        for (const result of settled) {
          if (result.status === "rejected") await expectReason(() => Promise.reject(result.reason), ErrorReason.STORE_UNAVAILABLE);
        }
        expect(warnings).toHaveLength(round);
        // What the thread wrote last may be on disk.
        expect(rings).toBeGreaterThan(ringsBefore);
        const id = await append(store, sampleDecision());
        expect(await store.getDecision(id)).toBeDefined();
        const listed = (await store.listEntries("staff", {}, { size: 1 }))?.items.length === 1;
        expect(store.withFacts(baseMs, (facts) => facts.inList("staff", "a"))).toBe(listed);
      }
    } finally {
      process.off("worker", onWorker);
    }
  });

  it("gives back what a decision takes when its write fails", async () => {
    const store = await open();
    const counter = { appId, action: "create_account", windowMs: 60_000 };
    const poisonous = { ...sampleDecision(), appId: 1.5 };
    const failing = append(store, poisonous, {
      actionDigest: sha256(""),
      creation: roomOf("ann", "News"),
      counts: [{ counter, key: "ann" }],
    });
    const ask = () =>
      factsAt(store, baseMs, (facts) => [facts.liveAccounts(1.5, "ann"), facts.nameInUse(1.5, "news"), facts.rate(counter, "ann")]);
    expect(await ask()).toEqual([1, true, 1]);
    await expectReason(() => failing, ErrorReason.STORE_UNAVAILABLE);
    expect(await ask()).toEqual([0, false, 0]);
  });

  it("counts a creation once at every moment, whatever is confirmed in the same batch", async () => {
    const store = await open();
    for (let round = 0; round < 20; round += 1) {
      const owner = `owner ${round}`;
      const counts: number[] = [];
      const look = () => counts.push(store.withFacts(baseMs, (facts) => facts.liveAccounts(appId, owner)) as number);
      const writes = [append(store, sampleDecision(), { creation: roomOf(owner, "News") })];
      look();
      const event = createdEvent(`a${round}`, baseMs, { owner, name: "News" });
      writes.push(follow(store, event).then(({ eventId }) => eventId));
      let settled = false;
      const all = Promise.all(writes.map((write) => write.then(look))).then(() => {
        settled = true;
      });
      while (!settled) {
        look();
        await new Promise((resolve) => setImmediate(resolve));
      }
      await all;
      expect(new Set(counts)).toEqual(new Set([1]));
    }
  });

  it("appends an event and its flag wholly or not at all", async () => {
    const store = await open();
    const event = createdEvent("a", baseMs);
    const poisonous = { ...sampleDecision(), appId: 1.5 };
    await expectReason(() => store.appendEvent(event, digestOf(event), baseMs, { flag: () => poisonous }), ErrorReason.STORE_UNAVAILABLE);
    expect(await store.getAccount(appId, "a")).toBeUndefined();
    expect(await store.appendEvent(event, digestOf(event), baseMs)).toMatchObject({ duplicate: false });
  });

  it("appends several events wholly or not at all, also when other writes share the batch", async () => {
    const store = await open();
    const events = ["a", "b", "c"].map((accountId) => createdEvent(accountId, baseMs));
    const poisonous = { ...sampleDecision(), appId: 1.5 };
    const appends = events.map((event) => ({
      event,
      digest: digestOf(event),
      handling: event === events[1] ? { flag: () => poisonous } : {},
    }));
    const other = createdEvent("other", baseMs);
    const [refused, alone] = await Promise.allSettled([
      store.appendEvents(appends, baseMs),
      store.appendEvent(other, digestOf(other), baseMs),
    ]);
    expect([refused.status, alone.status]).toEqual(["rejected", "fulfilled"]);
    expect((await store.listAccounts({}, { size: 10 })).items.map(({ accountId }) => accountId)).toEqual(["other"]);
  });

  it("drops names that have lapsed and buckets that are past, little by little", async () => {
    const store = await open();
    const counter = { appId, action: "create_account", windowMs: 1000 };
    const take = (index: number, nowMs: number) =>
      store.appendDecision(nowMs, () => ({
        decision: sampleDecision(),
        actionDigest: sha256(""),
        creation: roomOf(`owner ${index}`, `name ${index}`, nowMs + 1000),
        counts: [{ counter, key: `key ${index}` }],
      }));
    await Promise.all(Array.from({ length: 500 }, (_, index) => take(index, baseMs)));
    await Promise.all(Array.from({ length: 500 }, (_, index) => take(1000 + index, baseMs + 60_000)));
    const db = new Database(path, { readonly: true });
    const count = (table: string) => db.prepare(`SELECT count(*) FROM ${table}`).pluck().get();
    expect(count("reserved_names")).toBe(500);
    expect(count("rate_buckets")).toBe(500);
    db.close();
  });

  it("begins its log anew under constant load, while somebody reads in every turn", async () => {
    const store = await open();
    const decision = sampleDecision({ message: "x".repeat(1000) });
    const perRound = 400;
    const sizes: number[] = [];
    let writing = true;
    const reading = (async () => {
      while (writing) {
        await factsAt(store, baseMs, (facts) => facts.subscriptions(appId, "a"));
        await nextTurn();
      }
    })();
    for (let round = 0; round < 120; round += 1) {
      await Promise.all(Array.from({ length: perRound }, () => append(store, decision)));
      sizes.push(statSync(`${path}-wal`).size);
    }
    writing = false;
    await reading;
    // Some 60 MB were written. The check after the start reads, too, and may keep the log from one of its new beginnings.
    expect(Math.max(...sizes)).toBeLessThan(40_000_000);
  });
});

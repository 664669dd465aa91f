// What is kept in memory of lists: it must say what the database says at every moment, whatever is edited, fails or is read meanwhile.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import Database from "better-sqlite3";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { ListKind } from "../../../gen/gatehouse/v1/list_service_pb.ts";
import { backUpDatabase } from "../../../src/storage/sqlite/back-up-database.ts";
import { createErasures } from "../../../src/storage/sqlite/erasures.ts";
import { createFactsAt } from "../../../src/storage/sqlite/facts.ts";
import { fingerprintSetBytes } from "../../../src/storage/sqlite/fingerprint-set.ts";
import { createKnownLists } from "../../../src/storage/sqlite/known-lists.ts";
import { createLists } from "../../../src/storage/sqlite/lists.ts";
import { migrate } from "../../../src/storage/sqlite/migrations.ts";
import { nextTurn } from "../../../src/storage/sqlite/next-turn.ts";
import { createPolicies } from "../../../src/storage/sqlite/policies.ts";
import { openReader } from "../../../src/storage/sqlite/reader.ts";
import { restoreDatabase } from "../../../src/storage/sqlite/restore-database.ts";
import { createSipHash } from "../../../src/storage/sqlite/sip-hash.ts";
import { openSqliteStore } from "../../../src/storage/sqlite/sqlite-store.ts";
import { createWriter } from "../../../src/storage/sqlite/writer.ts";
import { createUnderWay } from "../../../src/storage/under-way.ts";
import { expectReason, makeLists } from "../conformance/opened-store.ts";
import { baseMs, expiringEntry, listEntry, samplePolicy } from "../samples.ts";

const removal = { author: "ann", reason: "", timeMs: baseMs };
/** For as many values as the memory of a short list. */
const leastBytes = fingerprintSetBytes(1024);

const selectEntry = `SELECT 1 FROM list_entries WHERE list_id = (SELECT list_id FROM lists WHERE name = ?)
  AND value = ? AND (expire_time IS NULL OR expire_time > ?)`;

let folder: string;
let path: string;
let workers: Worker[];
let opened: { close(): Promise<void> }[];
const onWorker = (worker: Worker) => workers.push(worker);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-lists-"));
  path = join(folder, "gatehouse.db");
  workers = [];
  opened = [];
  process.on("worker", onWorker);
});

afterEach(async () => {
  for (const parts of opened) await parts.close();
  process.off("worker", onWorker);
  rmSync(folder, { recursive: true });
});

/** The parts of a store that lists are made of. */
function openParts(maxFingerprintBytes?: number) {
  const db = new Database(path);
  db.pragma("journal_mode = WAL");
  migrate(db);
  db.close();
  const health = { failed: () => {}, worked: () => {} };
  const reader = openReader(path, health);
  const writer = createWriter(path, reader, health);
  const remember = () => createKnownLists(reader, createSipHash(new Uint8Array(16).fill(7)), maxFingerprintBytes);
  let known = remember();
  let lists = createLists(reader, writer, known);
  let policies = createPolicies(reader, writer, known);
  let factsAt = createFactsAt(reader, known, createUnderWay());
  const parts = {
    writer,
    erasures: createErasures(reader, writer),
    add: (list: string, ...entries: ReturnType<typeof listEntry>[]) => lists.addEntries(list, entries),
    remove: (list: string, ...values: string[]) => lists.removeEntries(list, values, removal),
    async make(kind: ListKind, ...names: string[]) {
      const policy = samplePolicy(`lists ${names}`);
      await policies.publishPolicy(policy);
      const activation = { pointer: "live" as const, version: policy.version, author: "", reason: "", timeMs: baseMs };
      await policies.pointPolicy(
        activation,
        names.map((name) => ({ name, kind })),
      );
    },
    /** What memory says: undefined when it would ask the database. */
    recall: (list: string, value: string) => known.find(list)?.recall(value),
    /** What rules are told; always what the database says at the same moment. */
    ask(list: string, value: string, nowMs = baseMs) {
      const said = factsAt(nowMs).inList(list, value);
      expect(said, `${list}: ${value}`).toBe(reader.value(selectEntry, list, value, nowMs) !== undefined);
      return said;
    },
    /** Begins with an empty memory over the same database, as after a start. No edit may be under way. */
    forget() {
      known.close();
      known = remember();
      lists = createLists(reader, writer, known);
      policies = createPolicies(reader, writer, known);
      factsAt = createFactsAt(reader, known, createUnderWay());
    },
    async close() {
      known.close();
      await writer.drain();
      reader.close();
      await writer.stop();
    },
  };
  opened.push(parts);
  return parts;
}

type Parts = ReturnType<typeof openParts>;

/** Looks in every turn until the edit is settled. */
async function whileSettling(edit: Promise<unknown>, look: () => void): Promise<void> {
  let settled = false;
  const end = edit.finally(() => {
    settled = true;
    look();
  });
  for (look(); !settled; await nextTurn()) look();
  await end;
}

/** Resolves when memory answers for the value. */
const recalled = (parts: Parts, list: string, value: string) => vi.waitUntil(() => parts.recall(list, value) === true, { timeout: 20_000 });

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `v${String(index).padStart(5, "0")}`);

/** Adds values in parts as large as one call may have. */
async function addMany(parts: Parts, list: string, values: readonly string[]): Promise<void> {
  for (let from = 0; from < values.length; from += 1000) {
    await parts.add(list, ...values.slice(from, from + 1000).map((value) => listEntry(value)));
  }
}

describe("the memory of a list", () => {
  let parts: Parts;
  beforeEach(async () => {
    parts = openParts();
    await parts.make(ListKind.EXACT, "staff");
    // The first question is what makes the list known.
    expect(parts.recall("staff", "ann")).toBe(false);
  });

  it("affirms a value from the moment its addition is settled, without the database", async () => {
    const saidOnTheWay: boolean[] = [];
    expect(parts.ask("staff", "ann")).toBe(false);
    await whileSettling(parts.add("staff", listEntry("ann")), () => saidOnTheWay.push(parts.ask("staff", "ann")));
    expect([saidOnTheWay[0], saidOnTheWay.at(-1)]).toEqual([false, true]);
    expect(parts.recall("staff", "ann")).toBe(true);
    expect(parts.recall("staff", "bob")).toBe(false);
  });

  it("affirms a value until its removal is settled, and never after", async () => {
    await parts.add("staff", listEntry("ann"), listEntry("bob"));
    const saidOnTheWay: boolean[] = [];
    await whileSettling(parts.remove("staff", "ann", "nobody"), () => saidOnTheWay.push(parts.ask("staff", "ann")));
    expect([saidOnTheWay[0], saidOnTheWay.at(-1)]).toEqual([true, false]);
    expect(parts.recall("staff", "ann")).toBeUndefined();
    expect(parts.recall("staff", "bob")).toBe(true);
    await parts.add("staff", listEntry("ann"));
    expect(parts.recall("staff", "ann")).toBe(true);
  });

  it("asks the database for values that expire, also when a value is given an expiry, and not once it is taken away", async () => {
    await parts.add("staff", expiringEntry("ann", baseMs + 1), listEntry("bob"));
    await parts.add("staff", expiringEntry("bob", baseMs + 1));
    for (const value of ["ann", "bob"]) {
      expect(parts.recall("staff", value)).toBeUndefined();
      expect(parts.ask("staff", value)).toBe(true);
      expect(parts.ask("staff", value, baseMs + 1)).toBe(false);
    }
    await parts.add("staff", listEntry("bob"));
    expect(parts.recall("staff", "bob")).toBe(true);
    expect(parts.ask("staff", "bob", baseMs + 1)).toBe(true);
  });

  it("takes edits in their order, also those that are done together", async () => {
    const edits = [
      parts.add("staff", listEntry("ann"), listEntry("bob"), listEntry("cat")),
      parts.remove("staff", "ann"),
      parts.add("staff", expiringEntry("bob", baseMs)),
      parts.remove("staff", "cat"),
      parts.add("staff", listEntry("cat")),
    ];
    await whileSettling(Promise.all(edits), () => ["ann", "bob", "cat"].map((value) => parts.ask("staff", value)));
    expect(["ann", "bob", "cat"].map((value) => parts.ask("staff", value))).toEqual([false, false, true]);
    expect(parts.recall("staff", "cat")).toBe(true);
  });

  it("does not tell apart what SQLite does not: strings without an encoding", async () => {
    await parts.add("staff", listEntry("\ud800"));
    expect(parts.ask("staff", "\ufffd")).toBe(true);
    await parts.add("staff", listEntry("\ud800"), { ...expiringEntry("\ufffd", baseMs) });
    expect(parts.ask("staff", "\ud800")).toBe(false);
    await parts.add("staff", listEntry("\udfff"));
    await parts.remove("staff", "\ufffd");
    expect(parts.ask("staff", "\ud800")).toBe(false);
  });

  it("asks the database for what an edit may have changed that was lost with the writer thread", async () => {
    await parts.add("staff", listEntry("ann"), listEntry("bob"));
    const edits = [parts.remove("staff", "ann"), parts.add("staff", listEntry("new")), parts.add("staff", expiringEntry("bob", baseMs))];
    const end = workers.at(-1)?.terminate();
    await whileSettling(Promise.allSettled(edits), () => ["ann", "bob", "new"].map((value) => parts.ask("staff", value)));
    await end;
    const settled = await Promise.allSettled(edits);
    expect(settled.map(({ status }) => status)).toContain("rejected");
    for (const value of ["ann", "bob", "new"]) expect(parts.recall("staff", value)).not.toBe(true);
    await parts.add("staff", listEntry("ann"), listEntry("bob"), listEntry("new"));
    for (const value of ["ann", "bob", "new"]) expect(parts.ask("staff", value) && parts.recall("staff", value)).toBe(true);
  });

  it("asks the database for what an edit should have changed that could not be done", async () => {
    await parts.add("staff", listEntry("ann"), listEntry("bob"), listEntry("cat"));
    const foreign = new Database(path);
    foreign.exec("BEGIN IMMEDIATE");
    await expectReason(() => parts.remove("staff", "ann"), ErrorReason.STORE_UNAVAILABLE);
    await expectReason(() => parts.add("staff", listEntry("bob"), listEntry("new")), ErrorReason.STORE_UNAVAILABLE);
    foreign.exec("ROLLBACK");
    foreign.close();
    expect(["ann", "bob", "cat", "new"].map((value) => parts.recall("staff", value))).toEqual([undefined, undefined, true, undefined]);
    expect(["ann", "bob", "cat", "new"].map((value) => parts.ask("staff", value))).toEqual([true, true, true, false]);
  });

  it("stays when a policy that names the list goes live again", async () => {
    await parts.add("staff", listEntry("ann"));
    await parts.make(ListKind.EXACT, "staff", "other");
    expect(parts.recall("staff", "ann")).toBe(true);
    await parts.add("other", listEntry("bob"));
    expect([parts.ask("other", "ann"), parts.ask("other", "bob")]).toEqual([false, true]);
    await recalled(parts, "other", "bob");
  });

  it("keeps up with an erasure that includes lists", async () => {
    await parts.add("staff", listEntry("ann", "ann, again"));
    await parts.erasures.beginErasure({
      appId: 0,
      user: "ann",
      pseudonym: "erased-1",
      isPreview: false,
      withLists: true,
      beginTimeMs: baseMs,
    });
    let step = await parts.erasures.continueErasure(baseMs);
    for (; step.kind === "more"; step = await parts.erasures.continueErasure(baseMs)) parts.ask("staff", "ann");
    expect(step.kind).toBe("ended");
    expect(parts.ask("staff", "ann")).toBe(true);
    await parts.remove("staff", "ann");
    expect([parts.ask("staff", "ann"), parts.ask("staff", "erased-1")]).toEqual([false, false]);
  });

  it("is made in the background while the list is edited", async () => {
    const values = numbered(4000);
    await addMany(parts, "staff", values);
    parts.forget();
    expect(parts.recall("staff", "v00000")).toBeUndefined();
    const edits: Promise<unknown>[] = [];
    for (let turn = 0; parts.recall("staff", "v00001") !== true; turn += 1) {
      // From both ends, so that values are edited before and after they are read.
      for (const value of [values[10 + turn], values.at(-1 - turn)]) {
        if (value === undefined || turn >= 60) continue;
        if (turn % 3 === 0) edits.push(parts.remove("staff", value));
        if (turn % 3 === 1) edits.push(parts.add("staff", expiringEntry(value, baseMs)));
        if (turn % 3 === 2) edits.push(parts.remove("staff", value), parts.add("staff", listEntry(value), listEntry(`${value}-new`)));
        parts.ask("staff", value);
      }
      await nextTurn();
    }
    await Promise.all(edits);
    expect(edits.length).toBeGreaterThan(0);
    for (const value of values.flatMap((each) => [each, `${each}-new`])) parts.ask("staff", value);
    expect(parts.recall("staff", "v02000")).toBe(true);
  });

  it("is made anew, larger, for a list that has outgrown it", async () => {
    const values = numbered(5000);
    await addMany(parts, "staff", values);
    await vi.waitUntil(() => values.every((value) => parts.recall("staff", value) === true), { timeout: 20_000 });
    for (const value of values) parts.ask("staff", value);
    expect(parts.ask("staff", "other")).toBe(false);
  });
});

describe("the fingerprints of lists", () => {
  it("leave lists to the filter and the database that do not fit into what is left", async () => {
    const parts = openParts(2 * leastBytes);
    await parts.make(ListKind.EXACT, "one", "two", "three");
    expect(["one", "two", "three"].map((list) => parts.recall(list, "ann"))).toEqual([false, false, false]);
    for (const list of ["one", "two", "three"]) await parts.add(list, listEntry("ann"));
    expect(["one", "two", "three"].map((list) => parts.recall(list, "ann"))).toEqual([true, true, undefined]);
    expect(["one", "two", "three"].map((list) => parts.ask(list, "ann"))).toEqual([true, true, true]);
    expect(parts.recall("three", "bob")).toBe(false);
    await parts.remove("three", "ann");
    expect(parts.ask("three", "ann")).toBe(false);
  });

  it("are given up by a list that outgrows what is left, which then has room for others", async () => {
    const parts = openParts(leastBytes);
    await parts.make(ListKind.EXACT, "one");
    const values = numbered(3000);
    await addMany(parts, "one", values);
    await vi.waitUntil(() => parts.recall("one", "v00000") === undefined, { timeout: 20_000 });
    for (const value of [...values, "other"]) parts.ask("one", value);
    await parts.make(ListKind.EXACT, "one", "two");
    await parts.add("two", listEntry("ann"));
    parts.ask("two", "ann");
    await recalled(parts, "two", "ann");
  });

  it("are kept of no list that is not exact", async () => {
    const parts = openParts();
    await parts.make(ListKind.PATTERN, "words");
    await parts.add("words", listEntry("ann"));
    expect(parts.recall("words", "ann")).toBeUndefined();
    expect(parts.ask("words", "ann")).toBe(true);
  });

  it("are those of a restored database after a restore", async () => {
    const backup = join(folder, "backup.db");
    let store = await openSqliteStore({ path });
    await makeLists(store, "staff");
    await store.addEntries("staff", [listEntry("ann")]);
    await backUpDatabase({ database: path, backup, force: false, onCopied: () => {} });
    await store.removeEntries("staff", ["ann"], removal);
    await store.addEntries("staff", [listEntry("bob")]);
    const staff = () => ["ann", "bob"].map((value) => store.withFacts(baseMs, (facts) => facts.inList("staff", value)));
    expect(staff()).toEqual([false, true]);
    await store.close();
    await restoreDatabase({ backup, database: path, force: true, nowMs: baseMs, onCopied: () => {} });
    store = await openSqliteStore({ path });
    opened.push(store);
    expect(staff()).toEqual([true, false]);
  });
});

/** One thing that happens to a list. */
type Step =
  | { kind: "add"; values: string[]; expireMs: number | undefined }
  | { kind: "remove"; values: string[] }
  | { kind: "turns"; count: number }
  | { kind: "settle" | "crash" | "forget" };

describe("what rules are told of lists", () => {
  it("is what the database says, whatever happens", async () => {
    const filler = numbered(1100);
    // At the beginning, in the middle and at the end of what is read in parts, and strings without an encoding.
    const asked = ["", "ann", "v00000", "v00499", "v00500", "v00777", "v01099", "zoe", "\ufffd", "\ud800"];
    const values = fc.array(fc.constantFrom(...asked), { minLength: 1, maxLength: 4 });
    const step: fc.Arbitrary<Step> = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ kind: fc.constant("add"), values, expireMs: fc.constantFrom(undefined, undefined, baseMs, baseMs + 5) }),
      },
      { weight: 5, arbitrary: fc.record({ kind: fc.constant("remove"), values }) },
      { weight: 6, arbitrary: fc.record({ kind: fc.constant("turns"), count: fc.integer({ min: 1, max: 4 }) }) },
      { weight: 2, arbitrary: fc.constant({ kind: "settle" }) },
      { weight: 1, arbitrary: fc.constant({ kind: "crash" }) },
      { weight: 2, arbitrary: fc.constant({ kind: "forget" }) },
    );
    const parts = openParts();
    let run = 0;
    const takeStep = async (list: string, under: Promise<unknown>[], taken: Step): Promise<void> => {
      switch (taken.kind) {
        case "add": {
          const more = taken.expireMs === undefined ? {} : { expireTime: timestampFromMs(taken.expireMs) };
          under.push(parts.add(list, ...taken.values.map((value) => listEntry(value, `${under.length}`, baseMs, more))));
          break;
        }
        case "remove":
          under.push(parts.remove(list, ...taken.values));
          break;
        case "turns":
          for (let turn = 0; turn < taken.count; turn += 1) await nextTurn();
          break;
        case "crash":
          await workers.at(-1)?.terminate();
          break;
        default:
          await Promise.allSettled(under);
          if (taken.kind === "forget") parts.forget();
      }
    };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const list = `list ${run++}`;
        // After a crash no new thread is started for a moment.
        await vi.waitUntil(
          () =>
            parts.writer.write(["check"]).then(
              () => true,
              () => false,
            ),
          { timeout: 20_000 },
        );
        await parts.make(ListKind.EXACT, list);
        await addMany(parts, list, filler);
        const look = () => {
          for (const value of asked) for (const nowMs of [baseMs, baseMs + 5]) parts.ask(list, value, nowMs);
        };
        const under: Promise<unknown>[] = [];
        for (const taken of steps) {
          await takeStep(list, under, taken);
          for (const edit of under) edit.catch(() => {});
          look();
        }
        await whileSettling(Promise.allSettled(under), look);
        await recalled(parts, list, "v00200");
        look();
      }),
      { numRuns: 60 },
    );
  }, 120_000);
});

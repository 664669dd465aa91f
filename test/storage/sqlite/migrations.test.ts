// The steps that make the database, and databases that earlier steps have made.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { FollowUp } from "../../../gen/gatehouse/v1/follow_up_pb.ts";
import { ListKind } from "../../../gen/gatehouse/v1/list_service_pb.ts";
import { migrate, migrations } from "../../../src/storage/sqlite/migrations.ts";
import { openSqliteStore } from "../../../src/storage/sqlite/sqlite-store.ts";
import type { Store } from "../../../src/storage/storage.ts";
import { append, appendEvent, expectReason, factsAt, follow } from "../conformance/opened-store.ts";
import { appId, baseMs, changedEvent, createdEvent, listEntry, sampleDecision } from "../samples.ts";

let folder: string;
let path: string;
let opened: Store[];

async function open(): Promise<Store> {
  const store = await openSqliteStore({ path });
  opened.push(store);
  return store;
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-migrations-"));
  path = join(folder, "gatehouse.db");
  opened = [];
});

afterEach(async () => {
  for (const store of opened) await store.close();
  rmSync(folder, { recursive: true });
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

  it("bring up a database of the first step with all that is in it", async () => {
    const db = new Database(path);
    migrate(db, migrations.slice(0, 1));
    const version = "f".repeat(64);
    const event = { accountId: "a", owner: "ann", name: "ＮＥＷＳ" };
    const stamps = { name: [baseMs, 0, "00"], owner: [baseMs, 0, "00"], state: [baseMs, 0, "00"] };
    db.exec(`
      INSERT INTO policies VALUES (1, '${"e".repeat(64)}', NULL), (2, '${version}', 'name: old');
      INSERT INTO live_policy VALUES (1, 2);
      INSERT INTO decisions VALUES (1, ${appId}, 'r', x'01', NULL, 'ann', NULL, 1, 1, NULL, ${baseMs},
        '{"createAccount":{"operator":"ann","owner":"ann","name":"News"}}');
      INSERT INTO events VALUES (2, ${appId}, 'a', x'02', ${baseMs}, ${baseMs}, '${JSON.stringify({ accountCreated: event })}');
      INSERT INTO accounts VALUES (${appId}, 'a', 'ann', 'ＮＥＷＳ', '', '', '', 1, 1, ${baseMs}, ${baseMs}, '${JSON.stringify(stamps)}');
      INSERT INTO lists VALUES (1, 'staff'), (2, 'empty');
      INSERT INTO list_entries VALUES (1, 'x', 'why', ${baseMs}), (1, 'y', '', ${baseMs});
    `);
    db.close();

    const store = await open();
    const decision = sampleDecision({ requestId: "r", policyVersion: "e".repeat(64), decisionId: "dec-000000000001" });
    expect(await store.getDecision("dec-000000000001")).toEqual(decision);
    expect(await store.findDecisionByRequestId(appId, "r")).toEqual({ decision, actionDigest: Uint8Array.of(1) });
    expect((await store.listAccountEvents(appId, "a", { size: 10 })).items).toMatchObject([{ eventId: "evt-000000000002" }]);
    expect(await store.getAccount(appId, "a")).toMatchObject({ owner: "ann", name: "ＮＥＷＳ" });
    expect((await store.listEntries("staff", {}, { size: 10 }))?.items).toEqual([listEntry("x", "why"), listEntry("y")]);
    expect((await store.listLists()).map(({ list, kind, entryCount }) => [list, kind, entryCount])).toEqual([
      ["empty", ListKind.EXACT, 0n],
      ["staff", ListKind.EXACT, 2n],
    ]);
    expect(await store.getPointedPolicy("live")).toMatchObject({ version, text: "name: old", author: "", reason: "" });
    expect((await store.listPolicies({ size: 10 })).items).toHaveLength(1);
    expect((await store.listActivations({ size: 10 })).items).toMatchObject([{ pointer: "live", version, previousVersion: undefined }]);
    const ask = () =>
      factsAt(store, baseMs, (facts) => [
        facts.inList("staff", "x"),
        facts.inList("staff", "z"),
        facts.liveAccounts(appId, "ann"),
        facts.nameInUse(appId, "news"),
      ]);
    expect(await ask()).toEqual([true, false, 1, true]);
    expect(await store.countShadow({ startMs: baseMs, endMs: baseMs + 1, shadowVersion: undefined })).toMatchObject({ decisions: 1 });

    await appendEvent(store, changedEvent("a", baseMs - 1, { name: "Older" }));
    expect(await ask()).toEqual([true, false, 1, true]);
    await appendEvent(store, changedEvent("a", baseMs + 1, { name: "Other" }));
    expect(await ask()).toEqual([true, false, 1, false]);
    expect(await append(store, sampleDecision())).toBe("dec-000000000006");
    const { changes } = await store.readChanges(0, {}, 10);
    expect(changes.map(({ position, kind }) => [position, kind])).toEqual([
      [1, "decision"],
      [2, "event"],
      [3, "activation"],
      [4, "event"],
      [5, "event"],
      [6, "decision"],
    ]);
  });

  it("bring edits and activations of the third step into the one sequence, in their order", async () => {
    const db = new Database(path);
    migrate(db, migrations.slice(0, 3));
    const version = "f".repeat(64);
    db.exec(`
      INSERT INTO policies (policy_id, version, text, publish_time, publish_order) VALUES (1, '${version}', 'name: old', ${baseMs}, 1);
      INSERT INTO events VALUES (7, ${appId}, 'a', x'02', ${baseMs}, ${baseMs}, '{"accountCreated":{"accountId":"a"}}');
      INSERT INTO activations VALUES (1, 'live', 1, NULL, 'ann', '', ${baseMs}), (2, 'live', NULL, 1, 'bob', '', ${baseMs + 30});
      INSERT INTO lists (list_id, name) VALUES (1, 'staff'), (2, 'other');
      -- The clock went back between the edits of staff.
      INSERT INTO list_edits VALUES
        (1, 1, 'x', 1, 'ann', '', '', NULL, ${baseMs + 20}), (1, 2, 'x', 3, 'ann', '', '', NULL, ${baseMs + 5}),
        (2, 1, 'y', 1, 'ann', '', '', NULL, ${baseMs + 10});
    `);
    db.close();

    const store = await open();
    const { changes } = await store.readChanges(0, {}, 10);
    expect(
      changes.map((change) => [change.position, change.kind === "listEdit" ? `${change.list} ${change.edit.change}` : change.kind]),
    ).toEqual([
      [7, "event"],
      [8, "activation"],
      [9, "other 1"],
      [10, "staff 1"],
      [11, "staff 3"],
      [12, "activation"],
    ]);
    expect(await store.getPointedPolicy("live")).toBeUndefined();
    expect((await store.listActivations({ size: 10 })).items).toMatchObject([
      { author: "bob", previousVersion: version },
      { author: "ann" },
    ]);
    expect((await store.listEdits("staff", "x", { size: 10 }))?.items.map(({ change }) => change)).toEqual([3, 1]);
    expect(await append(store, sampleDecision())).toBe("dec-00000000000d");
  });

  it("bring what events said of accounts into the registry: sources, revisions, owners and users", async () => {
    const db = new Database(path);
    migrate(db, migrations.slice(0, 5));
    const events: [time: number | null, body: object][] = [
      [baseMs + 4, { accountDestroyed: { accountId: "a", owner: "ann", name: "Newer" } }],
      [baseMs + 2, { accountProfileChanged: { accountId: "a", operator: "bob", name: "Newer", introduction: "" } }],
      [null, { accountProfileChanged: { accountId: "a", organization: "Org" } }],
      [baseMs + 3, { accountProfileChanged: { accountId: "a", operator: "zoe" } }],
      [baseMs, { accountCreated: { accountId: "a", operator: "op", owner: "ann", name: "News" }, origin: { source: "webhook" } }],
      [baseMs, { subscribersAdded: { accountId: "b", operator: "bob", subscribers: ["bob", "s"] } }],
    ];
    const insertEvent = db.prepare("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)");
    for (const [index, [time, body]] of events.entries()) {
      const accountId = Object.values(body)[0]?.accountId;
      insertEvent.run(index + 1, appId, accountId, Buffer.from([index + 1]), time, baseMs + 1, JSON.stringify(body));
    }
    const stamps = JSON.stringify({
      owner: [baseMs + 4, 2, "01"],
      organization: [baseMs + 1, 1, "03"],
      introduction: [baseMs + 2, 1, "02"],
    });
    const insertAccount = db.prepare(
      `INSERT INTO accounts (app_id, account_id, owner, name, introduction, face_url, organization, state, created, stamps)
       VALUES (?, ?, ?, ?, '', '', ?, ?, ?, ?)`,
    );
    insertAccount.run(appId, "a", "ann", "Newer", "Org", 2, 1, stamps);
    insertAccount.run(appId, "b", "", "", "", 1, 0, "{}");
    db.close();

    const store = await open();
    const { items } = await store.listAccountRevisions(appId, "a", { size: 10 });
    expect(items.map(({ source, changes }) => [source?.eventId, source?.operator, changes.map(({ field }) => field)])).toEqual([
      ["evt-000000000005", "op", ["owner", "name", "state"]],
      ["evt-000000000003", "", ["organization"]],
      ["evt-000000000002", "bob", ["name"]],
      ["evt-000000000001", "", ["state"]],
    ]);
    expect(await store.getAccount(appId, "a")).toMatchObject({
      revision: 4,
      sources: {
        owner: { eventId: "evt-000000000001", arrivalOrdered: false },
        organization: { eventId: "evt-000000000003", arrivalOrdered: true },
      },
    });
    expect(await store.getAccount(appId, "b")).toMatchObject({ revision: 0 });
    const timeline = async (whose: { owner: string } | { user: string }) =>
      (await store.listTimeline({ appId, ...whose }, { size: 10 })).items.map((entry) => entry.kind === "event" && entry.event.eventId);
    expect(await timeline({ owner: "ann" })).toHaveLength(5);
    expect(await timeline({ user: "ann" })).toEqual(["evt-000000000005", "evt-000000000001"]);
    expect(await timeline({ user: "bob" })).toEqual(["evt-000000000006", "evt-000000000002"]);
    expect(await timeline({ user: "s" })).toEqual(["evt-000000000006"]);
    expect(await timeline({ user: "webhook" })).toEqual([]);

    await appendEvent(store, changedEvent("a", baseMs + 2, { name: "Newest" }));
    expect(await store.getAccount(appId, "a")).toMatchObject({ revision: 5 });
  });

  it("keep the room and the names that creations of the fifth step take, and join them with their events", async () => {
    const db = new Database(path);
    migrate(db, migrations.slice(0, 5));
    const creation = (name: string, fields = {}) => JSON.stringify({ createAccount: { owner: "ann", name, ...fields } });
    db.exec(`
      INSERT INTO decisions (seq, app_id, owner, verdict, decide_time, body) VALUES
        (1, ${appId}, 'ann', 1, ${baseMs}, '${creation("Long ago")}'),
        (2, ${appId}, 'ann', 1, ${baseMs}, '${creation("News")}'),
        (3, ${appId}, 'ann', 1, ${baseMs}, '${creation("Óther", { operator: "op" })}');
      INSERT INTO reservations VALUES (2, ${appId}, 'ann', 'news', ${baseMs + 1000}), (3, ${appId}, 'ann', 'óther', ${baseMs + 1000});
    `);
    db.close();

    const store = await open();
    const ask = (nowMs: number) =>
      factsAt(store, nowMs, (facts) => [
        facts.liveAccounts(appId, "ann"),
        facts.nameInUse(appId, "news"),
        facts.nameInUse(appId, "óther"),
        facts.nameInUse(appId, "long ago"),
      ]);
    expect(await ask(baseMs)).toEqual([2, true, true, false]);
    expect(await ask(baseMs + 1000)).toEqual([0, false, false, false]);
    const { followedUp } = await follow(store, createdEvent("a", baseMs + 1, { owner: "ann", name: "News" }));
    expect(followedUp).toMatchObject([{ followUp: FollowUp.CONFIRMED, decisionId: "dec-000000000002" }]);
    expect(await ask(baseMs)).toEqual([2, true, true, false]);
    expect(await store.sweepFollowUps(baseMs + 1000, { reservationMs: 1000, keepMs: 2000 })).toMatchObject({
      abandoned: { createAccount: 1 },
      done: true,
    });
    expect((await store.getDecision("dec-000000000001"))?.followUp).toBe(FollowUp.UNSPECIFIED);
    expect((await store.getDecision("dec-000000000003"))?.followUp).toBe(FollowUp.ABANDONED);
  });

  it("never give a number again that was deleted with all that came before it", async () => {
    const store = await open();
    for (let i = 0; i < 3; i++) await append(store, sampleDecision());
    await store.close();
    const db = new Database(path);
    db.exec("DELETE FROM decisions; UPDATE feed SET earliest = 3");
    db.close();
    const again = await open();
    expect([await again.earliestPosition(), await again.latestPosition()]).toEqual([3, 3]);
    expect(await append(again, sampleDecision())).toBe("dec-000000000004");
    expect(await again.readChanges(3, {}, 10)).toMatchObject({ changes: [{ position: 4 }], next: 4 });
  });
});

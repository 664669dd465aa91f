// Who is named in decisions and events, over several segments of the log: what is listed of a user is what going through all rows finds.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import Database from "better-sqlite3";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { parseSequenceId } from "../../../src/storage/sequence-ids.ts";
import { inspectDatabase } from "../../../src/storage/sqlite/inspect-database.ts";
import { migrate, migrations } from "../../../src/storage/sqlite/migrations.ts";
import { openSqliteStore } from "../../../src/storage/sqlite/sqlite-store.ts";
import { hashOfUser } from "../../../src/storage/sqlite/user-parts.ts";
import { prepareUserSegments } from "../../../src/storage/sqlite/write-user-segments.ts";
import type { Store } from "../../../src/storage/storage.ts";
import { eraseAll, newErasure } from "../conformance/erasures.ts";
import { append, appendEvent, walk } from "../conformance/opened-store.ts";
import { deleteAllOld } from "../conformance/retention.ts";
import { appId, baseMs, sampleDecision, subscribersEvent } from "../samples.ts";

const folder = mkdtempSync(join(tmpdir(), "gatehouse-segments-"));
const path = join(folder, "gatehouse.db");
/** More than two segments of decisions, with an event in ten that names many users. */
const changes = 9000;
/** About where the numbers of a database go on that is restored in 2026. */
const restoredSeq = 117_000_000_000_000;

/** Names somebody in every second, others seldom, and some that nobody else is like. */
function usersOf(i: number): [operator: string, owner: string] {
  return [i % 2 === 0 ? "bot" : `user-${(i * 7919) % 50}`, i % 1000 === 0 ? `rare-${i}` : `user-${i % 97}`];
}

async function fill(store: Store): Promise<void> {
  for (let from = 0; from < changes; from += 1000) {
    await Promise.all(
      Array.from({ length: 1000 }, (_, k) => {
        const i = from + k;
        const [operator, owner] = usersOf(i);
        if (i % 10 === 9) return appendEvent(store, subscribersEvent("added", `a${i % 5}`, baseMs + i, [operator, owner, `s${i % 500}`]));
        const decision = sampleDecision({ action: { case: "createAccount", value: { operator, owner, name: "x" } } });
        return append(store, { ...decision, decideTime: timestampFromMs(baseMs + i) });
      }),
    );
  }
}

/** What is listed of a user, and what going through all rows finds. */
async function listed(store: Store, user: string) {
  const decisions = await walk((page) => store.listDecisions({ user }, page), 1000);
  const timeline = await walk((page) => store.listTimeline({ appId, user }, page), 700);
  const db = new Database(path, { readonly: true });
  const seqsFrom = (sql: string) => db.prepare(sql).pluck().all({ user }) as number[];
  const asked = seqsFrom("SELECT seq FROM decisions WHERE operator = @user OR owner = @user ORDER BY seq DESC");
  const happened = seqsFrom(
    "SELECT DISTINCT seq FROM events, json_tree(body) AS member WHERE member.value = @user AND member.type = 'text' ORDER BY seq DESC",
  );
  db.close();
  return {
    found: [
      decisions.map(({ decisionId }) => parseSequenceId("dec", decisionId)),
      timeline.map((entry) =>
        entry.kind === "decision" ? parseSequenceId("dec", entry.decision.decisionId) : parseSequenceId("evt", entry.event.eventId),
      ),
    ],
    expected: [asked, [...asked, ...happened].toSorted((a, b) => b - a)],
  };
}

async function expectAllListed(store: Store, users: readonly string[]): Promise<void> {
  for (const user of users) {
    const { found, expected } = await listed(store, user);
    expect(found, user).toEqual(expected);
  }
}

const someUsers = ["bot", "user-3", "user-96", "rare-0", "rare-4000", `rare-${changes - 1000}`, "s9", "s499", "nobody"];

async function opened(): Promise<Store> {
  const store = await openSqliteStore({ path });
  onTestFinished(() => store.close());
  return store;
}

function segmentCount(): number {
  const db = new Database(path, { readonly: true });
  const count = db.prepare("SELECT count(*) FROM user_segments").pluck().get() as number;
  db.close();
  return count;
}

beforeAll(async () => {
  const store = await openSqliteStore({ path });
  await fill(store);
  await store.close();
  return () => rmSync(folder, { recursive: true });
});

describe("segments of who is named", () => {
  it("find all that names a user, and nothing else", async () => {
    expect(segmentCount()).toBe(2);
    const store = await opened();
    await expectAllListed(store, someUsers);
    expect((await listed(store, "bot")).expected[0]?.length).toBeGreaterThan(4000);
  });

  it("go on after a new start", async () => {
    const store = await opened();
    await Promise.all(Array.from({ length: 4096 }, () => append(store, sampleDecision({ action: asking("later", "") }))));
    expect(segmentCount()).toBe(3);
    await expectAllListed(store, [...someUsers, "later"]);
  });

  it("tell users of one hash from each other", async () => {
    const [one, other] = usersOfOneHash();
    const store = await opened();
    const id = await append(store, sampleDecision({ action: asking(one, "") }));
    await Promise.all(Array.from({ length: 4096 }, () => append(store, sampleDecision({ action: asking("later", other) }))));
    expect(segmentCount()).toBe(4);
    expect((await store.listDecisions({ user: one }, { size: 10 })).items.map(({ decisionId }) => decisionId)).toEqual([id]);
    await expectAllListed(store, [one, other]);
  });

  it("are the same when they are made for a database from before", () => {
    const db = new Database(path);
    const read = () =>
      ["user_segments", "user_parts"].map((table) => db.prepare(`SELECT * FROM ${table} ORDER BY 1`).raw().all() as unknown[]);
    const before = read();
    db.exec("DELETE FROM user_segments; DELETE FROM user_parts");
    migrate(db, [...migrations, (old) => prepareUserSegments(old).fill()]);
    expect(read()).toEqual(before);
    db.pragma(`user_version = ${migrations.length}`);
    db.close();
  });

  it("go on after the numbers that a restore has passed over", async () => {
    const db = new Database(path);
    const segments = prepareUserSegments(db);
    const insert = db.prepare("INSERT INTO decisions (seq, app_id, operator, verdict, body) VALUES (?, ?, 'restored', 1, '{}')");
    db.transaction(() => {
      for (let seq = restoredSeq; seq < restoredSeq + 4097; seq++) {
        insert.run(seq, appId);
        segments.add(seq, ["restored"]);
      }
    })();
    db.close();
    expect(segmentCount()).toBe(6);
    await expectAllListed(await opened(), [...someUsers, "later", "restored"]);
  });

  it("are looked through for users that are missing", () => {
    expect(inspectDatabase(path).problems).toEqual([]);
    const db = new Database(path);
    db.exec("BEGIN");
    const [partId, entries] = db.prepare("SELECT part_id, entries FROM user_parts LIMIT 1").raw().get() as [number, Buffer];
    db.prepare("UPDATE user_parts SET entries = ? WHERE part_id = ?").run(entries.subarray(8), partId);
    db.exec("COMMIT");
    expect(inspectDatabase(path).problems).toEqual([expect.stringMatching(/^sequence number \d+ names a user by whom it is not found$/)]);
    db.prepare("UPDATE user_parts SET entries = ? WHERE part_id = ?").run(entries, partId);
    db.close();
  });

  it("forget what a transaction has added that was rolled back", () => {
    const db = new Database(path);
    const segments = prepareUserSegments(db);
    const next = (db.prepare("SELECT max(seq) FROM decisions").pluck().get() as number) + 1;
    db.exec("BEGIN");
    for (let i = 0; i < 5000; i++) segments.add(next + i, ["rolled-back"]);
    db.exec("ROLLBACK");
    segments.forget();
    segments.add(next, ["kept"]);
    db.close();
    expect(segmentCount()).toBe(6);
  });

  it("follow what is erased", async () => {
    const store = await opened();
    await store.beginErasure(newErasure({ user: "user-3", pseudonym: "erased-3" }));
    await eraseAll(store);
    expect((await listed(store, "user-3")).found).toEqual([[], []]);
    expect((await listed(store, "erased-3")).expected[0]?.length).toBeGreaterThan(50);
    await expectAllListed(store, [...someUsers, "erased-3"]);
    const hash = hashOfUser("user-3");
    const db = new Database(path, { readonly: true });
    const parts = db.prepare("SELECT entries FROM user_parts").pluck().all() as Buffer[];
    db.close();
    expect(inspectDatabase(path).problems).toEqual([]);
    for (const part of parts) for (let i = 4; i < part.length; i += 8) expect(part.readUInt32LE(i)).not.toBe(hash);
  });

  it("go with what is deleted", async () => {
    const store = await opened();
    await deleteAllOld(store, "flaggedDecisions", baseMs + 6000);
    await deleteAllOld(store, "allowedDecisions", baseMs + 6000);
    await expectAllListed(store, someUsers);
    await deleteAllOld(store, "subscriptionEvents", baseMs + 6000);
    await expectAllListed(store, someUsers);
    expect(segmentCount()).toBe(5);
    const db = new Database(path, { readonly: true });
    expect(db.prepare("SELECT min(part_id / 1024) FROM user_parts").pluck().get()).toBe(
      db.prepare("SELECT min(segment_id) FROM user_segments").pluck().get(),
    );
    db.close();
  });
});

function asking(operator: string, owner: string) {
  return { case: "createAccount" as const, value: { operator, owner: owner || operator, name: "x" } };
}

/** By trying: among some hundred thousand there are two. */
function usersOfOneHash(): [string, string] {
  const seen = new Map<number, string>();
  for (let i = 0; ; i++) {
    const user = `u${i}`;
    const other = seen.get(hashOfUser(user));
    if (other !== undefined) return [other, user];
    seen.set(hashOfUser(user), user);
  }
}

// The feed as a use case over a real store: cursors, heartbeats, slow watchers, and how watches end.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { createFeed, type FeedDeps, type FeedMessage, type FeedQuery } from "../../src/moderation/feed.ts";
import { formatCursor } from "../../src/moderation/feed-cursor.ts";
import { openSqliteStore } from "../../src/storage/sqlite/sqlite-store.ts";
import type { Store } from "../../src/storage/storage.ts";
import { append, expectReason, makeLists } from "../storage/conformance/opened-store.ts";
import { listEntry, sampleDecision } from "../storage/samples.ts";

let folder: string;
let store: Store;
let stopping: AbortController;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-feed-"));
  store = await openSqliteStore({ path: join(folder, "gatehouse.db") });
  stopping = new AbortController();
});

afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

const open = (deps: Partial<FeedDeps> = {}) => createFeed({ store, stopping: stopping.signal, ...deps });
const query = (init: Partial<FeedQuery> = {}): FeedQuery => ({ cursor: "", start: "beginning", filter: {}, ...init });
const fill = async (count: number) => {
  for (let i = 0; i < count; i++) await append(store, sampleDecision());
};

/** The next so many messages of a watch, as positions, with `-` for a heartbeat. */
async function take(watch: AsyncGenerator<FeedMessage>, count: number): Promise<(number | "-")[]> {
  const taken: (number | "-")[] = [];
  while (taken.length < count) {
    const { value, done } = await watch.next();
    if (done) throw new Error(`the watch ended after ${taken.length} messages`);
    taken.push(value.change?.position ?? "-");
  }
  return taken;
}

test("a watch begins at the start, sends all, then a heartbeat, then what comes", async () => {
  await fill(250);
  const watch = open().watch(query());
  expect(await take(watch, 251)).toEqual([...Array.from({ length: 250 }, (_, i) => i + 1), "-"]);
  for (let next = 251; next < 260; next++) {
    await fill(1);
    expect(await take(watch, 1)).toEqual([next]);
  }
  const waiting = take(watch, 3);
  await Promise.all([fill(1), fill(1), fill(1)]);
  expect(await waiting).toEqual([260, 261, 262]);
  await watch.return();
});

test("a watch from now begins with a heartbeat, and every cursor is exclusive", async () => {
  await fill(3);
  const feed = open();
  const watch = feed.watch(query({ start: "now" }));
  const { value: heartbeat } = await watch.next();
  expect(heartbeat).toEqual({ change: undefined, cursor: formatCursor(3) });
  await fill(2);
  const { value: first } = await watch.next();
  expect(first).toMatchObject({ change: { position: 4 }, cursor: formatCursor(4) });
  await watch.return();
  for (const cursor of [heartbeat?.cursor ?? "", first?.cursor ?? ""]) {
    const again = feed.watch(query({ cursor }));
    expect(await take(again, 1)).toEqual([cursor === first?.cursor ? 5 : 4]);
    await again.return();
  }
});

test("nothing is missed that is committed while the watch begins, or between its reads", async () => {
  const feed = open();
  const watches = Array.from({ length: 20 }, () => feed.watch(query()));
  const taking = watches.map((watch) => take(watch, 1).then(async ([first]) => (first === "-" ? 0 : 1) + (await countTo(watch, 100))));
  const writing = Array.from({ length: 100 }, () => append(store, sampleDecision()));
  await Promise.all(writing);
  for (const count of await Promise.all(taking)) expect(count).toBe(100);

  async function countTo(watch: AsyncGenerator<FeedMessage>, position: number): Promise<number> {
    let count = 0;
    for await (const { change } of watch) {
      if (change !== undefined) count += 1;
      if (change?.position === position) break;
    }
    return count;
  }
});

test("heartbeats come while nothing else does, and carry how far a filter has looked", async () => {
  const feed = open({ heartbeatMs: 5 });
  const watch = feed.watch(query({ filter: { appId: 7 } }));
  expect((await watch.next()).value).toEqual({ change: undefined, cursor: formatCursor(0) });
  await fill(40);
  let cursor = "";
  while (cursor !== formatCursor(40)) {
    const { value } = await watch.next();
    expect(value?.change).toBeUndefined();
    cursor = value?.cursor ?? "";
  }
  await watch.return();
});

test("a watcher that leaves a message unread for too long is told at its next one, and can go on after the last", async () => {
  await fill(3);
  const feed = open({ slowMs: 20 });
  const watch = feed.watch(query());
  const { value: first } = await watch.next();
  const leftMs = performance.now();
  while (performance.now() - leftMs < 40) await new Promise((resolve) => setImmediate(resolve));
  await expectReason(() => watch.next(), ErrorReason.SLOW_CONSUMER);
  expect(await watch.next()).toEqual({ done: true, value: undefined });
  const again = feed.watch(query({ cursor: first?.cursor ?? "" }));
  expect(await take(again, 3)).toEqual([2, 3, "-"]);
  await again.return();
});

test("all watches end with SHUTTING_DOWN when the service stops: waiting, in between, and yet to begin", async () => {
  await fill(2);
  const feed = open();
  const [waiting, reading] = [feed.watch(query({ start: "now" })), feed.watch(query())];
  await take(waiting, 1);
  await take(reading, 1);
  const next = waiting.next();
  stopping.abort();
  await expectReason(() => next, ErrorReason.SHUTTING_DOWN);
  await expectReason(() => reading.next(), ErrorReason.SHUTTING_DOWN);
  await expectReason(() => feed.watch(query()).next(), ErrorReason.SHUTTING_DOWN);
});

test("a watch ends when its caller leaves, also while it waits", async () => {
  const caller = new AbortController();
  const watch = open().watch(query(), caller.signal);
  await take(watch, 1);
  const next = watch.next();
  caller.abort();
  expect(await next).toEqual({ done: true, value: undefined });
});

test("a cursor that was not given is refused, and so is one from another database", async () => {
  await fill(1);
  const feed = open();
  const encode = (text: string) => Buffer.from(text).toString("base64url");
  const wrong = [
    "x",
    "1",
    " ",
    encode("1"),
    encode("v2.1"),
    encode("v1."),
    encode("v1.01"),
    encode("v1.-1"),
    encode("v1.1 "),
    encode("v1.1e3"),
  ];
  for (const cursor of [...wrong, `${formatCursor(1)}=`, encode("v1.9999999999999999"), formatCursor(2)]) {
    await expectReason(() => feed.list(query({ cursor }), 10), ErrorReason.INVALID_CURSOR);
    await expectReason(() => feed.watch(query({ cursor })).next(), ErrorReason.INVALID_CURSOR);
  }
  expect(await feed.list(query({ cursor: formatCursor(1) }), 10)).toEqual({ changes: [], cursor: formatCursor(1), hasMore: false });
});

test("a cursor before what is kept is refused, and the beginning is where it is kept from", async () => {
  await fill(5);
  const feed = open();
  const behind = feed.watch(query());
  await take(behind, 6);
  const db = new Database(join(folder, "gatehouse.db"));
  db.exec("DELETE FROM decisions WHERE seq <= 3; UPDATE feed SET earliest = 3");
  db.close();
  // What another connection wrote is seen once this one has written.
  await store.check();
  for (const position of [0, 2]) {
    await expectReason(() => feed.list(query({ cursor: formatCursor(position) }), 10), ErrorReason.CURSOR_EXPIRED);
    await expectReason(() => feed.watch(query({ cursor: formatCursor(position) })).next(), ErrorReason.CURSOR_EXPIRED);
  }
  for (const begun of [query(), query({ cursor: formatCursor(3) })]) {
    expect((await feed.list(begun, 10)).changes.map(({ change }) => change.position)).toEqual([4, 5]);
  }
  await fill(1);
  expect(await take(behind, 1)).toEqual([6]);
  await behind.return();
});

test("pages go on after their cursor, and say whether there may be more", async () => {
  await makeLists(store, "staff");
  await store.addEntries("staff", [listEntry("a"), listEntry("b"), listEntry("c")]);
  const feed = open();
  const first = await feed.list(query(), 2);
  expect([first.changes.map(({ change }) => change.kind), first.hasMore]).toEqual([["activation", "listEdit"], true]);
  const rest = await feed.list(query({ cursor: first.cursor }), 2);
  expect([rest.changes.length, rest.hasMore]).toEqual([2, false]);
  const none = await feed.list(query({ filter: { kinds: new Set(["event"]) } }), 2);
  expect(none).toEqual({ changes: [], cursor: rest.cursor, hasMore: false });
  expect(await feed.list(query({ start: "now" }), 2)).toEqual(none);
});

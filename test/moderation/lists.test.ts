// Lists over the real store, with a clock that stands still.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, onTestFinished, test } from "vitest";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { ListEntrySchema, ListKind } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { createLists, type ImportPart } from "../../src/moderation/lists.ts";
import { checkEntry } from "../../src/policy/list-matchers.ts";
import { openSqliteStore } from "../../src/storage/sqlite/sqlite-store.ts";

const nowMs = 1_670_574_414_123;
const version = "0".repeat(64);

async function start() {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-lists-"));
  const store = await openSqliteStore({ path: join(folder, "test.db") });
  onTestFinished(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });
  await store.publishPolicy({ version, text: "name: t\n", author: "", reason: "", publishTimeMs: nowMs });
  const made = [
    { name: "users", kind: ListKind.EXACT },
    { name: "ranges", kind: ListKind.CIDR },
  ];
  await store.pointPolicy({ pointer: "live", version, author: "", reason: "", timeMs: nowMs }, made);
  return createLists({ store, checkEntry, now: () => nowMs });
}

const entry = (value: string, more: MessageInitShape<typeof ListEntrySchema> = {}) => create(ListEntrySchema, { value, ...more });

async function* parts(...all: ImportPart[]): AsyncGenerator<ImportPart> {
  yield* all;
}

test("an entry has the time of our clock, whatever the request says, and its own author before the request's", async () => {
  const lists = await start();
  const asked = entry("a", { createTime: timestampFromMs(1), expireTime: { ...timestampFromMs(nowMs + 1), nanos: 124_400_000 } });
  await lists.add("users", [asked, entry("b", { author: "ann" })], "bob");
  const { items } = await lists.entries("users", {}, { size: 10 });
  expect(items).toMatchObject([
    { value: "a", author: "bob", createTime: timestampFromMs(nowMs), expireTime: timestampFromMs(nowMs + 1) },
    { value: "b", author: "ann", createTime: timestampFromMs(nowMs) },
  ]);
  expect(items[1]?.expireTime).toBeUndefined();
});

test.each([
  ["now", timestampFromMs(nowMs), /is in the past \(2022-12-09T08:26:54\.123Z\)/],
  ["long ago", timestampFromMs(0), /is in the past \(1970-01-01T00:00:00\.000Z\)/],
  ["before all time", { seconds: -(2n ** 62n), nanos: 0 }, /is in the past \(-4611686018427387904 s\)/],
  ["after the year 9999", { seconds: 253_402_300_800n, nanos: 0 }, /is after the year 9999/],
  ["after all time", { seconds: 2n ** 62n, nanos: 0 }, /is after the year 9999/],
])("an entry that expires %s is refused", async (_name, time, message) => {
  const lists = await start();
  const expireTime = { ...timestampFromMs(0), ...time };
  await expect(lists.add("users", [entry("good"), entry("a", { expireTime })], "")).rejects.toMatchObject({
    reason: ErrorReason.INVALID_ENTRY,
    fields: [{ field: "entries[1].expire_time", description: expect.stringMatching(message) }],
  });
  expect((await lists.entries("users", {}, { size: 10 })).items).toEqual([]);
});

test("an import asks for a part only when the one before is on disk", async () => {
  const lists = await start();
  const seen: number[] = [];
  async function* asking() {
    for (const value of ["a", "b", "c"]) {
      seen.push((await lists.entries("users", {}, { size: 10 })).items.length);
      yield { list: "users", entries: [entry(value)], author: "" };
    }
  }
  expect(await lists.import(asking())).toEqual({ received: 3, added: 3 });
  expect(seen).toEqual([0, 1, 2]);
});

test("an import counts its entries from its beginning", async () => {
  const lists = await start();
  const wrong = parts(
    { list: "ranges", entries: [entry("10.0.0.0/8"), entry("::1")], author: "" },
    { list: "ranges", entries: [entry("10.0.0.1"), entry("x"), entry("y")], author: "" },
  );
  await expect(lists.import(wrong)).rejects.toMatchObject({
    reason: ErrorReason.INVALID_ENTRY,
    fields: [{ field: "entries[3].value" }, { field: "entries[4].value" }],
  });
  expect((await lists.entries("ranges", {}, { size: 10 })).items).toHaveLength(2);
});

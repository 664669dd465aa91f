// The memory of which accounts had an event of late: it may say yes too often, and never no when there was one.
import Database from "better-sqlite3";
import { expect, it } from "vitest";
import { migrate } from "../../../src/storage/sqlite/migrations.ts";
import { createRecentEvents } from "../../../src/storage/sqlite/recent-events.ts";

function empty() {
  const db = new Database(":memory:");
  migrate(db);
  return createRecentEvents(db);
}

it("knows each account of each app by its latest event", () => {
  const recent = empty();
  recent.note(1, "a", 100);
  recent.note(1, "a", 50);
  recent.note(2, "b", 70);
  expect([recent.mayHaveSince(1, "a", 100), recent.mayHaveSince(1, "a", 101)]).toEqual([true, false]);
  expect([recent.mayHaveSince(1, "A", 60), recent.mayHaveSince(1, "b", 60), recent.mayHaveSince(2, "b", 60)]).toEqual([false, false, true]);
});

it("forgets no event when there are more accounts than it knows one by one", () => {
  const recent = empty();
  for (let account = 0; account <= 20_000; account++) recent.note(1, `account ${account}`, account);
  recent.note(1, "later", 10);
  expect(recent.mayHaveSince(1, "account 20000", 20_000)).toBe(true);
  expect(recent.mayHaveSince(1, "later", 20_000)).toBe(true);
  expect(recent.mayHaveSince(1, "account 20000", 20_001)).toBe(false);
});

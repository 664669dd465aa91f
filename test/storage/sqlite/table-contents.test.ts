// What is said of every table, compared with the schema, so that no table is forgotten by retention and erasure.
import Database from "better-sqlite3";
import { afterAll, describe, expect, it } from "vitest";
import { migrate } from "../../../src/storage/sqlite/migrations.ts";
import { tableContents } from "../../../src/storage/sqlite/table-contents.ts";

const db = new Database(":memory:");
migrate(db);
afterAll(() => db.close());

const tables = db
  .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
  .pluck()
  .all() as string[];

interface Column {
  name: string;
  type: string;
  pk: number;
}

const columnsOf = (table: string) => db.pragma(`table_xinfo(${table})`) as Column[];

/** Columns of bytes hold digests and hashes, from which nothing can be read. */
const digests = ["account_changes.digest", "decisions.action_digest", "events.digest", "user_parts.entries"];

it("says something of every table, and of no other", () => {
  expect(Object.keys(tableContents).toSorted()).toEqual(tables);
});

describe.each(tables)("%s", (table) => {
  const content = tableContents[table];

  it("has its primary key and every column of text", () => {
    const columns = columnsOf(table);
    const key = columns.filter(({ pk }) => pk > 0).toSorted((a, b) => a.pk - b.pk);
    expect(content?.key).toEqual(key.map(({ name }) => name));
    expect(Object.keys(content?.texts ?? {}).toSorted()).toEqual(
      columns
        .filter(({ type }) => type === "TEXT")
        .map(({ name }) => name)
        .toSorted(),
    );
    for (const { name } of columns.filter(({ type }) => !["TEXT", "INTEGER"].includes(type))) expect(digests).toContain(`${table}.${name}`);
  });

  it("goes with what it cannot be without", () => {
    for (const { table: parent } of db.pragma(`foreign_key_list(${table})`) as { table: string }[]) {
      if (parent === "decisions" || parent === "events") expect(content?.goes).toMatchObject({ with: parent });
    }
  });
});

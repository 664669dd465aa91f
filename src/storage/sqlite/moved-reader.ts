// Reads the rows of an SQLite database as they are moved to another one.
import type { Database, Statement } from "better-sqlite3";
import type { MovedReader } from "../move.ts";
import { digestOfRows, type MovedKey, type MovedRow } from "../moved-rows.ts";
import type { MovedTable } from "../moved-tables.ts";

/** Buckets have the counter's number in place of what it counts: here they are as they are moved, for the connection alone. */
const createBuckets = `
  DROP TABLE IF EXISTS temp.moved_rate_buckets;
  CREATE TEMP TABLE moved_rate_buckets (
    app_id INTEGER NOT NULL, action TEXT NOT NULL, window_ms INTEGER NOT NULL, key TEXT NOT NULL, start INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (app_id, action, window_ms, key, start)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO moved_rate_buckets SELECT app_id, action, window_ms, key, start, count FROM rate_counters JOIN rate_buckets USING (counter_id);`;

/** The name that a table has in this connection. */
export function nameOf({ name }: MovedTable): string {
  return name === "rate_buckets" ? "moved_rate_buckets" : name;
}

/** Names of columns, or what stands for each of their values, with commas. */
export function columnsOf(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(", ");
}
export function placesOf(names: readonly string[]): string {
  return names.map(() => "?").join(", ");
}

/** To be called before the rows are read, in the transaction in which they are. */
export function beginReading(db: Database): void {
  db.exec(createBuckets);
}

/** Creates the reading of rows. */
export function createMovedReader(db: Database): MovedReader {
  const statements = new Map<string, Statement>();

  function prepare(sql: string): Statement {
    const statement = statements.get(sql) ?? db.prepare(sql).raw();
    statements.set(sql, statement);
    return statement;
  }

  function read(table: MovedTable, from: MovedKey | undefined, to: MovedKey | undefined): MovedRow[] {
    const columns = columnsOf(Object.keys(table.columns));
    const sql = `SELECT ${columns} FROM ${nameOf(table)} ${whereOf(table, from, to)} ORDER BY ${columnsOf(table.key)}`;
    return prepare(sql).all(...(from ?? []), ...(to ?? [])) as MovedRow[];
  }

  return {
    async endOfStretch(table, from, limit) {
      const key = columnsOf(table.key);
      const sql = `SELECT ${key} FROM ${nameOf(table)} ${whereOf(table, from, undefined)} ORDER BY ${key} LIMIT 1 OFFSET ${limit - 1}`;
      return prepare(sql).get(...(from ?? [])) as MovedKey | undefined;
    },
    digest: async (table, from, to) => digestOfRows(read(table, from, to)),
    rows: async (table, from, to) => read(table, from, to),
  };
}

function whereOf({ key }: MovedTable, from: MovedKey | undefined, to: MovedKey | undefined): string {
  const bounds = [...(from === undefined ? [] : [">"]), ...(to === undefined ? [] : ["<="])];
  if (bounds.length === 0) return "";
  return `WHERE ${bounds.map((operator) => `(${columnsOf(key)}) ${operator} (${placesOf(key)})`).join(" AND ")}`;
}

// Reads the rows of a PostgreSQL database as they are moved to another one. Digests are made there, so that only rows that differ travel.
import type { ClientBase } from "pg";
import type { MovedReader } from "../move.ts";
import { columnEnd, type MovedKey, type MovedRow, type MovedValue, nullMark, type StretchDigest } from "../moved-rows.ts";
import type { MovedColumn, MovedTable } from "../moved-tables.ts";
import { toStoredText } from "../stored-text.ts";

/** How each kind of column becomes text. */
const textOf: Readonly<Record<MovedColumn, (column: string) => string>> = {
  integer: (column) => `${column}::text`,
  text: (column) => column,
  bytes: (column) => `encode(${column}, 'hex')`,
};

const nullText = literalOf(nullMark);
const endText = literalOf(columnEnd);

/** Names of columns with commas. */
export function columnsOf(names: readonly string[]): string {
  return names.map(quoted).join(", ");
}

/** Creates the reading of rows. */
export function createMovedReader(client: Pick<ClientBase, "query">): MovedReader {
  const names = new Map<string, string>();

  /** Statements are prepared once, in each connection. */
  async function query(sql: string, values: readonly MovedValue[]): Promise<MovedValue[][]> {
    const name = names.get(sql) ?? `moved${names.size}`;
    names.set(sql, name);
    const parameters = values.map((value) => (typeof value === "string" ? toStoredText(value) : value));
    const { rows } = await client.query<MovedValue[]>({ name, text: sql, values: parameters, rowMode: "array" });
    return rows;
  }

  return {
    async endOfStretch(table, from, limit) {
      const key = columnsOf(table.key);
      const sql = `SELECT ${key} FROM ${table.name} ${whereOf(table, from, undefined)} ORDER BY ${key} OFFSET ${limit - 1} LIMIT 1`;
      return (await query(sql, from ?? []))[0];
    },

    async digest(table, from, to): Promise<StretchDigest> {
      const texts = Object.entries(table.columns).flatMap(([name, column]) => [
        `coalesce(${textOf[column](quoted(name))}, ${nullText})`,
        endText,
      ]);
      const rows = `SELECT concat(${texts.join(", ")}) AS row FROM ${table.name} ${whereOf(table, from, to)} ORDER BY ${columnsOf(table.key)}`;
      const sql = `SELECT count(*), encode(sha256(convert_to(coalesce(string_agg(row, ''), ''), 'UTF8')), 'hex') FROM (${rows}) AS r`;
      const [found] = await query(sql, [...(from ?? []), ...(to ?? [])]);
      return { count: Number(found?.[0]), digest: String(found?.[1]) };
    },

    rows(table, from, to): Promise<MovedRow[]> {
      const columns = columnsOf(Object.keys(table.columns));
      const sql = `SELECT ${columns} FROM ${table.name} ${whereOf(table, from, to)} ORDER BY ${columnsOf(table.key)}`;
      return query(sql, [...(from ?? []), ...(to ?? [])]);
    },
  };
}

function whereOf({ key }: MovedTable, from: MovedKey | undefined, to: MovedKey | undefined): string {
  const bounds = [...(from === undefined ? [] : [">"]), ...(to === undefined ? [] : ["<="])];
  if (bounds.length === 0) return "";
  const places = (index: number) => key.map((_, column) => `$${index * key.length + column + 1}`).join(", ");
  return `WHERE ${bounds.map((operator, index) => `(${columnsOf(key)}) ${operator} (${places(index)})`).join(" AND ")}`;
}

function quoted(name: string): string {
  return `"${name}"`;
}

function literalOf(characters: readonly number[]): string {
  return `E'${characters.map((code) => `\\x0${code}`).join("")}'`;
}

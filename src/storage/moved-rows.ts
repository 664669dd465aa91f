// Rows on their way from one store to another, and the one form in which every store makes a digest of them.
import { hash } from "node:crypto";
import type { MovedTable } from "./moved-tables.ts";
import { toStoredText } from "./stored-text.ts";

/** A value of a column: integers are numbers, bytes are Buffers. */
export type MovedValue = string | number | Buffer | null;

/** A row: the values of `MovedTable.columns`, in their order. */
export type MovedRow = readonly MovedValue[];

/** The values of `MovedTable.key`, in their order. */
export type MovedKey = readonly MovedValue[];

/** What a stretch of rows comes to. */
export interface StretchDigest {
  count: number;
  /** SHA-256 of their texts one after another, hexadecimal. */
  digest: string;
}

/** What stands for NULL, and what ends each column: kept texts have neither. SQL that makes the same text has them as these numbers of characters. */
export const nullMark = [1, 4] as const;
export const columnEnd = [1, 3] as const;

const nullText = String.fromCharCode(...nullMark);
const endText = String.fromCharCode(...columnEnd);

/** The text of a row, another one for every other row of its table: integers in decimal, bytes in hexadecimal, texts as PostgreSQL keeps them. */
export function textOfRow(row: MovedRow): string {
  let text = "";
  for (const value of row) text += textOfValue(value) + endText;
  return text;
}

/** The digest of rows in the order of their keys. */
export function digestOfRows(rows: readonly MovedRow[]): StretchDigest {
  let text = "";
  for (const row of rows) text += textOfRow(row);
  return { count: rows.length, digest: hash("sha256", text) };
}

function textOfValue(value: MovedValue): string {
  if (typeof value === "string") return toStoredText(value);
  if (typeof value === "number") return String(value);
  return value === null ? nullText : value.toString("hex");
}

/** The key of a row. */
export function keyOfRow({ key, columns }: MovedTable, row: MovedRow): MovedKey {
  const names = Object.keys(columns);
  return key.map((name) => row[names.indexOf(name)] ?? null);
}

/** What has to go and what has to come, so that the rows of `to` become those of `from`. */
export function differenceOfRows(
  from: readonly MovedRow[],
  to: readonly MovedRow[],
): { removed: readonly MovedRow[]; added: readonly MovedRow[] } {
  if (to.length === 0) return { removed: [], added: from };
  const [wanted, there] = [from.map(textOfRow), to.map(textOfRow)];
  const [allWanted, allThere] = [new Set(wanted), new Set(there)];
  return {
    removed: to.filter((_, index) => !allWanted.has(there[index] ?? "")),
    added: from.filter((_, index) => !allThere.has(wanted[index] ?? "")),
  };
}

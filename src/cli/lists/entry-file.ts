// Reads the entries of a file, however many they are: one on each line, as plain values, as JSON or as CSV.
import { createReadStream } from "node:fs";
import { create, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type ListEntry, ListEntrySchema } from "../../../gen/gatehouse/v1/list_service_pb.ts";
import { CommandError } from "../command.ts";
import { readCsvHeader, splitCsvLine } from "./csv.ts";

/** How the lines of a file are read. */
export type EntryFormat = "lines" | "ndjson" | "csv";

/** An entry and the line it stands on, from 1. */
export interface EntryLine {
  line: number;
  entry: ListEntry;
}

/** A line that is no entry. Its message says why and begins with the place. */
export class LineError extends CommandError {}

/** Longer lines are mistakes: an entry has at most 1300 bytes, and escapes. */
const maxLineBytes = 65_536;

const newline = 0x0a;
const byteOrderMark = "\ufeff";

/** The bytes of a file; `-` is the standard input. */
export function openFile(path: string): AsyncIterable<Buffer> {
  return path === "-" ? process.stdin : createReadStream(path, { highWaterMark: 262_144 });
}

/**
 * The entries of a file, some at a time, with at most a few hundred kilobytes in memory. `format` undefined: told by the file's name, or else by
 * its first line that is not empty. Throws a LineError at the first line that is no entry, after all entries before it, and a CommandError when
 * the file cannot be read.
 */
export async function* readEntries(
  source: AsyncIterable<Buffer>,
  name: string,
  format: EntryFormat | undefined,
): AsyncGenerator<EntryLine[]> {
  let parse = format === undefined ? undefined : parsers[format]();
  for await (const { firstLine, lines } of readLines(source, name)) {
    const entries: EntryLine[] = [];
    for (const [index, text] of lines.entries()) {
      if (text.trim() === "") continue;
      const line = firstLine + index;
      parse ??= parsers[detectFormat(name, text)]();
      const parsed = parse(text);
      if (typeof parsed === "string") {
        yield entries;
        throw new LineError(`${name}:${line}: ${parsed}`);
      }
      if (parsed !== undefined) entries.push({ line, entry: parsed });
    }
    yield entries;
  }
}

function detectFormat(name: string, firstLine: string): EntryFormat {
  if (/\.(ndjson|jsonl)$/i.test(name)) return "ndjson";
  if (/\.csv$/i.test(name)) return "csv";
  return /^\s*\{.*\}\s*$/.test(firstLine) ? "ndjson" : "lines";
}

/** Reads one line: an entry, nothing (a heading), or what is wrong with it. */
type ParseLine = (text: string) => ListEntry | undefined | string;

const parsers: Readonly<Record<EntryFormat, () => ParseLine>> = {
  lines: () => (text) => {
    if (text.trim() === text) return create(ListEntrySchema, { value: text });
    return "the value begins or ends with white space, and would match nothing without it. Remove it, or write the line as NDJSON if it is meant.";
  },
  ndjson: () => (text) => {
    try {
      const json = JSON.parse(text) as JsonValue;
      return typeof json === "string" ? create(ListEntrySchema, { value: json }) : fromJson(ListEntrySchema, json);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return `not an entry such as {"value": "x", "reason": "y"}: ${why}.`;
    }
  },
  csv: () => {
    let columns: readonly string[] | undefined;
    return (text) => {
      const cells = splitCsvLine(text);
      if (typeof cells === "string") return cells;
      if (columns !== undefined) return readCsvEntry(columns, cells);
      const header = readCsvHeader(cells);
      if (typeof header === "string") return header;
      columns = header;
      return undefined;
    };
  },
};

function readCsvEntry(columns: readonly string[], cells: readonly string[]): ListEntry | string {
  if (cells.length !== columns.length) return `${cells.length} cells where the first line has ${columns.length} columns.`;
  const cell = (column: string) => cells[columns.indexOf(column)] ?? "";
  const entry = create(ListEntrySchema, {
    value: cell("value"),
    reason: cell("reason"),
    author: cell("author"),
    source: cell("source"),
  });
  if (cell("expire_time") === "") return entry;
  const expireTime = readCsvTime(cell("expire_time"));
  if (expireTime === undefined) return `expire_time must be a time such as 2030-01-31T08:30:00Z, not "${cell("expire_time")}".`;
  entry.expireTime = expireTime;
  return entry;
}

function readCsvTime(text: string): Timestamp | undefined {
  const ms = /^\d{4}-\d{2}-\d{2}(T[\d:.]+(Z|[+-]\d{2}:\d{2}))?$/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? undefined : timestampFromMs(ms);
}

/** The lines of a file without their ends, some at a time. */
async function* readLines(source: AsyncIterable<Buffer>, name: string): AsyncGenerator<{ firstLine: number; lines: string[] }> {
  let firstLine = 1;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of readable(source, name)) {
    const end = chunk.lastIndexOf(newline);
    if (rest.length + (end < 0 ? chunk.length : chunk.indexOf(newline)) > maxLineBytes) {
      throw new LineError(`${name}:${firstLine}: the line is longer than ${maxLineBytes} bytes. Entries stand one on each line.`);
    }
    if (end < 0) {
      rest = Buffer.concat([rest, chunk]);
      continue;
    }
    const lines = decode(Buffer.concat([rest, chunk.subarray(0, end)]), name, firstLine);
    yield { firstLine, lines };
    firstLine += lines.length;
    rest = Buffer.from(chunk.subarray(end + 1));
  }
  if (rest.length > 0) yield { firstLine, lines: decode(rest, name, firstLine) };
}

async function* readable(source: AsyncIterable<Buffer>, name: string): AsyncGenerator<Buffer> {
  try {
    yield* source;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const why = code === "ENOENT" ? "there is no such file" : code === "EISDIR" ? "it is a folder" : String(error);
    throw new CommandError(`cannot read ${name}: ${why}.`);
  }
}

function decode(bytes: Buffer, name: string, firstLine: number): string[] {
  const text = bytes.toString("utf8");
  const lines = text.split("\n");
  // A replacement character stands for bytes that are no UTF-8, unless it was in the file.
  if (text.includes("\ufffd") && !Buffer.from(text).equals(bytes)) throw notUtf8(bytes, name, firstLine);
  if (firstLine === 1 && lines[0]?.startsWith(byteOrderMark)) lines[0] = lines[0].slice(1);
  return text.includes("\r") ? lines.map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line)) : lines;
}

function notUtf8(bytes: Buffer, name: string, firstLine: number): LineError {
  let line = firstLine;
  let start = 0;
  for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
    if (!isUtf8(bytes.subarray(start, end))) break;
    start = end + 1;
    line++;
  }
  return new LineError(`${name}:${line}: the line is not UTF-8. Convert the file, for instance with iconv.`);
}

function isUtf8(bytes: Buffer): boolean {
  return Buffer.from(bytes.toString("utf8")).equals(bytes);
}

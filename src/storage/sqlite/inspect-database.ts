// Looks through a whole database for damage: the file's structure, its references, and what Gatehouse itself promises of its tables.
import { statSync } from "node:fs";
import Database from "better-sqlite3";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../../errors.ts";
import { migrations } from "./migrations.ts";
import { hashOfUser, type NamingRow, namedIn, offsetsIn, partId } from "./user-parts.ts";

/** What was found in a database. */
export interface Inspection {
  path: string;
  bytes: number;
  /** How many steps of the schema it has. */
  schema: number;
  /** The rows of each table, by its name. */
  rows: Readonly<Record<string, number>>;
  /** What is wrong, a line each; empty when nothing is. At most 100 of each kind. */
  problems: readonly string[];
}

/** How long an inspection waits for a process that holds the whole database, in milliseconds. */
const busyTimeoutMs = 5000;

const maxProblems = 100;

/**
 * Reads the whole file, as it is at one moment, while others may go on reading and writing it: as long as that takes, the log beside it grows.
 * Changes nothing. Throws STORE_UNAVAILABLE when the file is not there, is no database of Gatehouse, or has more steps than this program knows.
 */
export function inspectDatabase(path: string): Inspection {
  const db = openForReading(path);
  try {
    db.exec("BEGIN");
    const schema = schemaOf(db);
    const problems = [...structure(db)];
    // What a damaged file says of its rows means nothing.
    if (problems.length === 0) problems.push(...references(db), ...promises(db));
    return { path, bytes: statSync(path).size, schema, rows: countRows(db), problems };
  } catch (cause) {
    throw readingFailed(path, cause);
  } finally {
    db.close();
  }
}

/** Opens a database that is there, to read it whole. Throws STORE_UNAVAILABLE when it is not there or cannot be opened. */
export function openForReading(path: string): Database.Database {
  try {
    return new Database(path, { readonly: true, fileMustExist: true, timeout: busyTimeoutMs });
  } catch (cause) {
    throw readingFailed(path, cause);
  }
}

/** The error of a database that could not be read to its end. */
export function readingFailed(path: string, cause: unknown): GatehouseError {
  if (cause instanceof GatehouseError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new GatehouseError(ErrorReason.STORE_UNAVAILABLE, `The database ${path} cannot be read: ${message}.`, { cause });
}

/** How many rows each table has, as the transaction that is open sees them. */
export function countRows(db: Database.Database): Record<string, number> {
  const names = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name");
  const counts: Record<string, number> = {};
  for (const name of names.pluck().all() as string[]) {
    counts[name] = db
      .prepare(`SELECT count(*) FROM "${name.replaceAll('"', '""')}"`)
      .pluck()
      .get() as number;
  }
  return counts;
}

/** How many steps of the schema it has. Throws STORE_UNAVAILABLE when they are none, or more than this program knows. */
export function schemaOf(db: Database.Database): number {
  const schema = db.pragma("user_version", { simple: true }) as number;
  const isGatehouse = db
    .prepare("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('checks', 'decisions')")
    .pluck()
    .get();
  if (isGatehouse !== 2 || schema === 0) {
    throw new GatehouseError(ErrorReason.STORE_UNAVAILABLE, `${db.name} is not a database of Gatehouse.`);
  }
  if (schema > migrations.length) {
    const versions = `schema ${schema}, this one knows up to ${migrations.length}`;
    throw new GatehouseError(ErrorReason.STORE_UNAVAILABLE, `${db.name} is from a newer Gatehouse (${versions}): use that version.`);
  }
  return schema;
}

function* structure(db: Database.Database): Generator<string> {
  for (const line of db.prepare(`PRAGMA integrity_check(${maxProblems})`).pluck().iterate() as IterableIterator<string>) {
    if (line !== "ok") yield line;
  }
}

function* references(db: Database.Database): Generator<string> {
  let found = 0;
  for (const row of db.prepare("PRAGMA foreign_key_check").iterate() as IterableIterator<{
    table: string;
    rowid: number;
    parent: string;
  }>) {
    yield `${row.table}: row ${row.rowid} refers to a row of ${row.parent} that is not there`;
    found += 1;
    if (found === maxProblems) return;
  }
}

/** What must hold beyond the schema: a statement that finds what breaks it, as lines in `problem`, and the tables that it needs. */
const rules: readonly { tables: readonly string[]; sql: string }[] = [
  {
    tables: ["lists", "list_entries"],
    sql: `SELECT format('list %s: counted as %d entries, and has %d', name, entry_count, found) AS problem FROM (
        SELECT name, entry_count, (SELECT count(*) FROM list_entries WHERE list_entries.list_id = lists.list_id) AS found FROM lists
      ) WHERE entry_count <> found`,
  },
  {
    tables: ["cases", "open_case_counts"],
    sql: `SELECT format('open cases of kind %d: counted as %d, and there are %d', kind, sum(counted), sum(found)) AS problem FROM (
        SELECT kind, count AS counted, 0 AS found FROM open_case_counts
        UNION ALL
        SELECT kind, 0, count(*) FROM cases WHERE close_time IS NULL GROUP BY kind
      ) GROUP BY kind HAVING sum(counted) <> sum(found)`,
  },
  {
    tables: ["accounts", "messages"],
    // Sendings without a key are counted, and are no rows.
    sql: `SELECT format('account %s of app %d: counted as %d messages sent and %d withdrawn, and has %d and %d',
          account_id, app_id, messages_sent, messages_withdrawn, sent, withdrawn) AS problem FROM (
        SELECT accounts.app_id, accounts.account_id, messages_sent, messages_withdrawn, count(sent_seq) AS sent, count(withdraw_time) AS withdrawn
          FROM accounts LEFT JOIN messages USING (app_id, account_id) GROUP BY accounts.app_id, accounts.account_id
      ) WHERE messages_sent < sent OR messages_withdrawn <> withdrawn`,
  },
  ...(
    [
      ["subscriber_counts", "account_id", "account"],
      ["subscription_counts", "subscriber", "user"],
    ] as const
  ).map(([table, column, noun]) => ({
    tables: ["subscriptions", table],
    sql: `SELECT format('${noun} %s of app %d: counted as %d subscriptions, and has %d', key, app_id, sum(counted), sum(found)) AS problem FROM (
        SELECT app_id, ${column} AS key, count AS counted, 0 AS found FROM ${table}
        UNION ALL
        SELECT app_id, ${column}, 0, count(*) FROM subscriptions
          WHERE since_time IS NOT NULL AND (until_time IS NULL OR since_time > until_time) GROUP BY app_id, ${column}
      ) GROUP BY app_id, key HAVING sum(counted) <> sum(found)`,
  })),
];

/** Every user whom a segment of the log names must be found in it. */
function* missingUsers(db: Database.Database): Generator<string> {
  const segments = db.prepare("SELECT segment_id, from_seq, upto, part_bits FROM user_segments ORDER BY segment_id");
  const selectRows = db.prepare(
    `SELECT seq, operator, owner, NULL AS body FROM decisions WHERE seq BETWEEN @from_seq AND @upto
     UNION ALL SELECT seq, NULL, NULL, body FROM events WHERE seq BETWEEN @from_seq AND @upto`,
  );
  const selectPart = db.prepare("SELECT entries FROM user_parts WHERE part_id = ?").pluck();
  for (const segment of segments.all() as { segment_id: number; from_seq: number; upto: number; part_bits: number }[]) {
    const { segment_id: segmentId, from_seq: fromSeq, part_bits: bits } = segment;
    for (const { seq, users } of (selectRows.all(segment) as NamingRow[]).map(namedIn)) {
      for (const user of users) {
        const hash = hashOfUser(user);
        const part = selectPart.get(partId(segmentId, bits, hash)) as Buffer | undefined;
        if (part === undefined || !offsetsIn(part, hash).includes(seq - fromSeq)) {
          yield `sequence number ${seq} names a user by whom it is not found`;
          break;
        }
      }
    }
  }
}

/** Tables whose rows have their numbers from the one sequence, in the column `seq` that is their key. */
const sequenced = ["decisions", "events", "list_edits", "activations", "cases", "case_closings"];

function* promises(db: Database.Database): Generator<string> {
  const tables = new Set(db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all());
  for (const rule of rules) {
    if (rule.tables.every((table) => tables.has(table))) yield* found(db, rule.sql);
  }
  if (tables.has("user_segments")) yield* first(maxProblems, missingUsers(db));
  const present = sequenced.filter((table) => tables.has(table) && hasSequence(db, table));
  for (const [index, table] of present.entries()) {
    for (const other of present.slice(index + 1)) {
      yield* found(
        db,
        `SELECT format('sequence number %d is in ${table} and in ${other}', seq) AS problem FROM ${table} JOIN ${other} USING (seq)`,
      );
    }
    if (!tables.has("restores")) continue;
    const passedOver = `SELECT format('${table}: sequence number %d was passed over by a restore', seq) AS problem
      FROM restores JOIN ${table} ON seq > last_seq AND seq <= next_seq`;
    yield* found(db, passedOver);
  }
}

/** Early schemas number edits and activations by themselves. */
function hasSequence(db: Database.Database, table: string): boolean {
  return db.prepare("SELECT count(*) FROM pragma_table_info(?) WHERE name = 'seq'").pluck().get(table) === 1;
}

function* first(count: number, lines: Generator<string>): Generator<string> {
  let left = count;
  for (const line of lines) {
    if (left === 0) return;
    yield line;
    left -= 1;
  }
}

function found(db: Database.Database, sql: string): string[] {
  return db.prepare(`${sql} LIMIT ${maxProblems}`).pluck().all() as string[];
}

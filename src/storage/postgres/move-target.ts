// A PostgreSQL database that a store is moved to.
import type pg from "pg";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../../errors.ts";
import type { GivenNumbers, MovedReader, MoveTarget } from "../move.ts";
import { keyOfRow, type MovedRow } from "../moved-rows.ts";
import { type MovedColumn, type MovedTable, movedTables } from "../moved-tables.ts";
import { toStoredJson } from "../stored-text.ts";
import { demandNewestSchema, migrate } from "./migrations.ts";
import { connectForMove, isServed, moveFailed, nameOfUrl, namingFailures } from "./move-connection.ts";
import { columnsOf, createMovedReader } from "./moved-reader.ts";
import { markMoving, movedFrom, unmarkMoving } from "./moving-mark.ts";
import { usersOfBody } from "./named-users.ts";
import { classOfBody, isPlainBody } from "./retention-classes.ts";

/** The advisory lock that keeps two moves out of one database. */
const moveLock = 7_105_204_029;

/** How many connections read, so that the server uses more than one processor. */
const readerCount = 2;

/** So many rows change what the server should know of its tables. */
const analyzeFrom = 10_000;

/** A statement has rows of about so many characters at most, or one row. */
const maxStatementLength = 4_000_000;

/** What a new database has before anything is moved to it. */
const madeWithTables = new Set(["follow_up_sweep"]);

type Fields = Record<string, unknown>;

/** Columns that are not copied: their types, and their values made of what is. */
const otherColumns: Readonly<Record<string, Readonly<Record<string, { type: string; of: (row: Fields) => unknown; sql?: string }>>>> = {
  lists: { version: { type: "bigint", of: () => 0 } },
  decisions: {
    is_plain: {
      type: "boolean",
      of: ({ verdict, body }) => isPlainBody(Number(verdict), String(body)),
      sql: "r.is_plain AND NOT EXISTS (SELECT 1 FROM degraded_answers AS d WHERE d.seq = r.seq)",
    },
  },
  events: { class: { type: "integer", of: ({ body }) => classOfBody(String(body)) } },
  rate_buckets: { past_time: { type: "bigint", of: ({ start, window_ms }) => Number(start) + 2 * Number(window_ms) } },
  erasures: { place: { type: "text", of: () => "" } },
};

const types: Readonly<Record<MovedColumn, string>> = { integer: "bigint", text: "text", bytes: "text" };

/** Statements that follow the rows of a table; `$1` is the rows. */
const afterAdding: Readonly<Record<string, string>> = {
  degraded_answers: `UPDATE decisions SET is_plain = false FROM json_to_recordset($1::json) AS r(seq bigint) WHERE decisions.seq = r.seq`,
};

const complete = [
  "SET LOCAL synchronous_commit = on",
  "UPDATE lists SET version = coalesce((SELECT max(seq) FROM list_edits WHERE list_edits.list_id = lists.list_id), 0)",
  ...[
    ["policies", "policy_id"],
    ["messages", "message_id"],
    ["lists", "list_id"],
    ["keys", "key_order"],
  ].map(
    ([table, column]) =>
      `SELECT setval(pg_get_serial_sequence('${table}', '${column}'), greatest(max(${column}), 1), count(*) > 0) FROM ${table}`,
  ),
  unmarkMoving,
];

const versionOf = (pointer: string) =>
  `(SELECT version FROM policies WHERE policy_id = (SELECT policy_id FROM activations WHERE pointer = '${pointer}' ORDER BY seq DESC LIMIT 1))`;

const setHead = `UPDATE log_head SET epoch = epoch + 1, key_epoch = key_epoch + 1, position = $1, earliest = $2,
  live_version = ${versionOf("live")}, shadow_version = ${versionOf("shadow")}`;

const setGiven = `SELECT setval(pg_get_serial_sequence('audit_entries', 'audit_seq'), greatest($1::bigint, 1), $1::bigint > 0),
  setval(pg_get_serial_sequence('erasures', 'erasure_seq'), greatest($2::bigint, 1), $2::bigint > 0)`;

/**
 * Connects to the database, which must be there, and makes its tables. Rejects with STORE_UNAVAILABLE when services are connected to it, when another move goes on,
 * or when it has anything in it that is not of an earlier, incomplete move from `source`; with `isCompared` it may have anything, and is not changed.
 */
export async function openPostgresMoveTarget(url: string, source: string, isCompared: boolean): Promise<MoveTarget> {
  const name = nameOfUrl(url);
  const clients: pg.Client[] = [];
  try {
    const writer = await connectForMove(url);
    clients.push(writer);
    await prepare(writer, name, source, isCompared);
    for (let i = 0; i < readerCount; i += 1) clients.push(await connectForMove(url));
  } catch (error) {
    await closeAll(clients);
    throw moveFailed(name, error);
  }
  const [writer, ...readers] = clients;
  if (writer === undefined) throw moveFailed(name, undefined);
  return { name, ...namingFailures(name, createTarget(writer, readers)) };
}

async function closeAll(clients: readonly pg.Client[]): Promise<void> {
  for (const client of clients) await client.end();
}

async function prepare(writer: pg.Client, name: string, source: string, isCompared: boolean): Promise<void> {
  if (isCompared) return demandNewestSchema(writer, name);
  const { rows } = await writer.query<{ locked: boolean }>("SELECT pg_try_advisory_lock($1) AS locked", [moveLock]);
  if (rows[0]?.locked !== true) throw refused(`Another \`gatehouse migrate\` writes to ${name}: wait for it, or stop it.`);
  if (await isServed(writer)) throw refused(`A service is connected to ${name}: stop it, or give another database.`);
  await migrate(writer);
  // What is lost with the power is copied again; the last commit waits for the disk.
  await writer.query("SET statement_timeout = 0; SET synchronous_commit = off");
  const earlier = await movedFrom(writer);
  if (earlier === source) return;
  if (earlier !== undefined) throw refused(`The database ${name} is not empty: ${earlier} is being moved to it. Give another one.`);
  for (const { name: table } of movedTables) {
    if (madeWithTables.has(table)) continue;
    const { rows: filled } = await writer.query(`SELECT 1 FROM ${table} LIMIT 1`);
    if (filled.length > 0)
      throw refused(`The database ${name} is not empty, it has ${table}: a store is moved to a new database. Give another one.`);
  }
  await markMoving(writer, source);
}

function createTarget(writer: pg.Client, clients: readonly pg.Client[]): Omit<MoveTarget, "name"> {
  const readers = clients.map(createMovedReader);
  const writing = createMovedReader(writer);
  let changed = 0;
  let turn = 0;
  const nextReader = (): MovedReader => {
    turn += 1;
    return readers[turn % readers.length] ?? writing;
  };

  async function inTransaction(work: () => Promise<void>): Promise<void> {
    await writer.query("BEGIN");
    try {
      await work();
      await writer.query("COMMIT");
    } catch (error) {
      await writer.query("ROLLBACK").catch(() => {});
      throw error;
    }
  }

  async function remove(table: MovedTable, rows: readonly MovedRow[]): Promise<void> {
    if (table.name === "events") await removeUsers(rows.map((row) => fieldsOf(table, row)));
    const keys = rows.map((row) => Object.fromEntries(keyOfRow(table, row).map((value, index) => [table.key[index], jsonOf(value)])));
    const conditions = table.key.map((column) => `t."${column}" = ${readColumn(table, column)}`);
    const declared = table.key.map((column) => `"${column}" ${typeOf(table, column)}`);
    const sql = `DELETE FROM ${table.name} AS t USING json_to_recordset($1::json) AS r(${declared.join(", ")}) WHERE ${conditions.join(" AND ")}`;
    for (const part of partsOf(keys)) await writer.query(sql, [part]);
  }

  async function add(table: MovedTable, rows: readonly MovedRow[]): Promise<void> {
    const others = Object.entries(otherColumns[table.name] ?? {});
    const names = Object.keys(table.columns);
    const declared = [...names.map((name) => `"${name}" ${typeOf(table, name)}`), ...others.map(([name, { type }]) => `${name} ${type}`)];
    const values = [...names.map((name) => readColumn(table, name)), ...others.map(([name, { sql }]) => sql ?? `r.${name}`)];
    const sql = `INSERT INTO ${table.name} (${columnsOf([...names, ...others.map(([name]) => name)])}) OVERRIDING SYSTEM VALUE
      SELECT ${values.join(", ")} FROM json_to_recordset($1::json) AS r(${declared.join(", ")})`;
    const fields = rows.map((row) => {
      const copied = fieldsOf(table, row);
      return { ...copied, ...Object.fromEntries(others.map(([name, { of }]) => [name, of(copied)])) };
    });
    const after = afterAdding[table.name];
    for (const part of partsOf(fields)) {
      await writer.query(sql, [part]);
      if (after !== undefined) await writer.query(after, [part]);
    }
    if (table.name === "events") await addUsers(fields);
  }

  async function addUsers(events: readonly Fields[]): Promise<void> {
    const sql = `INSERT INTO event_users (app_id, "user", seq)
      SELECT app_id, "user", seq FROM json_to_recordset($1::json) AS r(app_id bigint, "user" text, seq bigint)`;
    for (const part of partsOf(events.flatMap(usersOf))) await writer.query(sql, [part]);
  }

  async function removeUsers(events: readonly Fields[]): Promise<void> {
    const sql = `DELETE FROM event_users AS u USING json_to_recordset($1::json) AS r(app_id bigint, "user" text, seq bigint)
      WHERE u.app_id = r.app_id AND u."user" = r."user" AND u.seq = r.seq`;
    for (const part of partsOf(events.flatMap(usersOf))) await writer.query(sql, [part]);
  }

  return {
    endOfStretch: (...args) => nextReader().endOfStretch(...args),
    digest: (...args) => nextReader().digest(...args),
    rows: (...args) => nextReader().rows(...args),
    async replace(table, removed, added) {
      await inTransaction(async () => {
        await remove(table, removed);
        await add(table, added);
      });
      changed += removed.length + added.length;
    },
    async settle() {
      if (changed < analyzeFrom) return;
      await writer.query("ANALYZE");
      changed = 0;
    },
    complete: ({ position, earliest, auditSeq, erasureSeq }: GivenNumbers) =>
      inTransaction(async () => {
        await writer.query(setHead, [position, earliest]);
        await writer.query(setGiven, [auditSeq, erasureSeq]);
        for (const sql of complete) await writer.query(sql);
      }),
    close: () => closeAll([writer, ...clients]),
  };
}

function fieldsOf({ columns }: MovedTable, row: MovedRow): Fields {
  return Object.fromEntries(Object.keys(columns).map((name, index) => [name, jsonOf(row[index])]));
}

function jsonOf(value: MovedRow[number] | undefined): unknown {
  return Buffer.isBuffer(value) ? value.toString("hex") : value;
}

function typeOf({ columns }: MovedTable, name: string): string {
  return types[columns[name] ?? "text"];
}

function readColumn({ columns }: MovedTable, name: string): string {
  return columns[name] === "bytes" ? `decode(r."${name}", 'hex')` : `r."${name}"`;
}

/** The rows as JSON, in parts that are not too long. */
function* partsOf(rows: readonly Fields[]): Generator<string> {
  let part: string[] = [];
  let length = 0;
  for (const row of rows) {
    const json = toStoredJson(row);
    if (part.length > 0 && length + json.length > maxStatementLength) {
      yield `[${part.join(",")}]`;
      part = [];
      length = 0;
    }
    part.push(json);
    length += json.length;
  }
  if (part.length > 0) yield `[${part.join(",")}]`;
}

function usersOf({ app_id, seq, body }: Fields): Fields[] {
  return usersOfBody(String(body)).map((user) => ({ app_id, user, seq }));
}

function refused(message: string): GatehouseError {
  return new GatehouseError(ErrorReason.STORE_UNAVAILABLE, message);
}

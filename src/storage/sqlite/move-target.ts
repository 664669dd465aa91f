// An SQLite file that a store is moved to.
import { existsSync, mkdirSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../../errors.ts";
import { lockFile } from "../../process-lock.ts";
import type { GivenNumbers, MoveTarget } from "../move.ts";
import { keyOfRow, type MovedRow } from "../moved-rows.ts";
import { type MovedTable, movedTables } from "../moved-tables.ts";
import { schemaOf } from "./inspect-database.ts";
import { demandThisSchema, migrate } from "./migrations.ts";
import { beginReading, columnsOf, createMovedReader, nameOf, placesOf } from "./moved-reader.ts";
import { markMoving, movedFrom, unmarkMoving } from "./moving-mark.ts";
import { selectHighest } from "./sequence.ts";
import { prepareUserSegments } from "./write-user-segments.ts";

/** What is written to the buckets as they are moved is written to those that the store has. */
const followBuckets = `
  CREATE TEMP TRIGGER bucket_added AFTER INSERT ON moved_rate_buckets BEGIN
    INSERT INTO rate_counters (app_id, action, window_ms) VALUES (new.app_id, new.action, new.window_ms) ON CONFLICT DO NOTHING;
    INSERT INTO rate_buckets SELECT counter_id, new.key, new.start, new.count FROM rate_counters
      WHERE app_id = new.app_id AND action = new.action AND window_ms = new.window_ms;
  END;
  CREATE TEMP TRIGGER bucket_removed AFTER DELETE ON moved_rate_buckets BEGIN
    DELETE FROM rate_buckets WHERE key = old.key AND start = old.start AND counter_id =
      (SELECT counter_id FROM rate_counters WHERE app_id = old.app_id AND action = old.action AND window_ms = old.window_ms);
  END;`;

/** Columns that are not copied, and must have a value. */
const otherColumns: Readonly<Record<string, Readonly<Record<string, string>>>> = { erasures: { place: "''" } };

/** What a new database has before anything is moved to it. */
const madeWithTables = new Set(["follow_up_sweep"]);

/**
 * Opens the file, which is made when it is not there, and keeps every other process out of it until `close`. Throws STORE_UNAVAILABLE when another has it, or when
 * it has anything in it that is not of an earlier, incomplete move from `source`; with `isCompared` it may have anything, and is not marked.
 */
export function openSqliteMoveTarget(path: string, source: string, isCompared: boolean): MoveTarget {
  if (isCompared && !existsSync(path)) throw refused(`There is no database at ${path}.`);
  mkdirSync(dirname(path), { recursive: true });
  const real = existsSync(path) ? realpathSync(path) : path;
  const lock = lockFile(real, "database");
  const db = new Database(real);
  try {
    if (isCompared) demandThisSchema(schemaOf(db), path);
    db.pragma("journal_mode = WAL");
    // What is lost with the power is copied again: `complete` waits for the disk.
    db.pragma("synchronous = NORMAL");
    // Rows of a stretch may come before those that they refer to.
    db.pragma("foreign_keys = OFF");
    if (!isCompared) {
      migrate(db);
      prepareMark(db, source);
    }
    beginReading(db);
    db.exec(followBuckets);
    return createTarget(db, () => {
      db.close();
      lock.release();
    });
  } catch (error) {
    db.close();
    lock.release();
    throw error;
  }
}

function prepareMark(db: Database.Database, source: string): void {
  const earlier = movedFrom(db);
  if (earlier === source) return;
  if (earlier !== undefined) throw refused(`The database ${db.name} is not empty: ${earlier} is being moved to it. Give another one.`);
  const filled = movedTables.find(
    ({ name }) => !madeWithTables.has(name) && db.prepare(`SELECT 1 FROM ${name} LIMIT 1`).get() !== undefined,
  );
  if (filled !== undefined) {
    throw refused(`The database ${db.name} is not empty, it has ${filled.name}: a store is moved to a new database. Give another one.`);
  }
  markMoving(db, source);
}

function createTarget(db: Database.Database, close: () => void): MoveTarget {
  const userSegments = prepareUserSegments(db);
  const statements = new Map<string, Database.Statement>();

  function prepare(sql: string): Database.Statement {
    const statement = statements.get(sql) ?? db.prepare(sql);
    statements.set(sql, statement);
    return statement;
  }

  function replace(table: MovedTable, removed: readonly MovedRow[], added: readonly MovedRow[]): void {
    const names = Object.keys(table.columns);
    const others = otherColumns[table.name] ?? {};
    const remove = prepare(`DELETE FROM ${nameOf(table)} WHERE (${columnsOf(table.key)}) = (${placesOf(table.key)})`);
    const add = prepare(
      `INSERT INTO ${nameOf(table)} (${columnsOf([...names, ...Object.keys(others)])}) VALUES (${[placesOf(names), ...Object.values(others)].join(", ")})`,
    );
    for (const row of removed) remove.run(...keyOfRow(table, row));
    for (const row of added) add.run(...row);
    if (table.name === "decisions" || table.name === "events") renewSegments(table, [...removed, ...added]);
  }

  /** Who is named in earlier rows may be another by now. */
  function renewSegments(table: MovedTable, rows: readonly MovedRow[]): void {
    const seqs = rows.map((row) => keyOfRow(table, row)[0] as number);
    if (seqs.length > 0) userSegments.renew(Math.min(...seqs), Math.max(...seqs));
  }

  function complete({ position, earliest, auditSeq, erasureSeq }: GivenNumbers): void {
    db.prepare("UPDATE feed SET earliest = ?").run(earliest);
    const highest = db.prepare(selectHighest).pluck().get() as number;
    // Numbers that were given and that no row has.
    if (highest < position) db.prepare("INSERT INTO restores (last_seq, next_seq, restore_time) VALUES (?, ?, 0)").run(highest, position);
    goOnAfter("audit_entries", auditSeq);
    goOnAfter("erasures", erasureSeq);
    unmarkMoving(db);
  }

  function goOnAfter(table: string, seq: number): void {
    const isNumbered = db.prepare("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?").run(seq, table).changes === 1;
    if (!isNumbered) db.prepare("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)").run(table, seq);
  }

  return {
    name: db.name,
    ...createMovedReader(db),
    replace: async (...args) => db.transaction(replace).immediate(...args),
    settle: async () => db.transaction(() => userSegments.fill()).immediate(),
    async complete(numbers) {
      db.pragma("synchronous = FULL");
      db.transaction(complete).immediate(numbers);
      db.pragma("wal_checkpoint(TRUNCATE)");
    },
    close: async () => close(),
  };
}

function refused(message: string): GatehouseError {
  return new GatehouseError(ErrorReason.STORE_UNAVAILABLE, message);
}

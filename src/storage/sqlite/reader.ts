// The reading side: one read-only connection on the main thread, with its statements kept.
import Database from "better-sqlite3";
import type { GatehouseError } from "../../errors.ts";
import type { StoreHealth } from "../store-health.ts";
import { storeUnavailable } from "../store-unavailable.ts";
import { causeOfCode, type FailureCause } from "./failure-causes.ts";

/** What a column can hold, as a parameter. */
export type SqlValue = string | number | null | Buffer;

/**
 * Reads what is committed. Every failure is STORE_UNAVAILABLE. The text of a statement must be one of a fixed few: statements are kept.
 *
 * All reads share one view of the database: the first begins it, on what is committed then, and it lasts until it is let go. To begin and end
 * one takes longer than most reads.
 */
export interface Reader {
  /** The first row, undefined when there is none. */
  get<Row>(sql: string, ...parameters: SqlValue[]): Row | undefined;
  /** The first column of the first row, undefined when there is none. */
  value<Value>(sql: string, ...parameters: SqlValue[]): Value | undefined;
  /** All rows. */
  all<Row>(sql: string, ...parameters: SqlValue[]): Row[];
  /** Begins a view now, unless there is one. */
  hold(): void;
  /** Lets reads see the latest again; to be called after every commit. Does nothing when there is no view. */
  letGo(): void;
  /** Throws once the reader is closed. */
  assertOpen(): void;
  close(): void;
}

/** How long a read waits for a lock. In WAL mode only a foreign process that takes the whole database can hold one. */
const busyTimeoutMs = 100;

/** How much of the database is kept in memory at most: what goes through it, such as all entries of a list, fills it. */
const cacheKiB = 4000;

/** Opens the reading side of a database that is there. */
export function openReader(path: string, health: Pick<StoreHealth<FailureCause>, "failed">): Reader {
  const db = new Database(path, { readonly: true, fileMustExist: true, timeout: busyTimeoutMs });
  db.pragma(`cache_size = -${cacheKiB}`);
  const statements = new Map<string, Database.Statement>();
  const valueStatements = new Map<string, Database.Statement>();
  const begin = db.prepare("BEGIN");
  const commit = db.prepare("COMMIT");
  // A transaction sees the moment of its first read.
  const firstRead = db.prepare("SELECT 1 FROM sqlite_schema LIMIT 1");
  let viewing = false;

  function failure(cause: unknown): GatehouseError {
    if (cause instanceof Database.SqliteError) health.failed(causeOfCode(cause.code), 1, { code: cause.code, message: cause.message });
    return storeUnavailable(cause);
  }

  function statement(sql: string): Database.Statement {
    const known = statements.get(sql);
    if (known !== undefined) return known;
    const prepared = db.prepare(sql);
    statements.set(sql, prepared);
    return prepared;
  }

  function valueStatement(sql: string): Database.Statement {
    const known = valueStatements.get(sql);
    if (known !== undefined) return known;
    const prepared = db.prepare(sql).pluck();
    valueStatements.set(sql, prepared);
    return prepared;
  }

  function beginView(): void {
    begin.run();
    try {
      firstRead.get();
      viewing = true;
    } finally {
      if (!viewing) endTransaction();
    }
  }

  function endTransaction(): void {
    if (db.open && db.inTransaction) commit.run();
  }

  return {
    get<Row>(sql: string, ...parameters: SqlValue[]) {
      try {
        if (!viewing) beginView();
        return statement(sql).get(...parameters) as Row | undefined;
      } catch (cause) {
        throw failure(cause);
      }
    },
    value<Value>(sql: string, ...parameters: SqlValue[]) {
      try {
        if (!viewing) beginView();
        return valueStatement(sql).get(...parameters) as Value | undefined;
      } catch (cause) {
        throw failure(cause);
      }
    },
    all<Row>(sql: string, ...parameters: SqlValue[]) {
      try {
        if (!viewing) beginView();
        return statement(sql).all(...parameters) as Row[];
      } catch (cause) {
        throw failure(cause);
      }
    },
    hold() {
      try {
        if (!viewing) beginView();
      } catch (cause) {
        throw failure(cause);
      }
    },
    letGo() {
      if (!viewing) return;
      viewing = false;
      try {
        endTransaction();
      } catch (cause) {
        throw failure(cause);
      }
    },
    assertOpen() {
      if (!db.open) throw storeUnavailable(new Error("The store is closed."));
    },
    close() {
      db.close();
    },
  };
}

// The reading side: one read-only connection on the main thread, with its statements kept.
import Database from "better-sqlite3";
import { storeUnavailable } from "../store-unavailable.ts";

/** What a column can hold, as a parameter. */
export type SqlValue = string | number | null | Buffer;

/** Reads what is committed. Every failure is STORE_UNAVAILABLE. The text of a statement must be one of a fixed few: statements are kept. */
export interface Reader {
  /** The first row, undefined when there is none. */
  get<Row>(sql: string, ...parameters: SqlValue[]): Row | undefined;
  /** All rows. */
  all<Row>(sql: string, ...parameters: SqlValue[]): Row[];
  /** Lets every read that follows see what is committed now and nothing later, until `letGo`. Held again, it moves on to now. */
  hold(): void;
  /** Lets reads see the latest again. Does nothing when nothing is held. */
  letGo(): void;
  /** Throws once the reader is closed. */
  assertOpen(): void;
  close(): void;
}

/** How long a read waits for a lock. In WAL mode only a foreign process that takes the whole database can hold one. */
const busyTimeoutMs = 100;

/** Opens the reading side of a database that is there. */
export function openReader(path: string): Reader {
  const db = new Database(path, { readonly: true, fileMustExist: true, timeout: busyTimeoutMs });
  const statements = new Map<string, Database.Statement>();

  function attempt<T>(action: () => T): T {
    try {
      return action();
    } catch (cause) {
      throw storeUnavailable(cause);
    }
  }

  function statement(sql: string): Database.Statement {
    const known = statements.get(sql);
    if (known !== undefined) return known;
    const prepared = db.prepare(sql);
    statements.set(sql, prepared);
    return prepared;
  }

  return {
    get: <Row>(sql: string, ...parameters: SqlValue[]) => attempt(() => statement(sql).get(...parameters) as Row | undefined),
    all: <Row>(sql: string, ...parameters: SqlValue[]) => attempt(() => statement(sql).all(...parameters) as Row[]),
    hold() {
      attempt(() => {
        if (db.inTransaction) statement("COMMIT").run();
        statement("BEGIN").run();
        // A transaction sees the moment of its first read.
        statement("SELECT count FROM checks").get();
      });
    },
    letGo() {
      if (db.open && db.inTransaction) attempt(() => statement("COMMIT").run());
    },
    assertOpen() {
      if (!db.open) throw storeUnavailable(new Error("The store is closed."));
    },
    close() {
      db.close();
    },
  };
}

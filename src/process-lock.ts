// One process per file: a lock that ends with the process that holds it, however that ends.
import Database from "better-sqlite3";
import { ErrorReason } from "../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "./errors.ts";

/** A lock that is held. */
export interface ProcessLock {
  release(): void;
}

/**
 * Takes the lock of a file: an exclusive transaction, never committed, on an empty database beside it. The operating system lets go of it when
 * the process dies, so that nothing stale is left. Throws STORE_UNAVAILABLE at once when another process, or this one, holds it. `name` is what
 * the error calls the file, such as `database`.
 */
export function lockFile(path: string, name: string): ProcessLock {
  const db = new Database(`${path}-lock`, { timeout: 0 });
  try {
    // No journal file: nothing is ever written.
    db.pragma("journal_mode = MEMORY");
    db.exec("BEGIN EXCLUSIVE");
  } catch (cause) {
    db.close();
    if (!(cause instanceof Database.SqliteError) || !cause.code.startsWith("SQLITE_BUSY")) throw cause;
    throw new GatehouseError(
      ErrorReason.STORE_UNAVAILABLE,
      `The ${name} ${path} is in use by another Gatehouse: stop that one first, or use another ${name}.`,
      { cause },
    );
  }
  return {
    release() {
      db.close();
    },
  };
}

// A store in an SQLite file that is moved elsewhere: read while its service runs, and as a whole when that has stopped.
import { existsSync, realpathSync } from "node:fs";
import { GatehouseError } from "../../errors.ts";
import { lockFile, type ProcessLock } from "../../process-lock.ts";
import type { MovedSnapshot, MoveSource } from "../move.ts";
import { openForReading, readingFailed, schemaOf } from "./inspect-database.ts";
import { demandThisSchema } from "./migrations.ts";
import { beginReading, createMovedReader } from "./moved-reader.ts";
import { demandComplete } from "./moving-mark.ts";
import { selectHighest } from "./sequence.ts";

/** Events of creations change when they are joined with decisions, for which both must be among the creations. */
const selectChangesFrom = `SELECT coalesce((SELECT min(min(seq, coalesce(event_seq, seq))) FROM creations), (${selectHighest}) + 1)`;

/**
 * Opens the file. A snapshot is the last one when no service has the file; from then on none can have it until `close`. While a snapshot is open, the
 * log of a service that runs grows. Throws STORE_UNAVAILABLE when it is no database of this program's schema.
 */
export function openSqliteMoveSource(path: string): MoveSource {
  const real = existsSync(path) ? realpathSync(path) : path;
  const db = openForReading(real);
  let lock: ProcessLock | undefined;

  function lockIfFree(): boolean {
    try {
      lock ??= lockFile(real, "database");
      return true;
    } catch (error) {
      if (error instanceof GatehouseError) return false;
      throw error;
    }
  }

  async function snapshot(): Promise<MovedSnapshot> {
    const isLast = lockIfFree();
    try {
      db.exec("BEGIN");
      demandThisSchema(schemaOf(db), path);
      demandComplete(db);
      beginReading(db);
    } catch (cause) {
      throw readingFailed(path, cause);
    }
    return {
      isLast,
      ...createMovedReader(db),
      givenNumbers: async () => ({
        position: db.prepare(selectHighest).pluck().get() as number,
        earliest: db.prepare("SELECT earliest FROM feed").pluck().get() as number,
        auditSeq: lastGiven("audit_entries"),
        erasureSeq: lastGiven("erasures"),
      }),
      logMoment: async () => ({
        changesFrom: db.prepare(selectChangesFrom).pluck().get() as number,
        earliest: db.prepare("SELECT earliest FROM feed").pluck().get() as number,
      }),
      async end() {
        db.exec("COMMIT");
      },
    };
  }

  const lastGiven = (table: string) =>
    (db.prepare("SELECT seq FROM sqlite_sequence WHERE name = ?").pluck().get(table) as number | undefined) ?? 0;

  return {
    name: real,
    snapshot,
    async close() {
      db.close();
      lock?.release();
    },
  };
}

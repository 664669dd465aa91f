// Puts a backup in the place of a database, and keeps what was there.
import { existsSync, linkSync, mkdirSync, realpathSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../../errors.ts";
import { differences, removeDatabase } from "./back-up-database.ts";
import { copyDatabase, type OnCopied } from "./copy-database.ts";
import { type Inspection, inspectDatabase } from "./inspect-database.ts";
import { migrate } from "./migrations.ts";
import { lockDatabase } from "./process-lock.ts";
import { putInPlace } from "./safe-file.ts";
import { selectHighest } from "./sequence.ts";

/** What to restore, and in whose place. */
export interface RestoreOptions {
  backup: string;
  database: string;
  /** Restore although there is a database; it is kept beside the new one. */
  force: boolean;
  nowMs: number;
  onCopied: OnCopied;
}

/** What was restored. */
export interface Restored {
  inspection: Inspection;
  /** Where the database is now that was there before; undefined when there was none. */
  keptAs: string | undefined;
}

/**
 * Sequence numbers of a restored database go on at this many for each second since 1970: more than any second uses, so that no number is given
 * twice, neither one that the restore undid nor one after an earlier restore of the same backup. Ids have room for such numbers until 2106.
 */
const numbersPerSecond = 65_536;

/**
 * Checks the backup, copies it, brings the copy to this program's schema, checks that, and puts it in the database's place; a crash leaves the old
 * one or the new one. Rejects with STORE_UNAVAILABLE, and changes nothing, when a Gatehouse has the database, there is one and `force` is not
 * set, or the backup is not sound.
 */
export async function restoreDatabase({ backup, database, force, nowMs, onCopied }: RestoreOptions): Promise<Restored> {
  mkdirSync(dirname(database), { recursive: true });
  const path = existsSync(database) ? realpathSync(database) : database;
  const lock = lockDatabase(path);
  try {
    const isThere = existsSync(path);
    if (isThere && existsSync(backup) && realpathSync(backup) === path) throw refused(`${backup} is the database itself.`);
    if (isThere && !force) {
      throw refused(`There is a database at ${database}: with --force it is kept under another name and the backup takes its place.`);
    }
    const partial = `${path}.restoring`;
    try {
      removeDatabase(partial);
      const rows = await copyDatabase(backup, partial, onCopied);
      demandSound(backup, inspectDatabase(partial), rows);
      goOnLater(partial, Math.max(lastNumberOf(path), firstNumberAt(nowMs)), nowMs);
      const inspection = inspectDatabase(partial);
      demandSound(backup, inspection, {});
      const keptAs = isThere ? keep(path, nowMs) : undefined;
      putInPlace(partial, path);
      return { inspection: { ...inspection, path: database }, keptAs };
    } finally {
      removeDatabase(partial);
    }
  } finally {
    lock.release();
  }
}

function demandSound(backup: string, { problems, rows }: Inspection, expected: Readonly<Record<string, number>>): void {
  const all = [...problems, ...differences(expected, rows)];
  if (all.length > 0) throw refused([`The backup ${backup} is damaged, and was not restored:`, ...all].join("\n  "));
}

function firstNumberAt(nowMs: number): number {
  return Math.floor(nowMs / 1000) * numbersPerSecond;
}

/** The highest number of the database that is to be replaced, in case that clocks were set back; 0 when it cannot be read. */
function lastNumberOf(path: string): number {
  try {
    const db = new Database(path, { readonly: true, fileMustExist: true });
    try {
      return db.prepare(selectHighest).pluck().get() as number;
    } finally {
      db.close();
    }
  } catch {
    return 0;
  }
}

/** Lets the sequence, and the ids of the audit log, go on after everything that was ever given. */
function goOnLater(path: string, afterAtLeast: number, nowMs: number): void {
  const db = new Database(path, { fileMustExist: true });
  try {
    db.pragma("synchronous = FULL");
    migrate(db);
    db.transaction(() => {
      const last = db.prepare(selectHighest).pluck().get() as number;
      const next = Math.max(last, afterAtLeast) + numbersPerSecond;
      db.prepare("INSERT INTO restores (last_seq, next_seq, restore_time) VALUES (?, ?, ?)").run(last, next, nowMs);
      const isNumbered = db.prepare("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'audit_entries'").run(next).changes === 1;
      if (!isNumbered) db.prepare("INSERT INTO sqlite_sequence (name, seq) VALUES ('audit_entries', ?)").run(next);
    }).immediate();
  } finally {
    db.close();
  }
}

/** Gives the old database a second name. Its log is copied into it first; where that fails, the log goes with it. */
function keep(path: string, nowMs: number): string {
  const keptAs = freeName(`${path}.before-restore-${new Date(nowMs).toISOString().replace(/[-:]|\..*/g, "")}`);
  foldLog(path);
  try {
    linkSync(path, keptAs);
  } catch {
    // A file system without hard links: for a moment there is no database.
    renameSync(path, keptAs);
  }
  // A log that is left beside the new database would be taken for its own.
  if (existsSync(`${path}-wal`)) renameSync(`${path}-wal`, `${keptAs}-wal`);
  rmSync(`${path}-shm`, { force: true });
  return keptAs;
}

function foldLog(path: string): void {
  try {
    const db = new Database(path, { fileMustExist: true, timeout: 0 });
    try {
      db.pragma("wal_checkpoint(TRUNCATE)");
    } finally {
      db.close();
    }
  } catch {
    // A damaged database is kept as it is.
  }
}

function freeName(name: string): string {
  let free = name;
  for (let n = 2; existsSync(free); n += 1) free = `${name}-${n}`;
  return free;
}

function refused(message: string): GatehouseError {
  return new GatehouseError(ErrorReason.STORE_UNAVAILABLE, message);
}

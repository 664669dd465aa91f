// Backs a database up while it is used: a copy that was opened and checked before it gets its name.
import { existsSync, realpathSync, rmSync } from "node:fs";
import Database from "better-sqlite3";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../../errors.ts";
import { copyDatabase, type OnCopied } from "./copy-database.ts";
import { type Inspection, inspectDatabase } from "./inspect-database.ts";
import { putInPlace } from "./safe-file.ts";

/** What to back up, and where to. */
export interface BackUpOptions {
  database: string;
  backup: string;
  /** Replace a backup that is there, when the new one is complete and sound. */
  force: boolean;
  onCopied: OnCopied;
}

/**
 * Copies the database as it is at one moment, checks the copy as a whole and its rows against the original's, and only then gives it its name,
 * on disk. Resolves to what is in the backup. Rejects with STORE_UNAVAILABLE, and leaves nothing, when the database cannot be read, the backup is
 * there already, or the copy is not sound: then the database is damaged, and earlier backups are what there is.
 */
export async function backUpDatabase({ database, backup, force, onCopied }: BackUpOptions): Promise<Inspection> {
  if (existsSync(backup)) {
    if (existsSync(database) && realpathSync(backup) === realpathSync(database)) throw refused(`${backup} is the database itself.`);
    if (!force) throw refused(`${backup} is there already: choose another name, or replace it with --force.`);
  }
  const partial = `${backup}.partial`;
  try {
    removeDatabase(partial);
    const rows = await copyDatabase(database, partial, onCopied);
    const inspection = inspectDatabase(partial);
    const problems = [...inspection.problems, ...differences(rows, inspection.rows)];
    if (problems.length > 0) throw refused([`The copy of ${database} is not sound, and was not kept:`, ...problems].join("\n  "));
    putInPlace(partial, backup);
    shortenLog(database);
    return { ...inspection, path: backup };
  } finally {
    removeDatabase(partial);
  }
}

/** Where rows are missing or too many, a line each. */
export function differences(expected: Readonly<Record<string, number>>, found: Readonly<Record<string, number>>): string[] {
  return Object.entries(expected).flatMap(([table, rows]) =>
    found[table] === rows ? [] : [`${table}: ${rows} rows were copied, and ${found[table] ?? 0} are there`],
  );
}

/** Removes a database and what may be beside it. */
export function removeDatabase(path: string): void {
  for (const end of ["", "-wal", "-shm", "-journal"]) rmSync(`${path}${end}`, { force: true });
}

/** What came while the copy was made is in the log only: copying it from here keeps the service from having to do it all at once. */
function shortenLog(path: string): void {
  try {
    const db = new Database(path, { fileMustExist: true });
    try {
      db.pragma("wal_checkpoint(PASSIVE)");
    } finally {
      db.close();
    }
  } catch {
    // Whoever may only read leaves it to the service.
  }
}

function refused(message: string): GatehouseError {
  return new GatehouseError(ErrorReason.STORE_UNAVAILABLE, message);
}

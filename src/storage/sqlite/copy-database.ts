// Copies a database that others may be using into one file of its own.
import Database from "better-sqlite3";
import { countRows, openForReading, readingFailed, schemaOf } from "./inspect-database.ts";

/** Hears how far a copy has come, in pages of the database. */
export type OnCopied = (copiedPages: number, totalPages: number) => void;

/** How many pages are copied at a stretch: between two, signals and the progress have their turn. */
const pagesPerPart = 2000;

/**
 * Copies the database as it is at one moment to `to`, which must not be there: one file, complete without a log beside it. Resolves to the rows of
 * each table at that moment. Nobody else is held up; until it is done, the log of the database that is copied grows. Rejects with
 * STORE_UNAVAILABLE when it cannot be read, and with the system's error when `to` cannot be written.
 */
export async function copyDatabase(from: string, to: string, onCopied: OnCopied): Promise<Record<string, number>> {
  const source = openForReading(from);
  try {
    const rows = beginReading(source, from);
    await source.backup(to, {
      progress({ totalPages, remainingPages }) {
        onCopied(totalPages - remainingPages, totalPages);
        return pagesPerPart;
      },
    });
    closeLog(to);
    return rows;
  } finally {
    source.close();
  }
}

/** Holds one moment of the database: without that, every write of another process would begin the copy anew. */
function beginReading(source: Database.Database, path: string): Record<string, number> {
  try {
    source.exec("BEGIN");
    schemaOf(source);
    return countRows(source);
  } catch (cause) {
    throw readingFailed(path, cause);
  }
}

/** Takes the copy out of WAL mode, in which even reading it would make files beside it. */
function closeLog(path: string): void {
  const copy = new Database(path, { fileMustExist: true });
  try {
    copy.pragma("journal_mode = DELETE");
  } finally {
    copy.close();
  }
}

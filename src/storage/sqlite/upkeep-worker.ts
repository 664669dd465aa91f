// One piece of upkeep, in a thread of its own, so that neither reads nor writes wait for it: answers once and ends.
import { parentPort, workerData } from "node:worker_threads";
import Database from "better-sqlite3";
import { causeOfCode } from "./failure-causes.ts";
import type { UpkeepRequest, UpkeepResults } from "./upkeep.ts";

const port = parentPort;
if (port === null) throw new Error("This file is a thread of the SQLite store; it cannot be run by itself.");

const tasks: { readonly [Task in keyof UpkeepResults]: (path: string) => UpkeepResults[Task] } = {
  /** A passive checkpoint holds up nobody: what others write meanwhile is left for the next one. */
  foldLog(path) {
    const db = new Database(path, { fileMustExist: true, timeout: 0 });
    try {
      db.pragma("synchronous = FULL");
      const [{ log, checkpointed }] = db.pragma("wal_checkpoint(PASSIVE)") as [{ log: number; checkpointed: number }];
      return { pagesLeft: log - checkpointed };
    } finally {
      db.close();
    }
  },

  /** A table at a time: each holds its own view, so that the log can begin anew in between. */
  quickCheck(path) {
    const db = new Database(path, { readonly: true, fileMustExist: true });
    try {
      const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'");
      return (tables.pluck().all() as string[]).flatMap((table) => checkTable(db, table));
    } finally {
      db.close();
    }
  },
};

function checkTable(db: Database.Database, table: string): string[] {
  try {
    const lines = db
      .prepare(`PRAGMA quick_check('${table.replaceAll("'", "''")}')`)
      .pluck()
      .all() as string[];
    return lines.filter((line) => line !== "ok");
  } catch (error) {
    // Some damage keeps even the check from going on.
    if (error instanceof Database.SqliteError && causeOfCode(error.code) === "corrupt") return [`${table}: ${error.message}`];
    throw error;
  }
}

const { path, task } = workerData as UpkeepRequest;
port.postMessage(tasks[task](path));

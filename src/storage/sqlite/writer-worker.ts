// The writer thread: the only connection that writes. Runs each batch in one transaction and answers when that is on disk.
import { parentPort, workerData } from "node:worker_threads";
import Database from "better-sqlite3";
import { prepareOperations } from "./write-operations.ts";
import type { BatchAnswer, Write, WriteFailure, WriteOperations, WriteResult, WriterRequest } from "./writes.ts";

/** How long a batch waits for a foreign process that holds the database, such as a backup tool. */
const busyTimeoutMs = 1000;

/** After how many pages (of 4 KiB) the log is copied into the database: large, because writes wait for each copy. */
const checkpointPages = 4000;

/**
 * More pages than these, which only a foreign reader brings about, are not copied from here but by the upkeep beside: writes would wait for too
 * long. A log that begins anew is cut to as many.
 */
const maxCopiedPages = 4 * checkpointPages;
const pageBytes = 4096;

/** How much of the database is kept in memory at most: what a large edit of a list touches. */
const cacheKiB = 16_000;

const port = parentPort;
if (port === null) throw new Error("This file is the writer thread of the SQLite store; it cannot be run by itself.");

const db = openForWriting(workerData as string);
const begin = db.prepare("BEGIN IMMEDIATE");
const commit = db.prepare("COMMIT");
const rollback = db.prepare("ROLLBACK");
const operations = prepareOperations(db);
const log = watchLog();

port.on("message", (request: WriterRequest) => {
  switch (request) {
    case "close":
      db.close();
      port.close();
      break;
    case "checkpoint":
      log.checkpoint();
      port.postMessage("checkpointed");
      break;
    default:
      port.postMessage({ results: runBatch(request), checkpointDue: log.isLong() } satisfies BatchAnswer);
  }
});

function openForWriting(path: string): Database.Database {
  const opened = new Database(path, { fileMustExist: true, timeout: busyTimeoutMs });
  opened.pragma("synchronous = FULL");
  opened.pragma("foreign_keys = ON");
  opened.pragma(`cache_size = -${cacheKiB}`);
  // While a batch runs, the reading side holds a view of what was committed before it, and the log could never be begun anew.
  opened.pragma("wal_autocheckpoint = 0");
  opened.pragma(`journal_size_limit = ${maxCopiedPages * pageBytes}`);
  return opened;
}

/** The write-ahead log: how long it has grown, and its copying into the database. */
function watchLog() {
  const readPages = db.prepare("PRAGMA wal_checkpoint(NOOP)");
  const copy = db.prepare("PRAGMA wal_checkpoint(PASSIVE)");
  let pages = 0;
  let dueAtPages = checkpointPages;
  return {
    isLong(): boolean {
      const before = pages;
      const { log, checkpointed } = readPages.get() as { log: number; checkpointed: number };
      pages = log;
      if (pages < before) dueAtPages = checkpointPages;
      return pages >= dueAtPages && log - checkpointed <= maxCopiedPages;
    },
    /** When a foreign reader keeps the log from being begun anew, the next copy waits until as many pages have come again. */
    checkpoint(): void {
      dueAtPages = pages + checkpointPages;
      try {
        copy.get();
      } catch {
        // Nothing is lost: the log stays as it is, and a store that cannot write any more says so at the next batch.
      }
    },
  };
}

/** All of them in one transaction; when that fails, each in its own, so that one that cannot be done does not take the others with it. */
function runBatch(writes: Write[]): BatchAnswer["results"] {
  try {
    begin.run();
  } catch (error) {
    return writes.map(() => failure(error));
  }
  try {
    const results = writes.map(runWrite);
    commit.run();
    return results;
  } catch (error) {
    undo();
    return writes.length === 1 ? [failure(error)] : runSingly(writes);
  }
}

/** Each in its own transaction. When one cannot even begin, the rest is not tried: each would wait as long again. */
function runSingly(writes: Write[]): BatchAnswer["results"] {
  const answer: BatchAnswer["results"] = [];
  let locked: WriteFailure | undefined;
  for (const write of writes) {
    if (locked !== undefined) {
      answer.push(locked);
      continue;
    }
    try {
      begin.run();
    } catch (error) {
      locked = failure(error);
      answer.push(locked);
      continue;
    }
    try {
      const result = runWrite(write);
      commit.run();
      answer.push(result);
    } catch (error) {
      undo();
      answer.push(failure(error));
    }
  }
  return answer;
}

function runWrite([kind, ...values]: Write): WriteResult {
  // The kind and its values belong together in the type of Write, which the compiler cannot follow through the table.
  return (operations.run as Record<keyof WriteOperations, (...values: unknown[]) => WriteResult>)[kind](...values);
}

/** Some failures, such as a full disk, have ended the transaction already. */
function undo(): void {
  if (db.inTransaction) rollback.run();
  operations.forget();
}

function failure(error: unknown): WriteFailure {
  if (error instanceof Database.SqliteError) return { code: error.code, message: error.message };
  return { code: "", message: error instanceof Error ? error.message : String(error) };
}

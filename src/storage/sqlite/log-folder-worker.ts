// The thread that folds the log: copies what has been committed into the database while the writer goes on.
import { parentPort, workerData } from "node:worker_threads";
import Database from "better-sqlite3";

const port = parentPort;
if (port === null) throw new Error("This file is a thread of the SQLite store; it cannot be run by itself.");

const db = new Database(workerData as string, { fileMustExist: true, timeout: 0 });
db.pragma("synchronous = FULL");
const fold = db.prepare("PRAGMA wal_checkpoint(PASSIVE)");

port.on("message", (request: "fold" | "close") => {
  if (request === "close") {
    db.close();
    port.close();
    return;
  }
  try {
    fold.get();
  } catch {
    // Nothing is lost: the log stays as it is, and the writer copies what is left.
  }
  port.postMessage("folded");
});

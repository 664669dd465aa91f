// The main side of the thread that folds the log beside the writer, so that writes need not wait while thousands of pages are copied.
import { Worker } from "node:worker_threads";

/** Folds the log of one database. */
export interface LogFolder {
  /** Copies what is committed into the database, then calls back; also when that failed. To be called when the last call has been answered. */
  fold(onFolded: () => void): void;
  /** Ends the thread. */
  stop(): Promise<void>;
}

const workerFile = new URL(import.meta.url.endsWith(".ts") ? "./log-folder-worker.ts" : "./log-folder-worker.js", import.meta.url);

/** Creates a folder for a database that is there. The thread starts with the first fold, and anew when it died. */
export function createLogFolder(path: string): LogFolder {
  let worker: Worker | undefined;
  let onFolded: (() => void) | undefined;

  function answer(): void {
    const answered = onFolded;
    onFolded = undefined;
    answered?.();
  }

  function start(): Worker {
    const started = new Worker(workerFile, { workerData: path });
    started.unref();
    started.on("message", answer);
    // What it could not do, the writer does.
    started.on("error", () => undefined);
    started.on("exit", () => {
      if (worker === started) worker = undefined;
      answer();
    });
    return started;
  }

  return {
    fold(callback) {
      onFolded = callback;
      try {
        worker ??= start();
        worker.postMessage("fold");
      } catch {
        answer();
      }
    },
    stop() {
      onFolded = undefined;
      const stopping = worker;
      if (stopping === undefined) return Promise.resolve();
      return new Promise((resolve) => {
        stopping.once("exit", () => resolve());
        stopping.postMessage("close");
      });
    },
  };
}

// Keeps the database in shape beside the work: folds a log that has grown long, and looks for damage once after the start.
import { statSync } from "node:fs";
import { Worker } from "node:worker_threads";
import type { StoreLogger } from "../store-logger.ts";

/** What the upkeep needs. */
export interface UpkeepDeps {
  path: string;
  logger: StoreLogger | undefined;
  /** Writes something small, with which a log that was folded whole begins anew; may reject. */
  touch(): Promise<unknown>;
}

/** The upkeep of one database that is open. */
export interface Upkeep {
  /** How many bytes the write-ahead log has; 0 when there is none. */
  logBytes(): number;
  /** Whether the check after the start found damage; undefined as long as it has not ended, or was left out. */
  isSound(): boolean | undefined;
  stop(): Promise<void>;
}

/** What the threads are asked. */
export interface UpkeepRequest {
  path: string;
  task: keyof UpkeepResults;
}

/** What each task answers. */
export interface UpkeepResults {
  /** How many pages of the log were left: somebody still reads what was before them, or they have just come. */
  foldLog: { pagesLeft: number };
  /** What is damaged, a line each. */
  quickCheck: string[];
}

/** How often the log is looked at, and from which length on it is folded from here and told of. */
const lookMs = 2000;
export const longLogBytes = 128 * 1024 * 1024;

/** How long after the start the check waits, and up to which size a database is checked: what takes a second or two. */
const checkAfterMs = 1000;
const maxCheckedBytes = 1024 * 1024 * 1024;

const workerFile = new URL(import.meta.url.endsWith(".ts") ? "./upkeep-worker.ts" : "./upkeep-worker.js", import.meta.url);

/** Begins the upkeep. Nothing that it cannot do stops the store: the next look tries again. */
export function startUpkeep({ path, logger, touch }: UpkeepDeps): Upkeep {
  const running = new Set<Worker>();
  let isFolding = false;
  let isToldOf = false;
  let sound: boolean | undefined;
  let stopped = false;
  const looking = setInterval(() => void look(), lookMs).unref();
  const checking = setTimeout(() => void check(), checkAfterMs).unref();

  const logBytes = () => statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;

  function run<Task extends keyof UpkeepResults>(task: Task): Promise<UpkeepResults[Task]> {
    return new Promise((resolve, reject) => {
      const worker = new Worker(workerFile, { workerData: { path, task } satisfies UpkeepRequest });
      running.add(worker);
      worker.unref();
      worker.on("message", resolve);
      worker.on("error", reject);
      worker.on("exit", () => {
        running.delete(worker);
        reject(new Error(`The thread for ${task} ended without an answer.`));
      });
    });
  }

  async function look(): Promise<void> {
    if (isFolding) return;
    const bytes = logBytes();
    if (bytes < longLogBytes) {
      if (isToldOf) logger?.info({ database: path, logBytes: bytes }, "The log of the database is short again.");
      isToldOf = false;
      return;
    }
    isFolding = true;
    try {
      const { pagesLeft } = await run("foldLog");
      if (pagesLeft > 0 && !isToldOf) {
        isToldOf = true;
        const text =
          "The log of the database is long and cannot be folded into it: another process, such as a backup or an sqlite3 shell, still reads what was before. It grows until that ends.";
        logger?.warn({ database: path, logBytes: bytes, pagesLeft }, text);
      }
      await touch();
    } catch {
      // The next look tries again; a store that cannot be written says so itself.
    } finally {
      isFolding = false;
    }
  }

  async function check(): Promise<void> {
    try {
      const { size } = statSync(path);
      if (size > maxCheckedBytes) {
        logger?.info(
          { database: path, bytes: size },
          "The database is too large to be checked at every start: run `gatehouse check` now and then.",
        );
        return;
      }
      const problems = await run("quickCheck");
      sound = problems.length === 0;
      if (sound) return;
      const text = "The database is damaged: stop the service and restore a backup with `gatehouse restore`; `gatehouse check` says more.";
      logger?.error({ database: path, problems: problems.slice(0, 10) }, text);
    } catch (error) {
      if (!stopped) logger?.warn({ database: path, error }, "The database could not be checked.");
    }
  }

  return {
    logBytes,
    isSound: () => sound,
    async stop() {
      stopped = true;
      clearInterval(looking);
      clearTimeout(checking);
      await Promise.all([...running].map((worker) => worker.terminate()));
    },
  };
}

// Forgets processes that have ended: each leaves the number of its last batch, by which it would have found out what became of that.
import type { RunWithHead } from "./head-transactions.ts";

/** When a process is forgotten. */
export interface CommitterTimes {
  /** How often they are looked through. */
  everyMs: number;
  /**
   * For how long a process has committed nothing. A process looks for its batch for a minute after it has lost the answer, but may have stood still before
   * that. One that lives is forgotten too, and is there again with its next batch.
   */
  idleMs: number;
}

const defaultTimes: CommitterTimes = { everyMs: 600_000, idleMs: 86_400_000 };

/** By the clock of the server, as all processes know it. */
const now = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/** Notes since when each process has committed nothing, and forgets those that have not for so long. Results in how many were forgotten. */
export function forgetCommitters(runWithHead: RunWithHead, idleMs: number): Promise<number> {
  // Nobody commits meanwhile.
  return runWithHead(async (transaction) => {
    const forgotten = await transaction.run(`DELETE FROM committers WHERE idle_batch = batch AND idle_since <= ${now} - ?::bigint`, idleMs);
    await transaction.run(`UPDATE committers SET idle_batch = batch, idle_since = ${now} WHERE idle_batch IS DISTINCT FROM batch`);
    return forgotten;
  });
}

/** Does so now and then, as long as this process is the keeper. */
export function startForgettingCommitters(
  runWithHead: RunWithHead,
  isKeeper: () => boolean,
  { everyMs, idleMs }: CommitterTimes = defaultTimes,
): { close(): Promise<void> } {
  let running: Promise<unknown> | undefined;
  const timer = setInterval(() => {
    if (running !== undefined || !isKeeper()) return;
    // What fails is done the next time.
    running = forgetCommitters(runWithHead, idleMs)
      .catch(() => undefined)
      .finally(() => {
        running = undefined;
      });
  }, everyMs).unref();
  return {
    async close() {
      clearInterval(timer);
      await running;
    },
  };
}

// Deletes what is older than it is to be kept: a loop that runs through every class now and then, a little at a time.
import { type Retention, type RetentionClass, retentionClasses } from "../storage/storage.ts";

/** For how many days each class is kept; 0: for ever. */
export type RetentionDays = Readonly<Record<RetentionClass, number>>;

/** How many decisions or events of each class. */
export type RetentionCounts = Readonly<Record<RetentionClass, number>>;

/** What retention needs. */
export interface RetentionDeps {
  store: Retention;
  days: RetentionDays;
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls `run` once after so many milliseconds, unless the returned function is called before. */
  after(ms: number, run: () => void): () => void;
  /** Told of every step: what it deleted, and for how long the writes of others had to wait. */
  onStep(oldClass: RetentionClass, deleted: number, busyMs: number): void;
  /** Told at the end of each run that has deleted anything. */
  onRun(deleted: RetentionCounts): void;
  /** Told of a step that failed; the next run goes on there. */
  onFailed(error: unknown): void;
}

const dayMs = 86_400_000;

/** When the first run begins after the start, and how long after each the next one does. */
const firstRunMs = 5_000;
const betweenRunsMs = 60_000;

/** After a step so many times as long as it took is waited, and at least so long: most of the store stays with the writes of others. */
const restFactor = 4;
const minRestMs = 20;

/** Starts the loop, unless everything is kept for ever. Results in how to stop it, which waits for a step under way. */
export function startRetention({ store, days, now, after, onStep, onRun, onFailed }: RetentionDeps): () => Promise<void> {
  const classes = retentionClasses.filter((oldClass) => days[oldClass] > 0);
  if (classes.length === 0) return async () => {};
  let isStopped = false;
  let cancel = () => {};
  let step = Promise.resolve();
  let left = [...classes];
  let deleted = noCounts();

  async function runStep(oldClass: RetentionClass): Promise<number> {
    const beganMs = performance.now();
    const result = await store.deleteOld(oldClass, now() - days[oldClass] * dayMs);
    deleted[oldClass] += result.deleted;
    onStep(oldClass, result.deleted, result.busyMs);
    if (result.done) left.shift();
    return Math.max(minRestMs, restFactor * (performance.now() - beganMs));
  }

  async function run(): Promise<void> {
    let restMs = betweenRunsMs;
    try {
      const [oldClass] = left;
      if (oldClass !== undefined) restMs = await runStep(oldClass);
    } catch (error) {
      left = [];
      onFailed(error);
    }
    if (left.length === 0) {
      restMs = betweenRunsMs;
      left = [...classes];
      if (Object.values(deleted).some((count) => count > 0)) onRun(deleted);
      deleted = noCounts();
    }
    if (!isStopped) wait(restMs);
  }

  function wait(ms: number): void {
    cancel = after(ms, () => {
      step = run();
    });
  }

  wait(firstRunMs);
  return async () => {
    isStopped = true;
    cancel();
    await step;
  };
}

function noCounts(): Record<RetentionClass, number> {
  return { allowedDecisions: 0, flaggedDecisions: 0, subscriptionEvents: 0, messageEvents: 0, accountEvents: 0 };
}

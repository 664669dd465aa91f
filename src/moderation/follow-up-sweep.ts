// Lets time go by for what was asked: a loop that notes what was abandoned and forgets what is too old, a little at a time.
import type { FollowedAction, FollowUps } from "../storage/storage.ts";
import type { CreationWaits } from "./asked-creation.ts";

/** What the sweep needs. */
export interface FollowUpSweepDeps extends CreationWaits {
  store: FollowUps;
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls `run` once after so many milliseconds, unless the returned function is called before. */
  after(ms: number, run: () => void): () => void;
  /** Told how many decisions on an action were abandoned, whenever some were. */
  onAbandoned(action: FollowedAction, count: number): void;
  /** Told of a step that failed; it is tried again at the next. */
  onFailed(error: unknown): void;
}

/** At most this long is waited between two looks; less when creations are soon abandoned. */
const maxIdleMs = 10_000;

/** After a step that left something to do, as long as it took is waited, and at least this: half of the store stays with the writes of others. */
const minRestMs = 5;

/** Starts at once. Results in how to stop it, which waits for a step under way. */
export function startFollowUpSweep(deps: FollowUpSweepDeps): () => Promise<void> {
  const { store, reservationMs, followUpMs, now, after, onAbandoned, onFailed } = deps;
  // A creation that an event follows from at the last moment may have been asked up to a reservation earlier.
  const sweep = { reservationMs, keepMs: followUpMs + reservationMs };
  const idleMs = Math.min(maxIdleMs, Math.ceil(reservationMs / 10));
  let isStopped = false;
  let cancel = () => {};
  let step = Promise.resolve();

  async function run(): Promise<void> {
    const beganMs = performance.now();
    let isDone = true;
    try {
      const { abandoned, done } = await store.sweepFollowUps(now(), sweep);
      isDone = done;
      for (const [action, count] of Object.entries(abandoned) as [FollowedAction, number][]) if (count > 0) onAbandoned(action, count);
    } catch (error) {
      onFailed(error);
    }
    if (!isStopped) cancel = after(isDone ? idleMs : Math.max(minRestMs, performance.now() - beganMs), begin);
  }

  function begin(): void {
    step = run();
  }

  begin();
  return async () => {
    isStopped = true;
    cancel();
    await step;
  };
}

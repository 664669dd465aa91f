// Watches over the deadlines of all webhooks with one timer: a timer for each costs several times as much.

/** Something that ends at a time. */
export interface Deadline {
  /** In milliseconds on the clock of `performance.now()`. */
  readonly deadlineMs: number;
  /** Called once, when the time has come, or a little before when the event loop is late. Must not throw. */
  onOver(): void;
}

/** The deadlines that are watched. */
export interface Deadlines {
  add(deadline: Deadline): void;
  /** Does nothing when it is over already. */
  remove(deadline: Deadline): void;
  /**
   * By how many milliseconds the event loop was late when it was last looked at; 0 while nothing is watched. What is read from a socket now may
   * have waited there for so long.
   */
  lagMs(): number;
}

/** How often deadlines are looked at: so much later than its time at most is one noticed, when the event loop is in time. */
const tickMs = 10;

/** By how much a deadline is brought forward at most while the event loop is late. */
const maxAheadMs = 500;

/** Creates the watch. Every look goes through all deadlines, of which there are as many as webhooks are being answered. */
export function createDeadlines(): Deadlines {
  const watched = new Set<Deadline>();
  let timer: NodeJS.Timeout | undefined;
  let dueMs = 0;
  let lagMs = 0;

  function arm(nowMs: number): void {
    dueMs = nowMs + tickMs;
    timer = setTimeout(tick, tickMs).unref();
  }

  function tick(): void {
    const nowMs = performance.now();
    lagMs = Math.max(0, nowMs - dueMs);
    // When the loop is late, the next look may be late as well: what would be over by then is over now.
    const untilMs = nowMs + Math.min(lagMs, maxAheadMs);
    for (const deadline of watched) {
      if (deadline.deadlineMs > untilMs) continue;
      watched.delete(deadline);
      deadline.onOver();
    }
    if (watched.size > 0) {
      arm(nowMs);
      return;
    }
    timer = undefined;
    lagMs = 0;
  }

  return {
    add(deadline) {
      watched.add(deadline);
      if (timer === undefined) arm(performance.now());
    },
    remove(deadline) {
      watched.delete(deadline);
    },
    lagMs: () => lagMs,
  };
}

// Watches over the deadlines of all webhooks with one timer: a timer for each costs several times as much.

/** Something that ends at a time. */
export interface Deadline {
  /** In milliseconds on the clock of `performance.now()`. */
  readonly deadlineMs: number;
  /** Called once, when the time has come, or a little before when the event loop is late. Must not throw. */
  onOver(): void;
  /** Its place among those that are watched, which is the watch's to write; -1 while it is not watched. */
  place: number;
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
  // No Set: each old table of a Set points to the next one, and the first that the garbage collector has put among what is old keeps all webhooks
  // alive that have stood in any of them since.
  const watched: Deadline[] = [];
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
    for (const deadline of watched.filter(({ deadlineMs }) => deadlineMs <= untilMs)) {
      // One that is over can have others removed.
      if (deadline.place === -1) continue;
      remove(deadline);
      deadline.onOver();
    }
    if (watched.length > 0) {
      arm(nowMs);
      return;
    }
    timer = undefined;
    lagMs = 0;
  }

  function remove(deadline: Deadline): void {
    const { place } = deadline;
    if (place === -1) return;
    deadline.place = -1;
    const last = watched.pop();
    if (last === undefined || last === deadline) return;
    watched[place] = last;
    last.place = place;
  }

  return {
    add(deadline) {
      deadline.place = watched.push(deadline) - 1;
      if (timer === undefined) arm(performance.now());
    },
    remove,
    lagMs: () => lagMs,
  };
}

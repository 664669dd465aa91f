// Whether this process gets its time: what it measures while it does not says nothing of others.

/** The lag of this process's event loop. */
export interface Lag {
  /** When it was last late by more than `tooLateMs`, by `performance.now()`. */
  lastMs(): number;
  longestMs(): number;
  stop(): void;
}

const everyMs = 50;

/** A tenth of what Chat waits, and less than what a budget leaves of it. */
const tooLateMs = 200;

/** Begins to measure. */
export function watchLag(): Lag {
  let dueMs = performance.now() + everyMs;
  let lastMs = Number.NEGATIVE_INFINITY;
  let longestMs = 0;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - dueMs);
    if (nowMs - dueMs > tooLateMs) lastMs = nowMs;
    dueMs = nowMs + everyMs;
  }, everyMs);
  return { lastMs: () => lastMs, longestMs: () => longestMs, stop: () => clearInterval(timer) };
}

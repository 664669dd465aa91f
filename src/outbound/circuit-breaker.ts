// Leaves another system alone for a while when it fails again and again, and then tries it with one call.

/** Whether another system may be called just now. */
export interface CircuitBreaker {
  /** Whether a call may begin. After a rest one call may, and only when that goes well may the others. */
  mayCall(): boolean;
  /** Says how a call ended that was let through. */
  ended(isGood: boolean): void;
}

/** How many failures in a row send a system to rest, and for how long. */
export interface CircuitBreakerOptions {
  failures: number;
  restMs: number;
}

/** Creates one; `now` gives milliseconds. */
export function createCircuitBreaker({ failures, restMs }: CircuitBreakerOptions, now: () => number): CircuitBreaker {
  let failuresInARow = 0;
  let restUntilMs = Number.NEGATIVE_INFINITY;
  return {
    mayCall() {
      if (now() < restUntilMs) return false;
      // One that is let through after a rest must do better at once, or the next rest begins: only that one has waited for it.
      if (failuresInARow >= failures) restUntilMs = now() + restMs;
      return true;
    },
    ended(isGood) {
      failuresInARow = isGood ? 0 : failuresInARow + 1;
      if (isGood) restUntilMs = Number.NEGATIVE_INFINITY;
      else if (failuresInARow >= failures) restUntilMs = now() + restMs;
    },
  };
}

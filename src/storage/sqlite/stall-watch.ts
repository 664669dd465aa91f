// Notices when the writer thread owes an answer for too long: a disk that hangs, or a machine without time for it.

import type { StoreHealth } from "../store-health.ts";
import type { FailureCause } from "./failure-causes.ts";

/** Watches one thread that has at most one piece of work at a time. */
export interface StallWatch {
  /** To be called when the thread has got work. */
  begin(): void;
  /** To be called when it has answered, or died and will not. */
  end(): void;
  /** For how long the thread has owed an answer, in milliseconds; 0 when it owes none. */
  unansweredMs(): number;
  /** Ends the watch. */
  stop(): void;
}

/** After how long without an answer the thread is reported as stalled, and how often that is looked at. */
const stalledAfterMs = 2000;
const checkMs = 500;

/** Creates a watch. `waiting` tells how many writes wait for the thread. */
export function createStallWatch(waiting: () => number, health: Pick<StoreHealth<FailureCause>, "failed">): StallWatch {
  let sinceMs: number | undefined;
  let isReported = false;
  const timer = setInterval(report, checkMs).unref();

  const unansweredMs = () => (sinceMs === undefined ? 0 : performance.now() - sinceMs);

  function report(): void {
    if (isReported || unansweredMs() < stalledAfterMs) return;
    isReported = true;
    health.failed("stalled", 1, { unansweredMs: Math.round(unansweredMs()), waiting: waiting() });
  }

  return {
    begin() {
      sinceMs = performance.now();
    },
    end() {
      isReported = false;
      sinceMs = undefined;
    },
    unansweredMs,
    stop: () => clearInterval(timer),
  };
}

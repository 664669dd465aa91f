// Turns what happens to a gateway's spool into counts and log lines, of a burst of the same trouble the first.
import { createBurstGate, type Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";
import { burstQuietMs } from "./reports.ts";

/** What is told of. None of them throws. */
export interface SpoolReports {
  kept(kind: string): void;
  /** An item could not be kept: `full`, `failed` or `slow`. */
  notKept(kind: string, why: string): void;
  /** The service has taken so many; `left` still wait. */
  delivered(kind: string, count: number, left: number): void;
  /** The service refuses an item for good. */
  refused(kind: string, refused: { seq: number; reason: string; message: string }): void;
  /** A try to deliver has failed. */
  failed(problem: string, left: number): void;
  /** The disk did not take something. */
  trouble(error: unknown): void;
}

const consequences: Readonly<Record<string, string>> = {
  event: "an event could not be kept, and was not acknowledged",
  fallback: "an answered fallback could not be kept, and will not be recorded",
};

export function createSpoolReports(metrics: Metrics, log: Logger, now: () => number): SpoolReports {
  const gate = createBurstGate(burstQuietMs, now);
  let deliveredCount = 0;
  let isAway = false;
  return {
    kept: (kind) => metrics.spooled(kind, "kept", 1),

    notKept(kind, why) {
      metrics.spooled(kind, why, 1);
      const burst = gate(`${kind} ${why}`);
      if (burst !== undefined) log.error({ why, leftOut: burst.leftOut }, consequences[kind] ?? "something could not be kept");
    },

    delivered(kind, count, left) {
      metrics.spooled(kind, "delivered", count);
      deliveredCount += count;
      if (left > 0) return;
      if (isAway) log.info({ delivered: deliveredCount }, "the service is back, and has everything that was kept for it");
      isAway = false;
      deliveredCount = 0;
    },

    refused(kind, { seq, reason, message }) {
      metrics.spooled(kind, "refused", 1);
      const burst = gate(`refused ${reason}`);
      if (burst === undefined) return;
      log.error(
        { kind, number: seq, reason, message, leftOut: burst.leftOut },
        "the service refuses what was kept for it: see `gatehouse spool list`",
      );
    },

    failed(problem, left) {
      isAway = true;
      const burst = gate("failed");
      if (burst !== undefined)
        log.warn({ problem, waiting: left, leftOut: burst.leftOut }, "the service does not take what was kept for it");
    },

    trouble(error) {
      const burst = gate("trouble");
      if (burst !== undefined) log.error({ error, leftOut: burst.leftOut }, "the spool's disk does not take what is to be kept");
    },
  };
}

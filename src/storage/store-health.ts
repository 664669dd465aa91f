// Whether the store works, and why not: one log line for each trouble, one when it is over, and a try now and then in between.
import type { StoreLogger } from "./store-logger.ts";

/** What the health needs. */
export interface StoreHealthDeps<Cause extends string> {
  /** Which database it is, for the log. */
  database: string;
  /** What an operator is told of each cause. */
  adviceByCause: Readonly<Record<Cause | "other", string>>;
  logger: StoreLogger | undefined;
  /** Counts failures; must not throw. */
  onFailure: ((cause: Cause | "other", count: number) => void) | undefined;
  /** Tries to write something; may reject. */
  probe(): Promise<unknown>;
}

/** Hears what becomes of writes and reads. */
export interface StoreHealth<Cause extends string> {
  /** So many writes or reads failed for this cause. With `other` the store counts as working: the fault is in what was to be written. */
  failed(cause: Cause | "other", count: number, error?: unknown): void;
  /** Something was written. */
  worked(): void;
  /** Whether the latest write, but for those that failed for `other`, was done. */
  isUp(): boolean;
  /** Ends the tries. */
  stop(): void;
}

/** How often writing is tried while it fails, so that a store which nobody writes to is seen to work again. */
const probeMs = 1000;

/** After how long a trouble that goes on is logged again. */
const remindMs = 60_000;

export function createStoreHealth<Cause extends string>({
  database,
  adviceByCause,
  logger,
  onFailure,
  probe,
}: StoreHealthDeps<Cause>): StoreHealth<Cause> {
  let downSinceMs: number | undefined;
  let failures = 0;
  const loggedMs = new Map<Cause | "other", number>();
  let timer: NodeJS.Timeout | undefined;
  let isTrying = false;
  let stopped = false;

  async function tryNow(): Promise<void> {
    if (isTrying) return;
    isTrying = true;
    await probe().catch(() => undefined);
    isTrying = false;
  }

  function tryLater(): void {
    if (!stopped) timer ??= setInterval(() => void tryNow(), probeMs).unref();
  }

  return {
    failed(cause, count, error) {
      onFailure?.(cause, count);
      if (cause !== "other") {
        downSinceMs ??= performance.now();
        failures += count;
        tryLater();
      }
      const last = loggedMs.get(cause);
      if (last !== undefined && performance.now() - last < remindMs) return;
      loggedMs.set(cause, performance.now());
      logger?.warn({ cause, database, error }, `The store fails. ${adviceByCause[cause]}`);
    },
    worked() {
      if (downSinceMs === undefined) return;
      const downMs = Math.round(performance.now() - downSinceMs);
      logger?.info({ database, downMs, failures }, "The store works again.");
      downSinceMs = undefined;
      failures = 0;
      loggedMs.clear();
      clearInterval(timer);
      timer = undefined;
    },
    isUp: () => downSinceMs === undefined,
    stop() {
      stopped = true;
      clearInterval(timer);
    },
  };
}

// How what decisions count is written: the buckets of rates, which lose what is past in small steps, each paid by the write that comes upon it.
// Runs in the writer thread, inside the transaction of a batch.
import type { Database } from "better-sqlite3";
import { firstBucketStartMs } from "../rate-buckets.ts";
import { everySoOften, rowsPerSweep } from "./sweeping.ts";
import type { CountValues } from "./writes.ts";

/** Writes what decisions count. */
export interface Counts {
  count(count: CountValues, nowMs: number): void;
  /** To be called when a transaction was rolled back. */
  forget(): void;
}

/** A bucket's place in its table. */
interface BucketKey {
  counter_id: number;
  key: string;
  start: number;
}

const beforeAllBuckets: BucketKey = { counter_id: 0, key: "", start: 0 };
const afterAllBuckets: BucketKey = { counter_id: Number.MAX_SAFE_INTEGER, key: "", start: 0 };

/** Prepares the writing of what decisions count. */
export function prepareCounts(db: Database): Counts {
  const counterIds = createCounterIds(db);
  const add = db
    .prepare(
      `INSERT INTO rate_buckets (counter_id, key, start, count) VALUES (?, ?, ?, 1)
       ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count`,
    )
    .pluck();
  const dropPastOfKey = db.prepare("DELETE FROM rate_buckets WHERE counter_id = ? AND key = ? AND start < ?");
  const partEnd = db.prepare(
    `SELECT counter_id, key, start FROM rate_buckets WHERE (counter_id, key, start) > (?, ?, ?)
     ORDER BY counter_id, key, start LIMIT 1 OFFSET ${rowsPerSweep - 1}`,
  );
  // Two windows: a bucket that has a part in the last one begins well after that.
  const dropPastOfPart = db.prepare(
    `DELETE FROM rate_buckets WHERE (counter_id, key, start) > (?, ?, ?) AND (counter_id, key, start) <= (?, ?, ?)
       AND start < ? - 2 * (SELECT window_ms FROM rate_counters WHERE rate_counters.counter_id = rate_buckets.counter_id)`,
  );
  let sweptTo = beforeAllBuckets;
  const sweep = everySoOften((nowMs) => {
    const to = partEnd.get(sweptTo.counter_id, sweptTo.key, sweptTo.start) as BucketKey | undefined;
    const { counter_id, key, start } = to ?? afterAllBuckets;
    dropPastOfPart.run(sweptTo.counter_id, sweptTo.key, sweptTo.start, counter_id, key, start, nowMs);
    sweptTo = to ?? beforeAllBuckets;
  });
  return {
    count([appId, action, windowMs, key, startMs], nowMs) {
      const counterId = counterIds.idOf(appId, action, windowMs);
      const isNewBucket = add.get(counterId, key, startMs) === 1;
      if (isNewBucket) dropPastOfKey.run(counterId, key, firstBucketStartMs(windowMs, nowMs));
      sweep(nowMs);
    },
    forget: counterIds.forget,
  };
}

/** The ids of counters, given when they are first used. */
function createCounterIds(db: Database) {
  const select = db.prepare("SELECT counter_id FROM rate_counters WHERE app_id = ? AND action = ? AND window_ms = ?").pluck();
  const insert = db.prepare("INSERT INTO rate_counters (app_id, action, window_ms) VALUES (?, ?, ?)");
  const known = new Map<number, Map<string, Map<number, number>>>();
  return {
    idOf(appId: number, action: string, windowMs: number): number {
      const cached = known.get(appId)?.get(action)?.get(windowMs);
      if (cached !== undefined) return cached;
      const found = select.get(appId, action, windowMs) as number | undefined;
      const id = found ?? Number(insert.run(appId, action, windowMs).lastInsertRowid);
      const ofApp = known.get(appId) ?? new Map<string, Map<number, number>>();
      const ofAction = ofApp.get(action) ?? new Map<number, number>();
      known.set(appId, ofApp.set(action, ofAction.set(windowMs, id)));
      return id;
    },
    forget(): void {
      known.clear();
    },
  };
}

// How what decisions take and count is written: reservations and the buckets of rates. Both lose what is past in small steps, each paid by the
// write that comes upon it. Runs in the writer thread, inside the transaction of a batch.
import type { Database } from "better-sqlite3";
import { firstBucketStartMs } from "./rate-buckets.ts";
import type { Taking } from "./writes.ts";

/** Writes what decisions take and count. */
export interface Takings {
  take(seq: number, appId: number, taking: Taking): void;
  /** Ends the oldest reservation of this owner and name that has not lapsed, if there is one. */
  confirm(appId: number, owner: string, normalizedName: string, nowMs: number): void;
  /** To be called when a transaction was rolled back. */
  forget(): void;
}

/** After how many rows written the next part of a table is looked through, and how long that part is: longer, so that it gains on the writing. */
const rowsBetweenSweeps = 16;
const rowsPerSweep = 64;

/** Prepares the writing of what decisions take and count. */
export function prepareTakings(db: Database): Takings {
  const reservations = prepareReservations(db);
  const counts = prepareCounts(db);
  return {
    take(seq, appId, taking) {
      if (taking.reservation !== undefined) reservations.reserve(seq, appId, taking.reservation, taking.nowMs);
      for (const count of taking.counts) counts.count(count, taking.nowMs);
    },
    confirm: reservations.confirm,
    forget: counts.forget,
  };
}

function prepareReservations(db: Database) {
  const insert = db.prepare("INSERT INTO reservations (seq, app_id, owner, normalized_name, lapse_time) VALUES (?, ?, ?, ?, ?)");
  const end = db.prepare(
    `DELETE FROM reservations WHERE seq = (
       SELECT seq FROM reservations WHERE app_id = ? AND normalized_name = ? AND owner = ? AND lapse_time > ? ORDER BY seq LIMIT 1)`,
  );
  const partEnd = db.prepare(`SELECT seq FROM reservations WHERE seq > ? ORDER BY seq LIMIT 1 OFFSET ${rowsPerSweep - 1}`).pluck();
  const endLapsedOfPart = db.prepare("DELETE FROM reservations WHERE seq > ? AND seq <= ? AND lapse_time <= ?");
  let sweptTo = 0;
  const sweep = everySoOften((nowMs) => {
    const to = partEnd.get(sweptTo) as number | undefined;
    endLapsedOfPart.run(sweptTo, to ?? Number.MAX_SAFE_INTEGER, nowMs);
    sweptTo = to ?? 0;
  });
  return {
    reserve(seq: number, appId: number, [owner, normalizedName, lapseMs]: NonNullable<Taking["reservation"]>, nowMs: number): void {
      insert.run(seq, appId, owner, normalizedName, lapseMs);
      sweep(nowMs);
    },
    confirm(appId: number, owner: string, normalizedName: string, nowMs: number): void {
      end.run(appId, normalizedName, owner, nowMs);
    },
  };
}

/** A bucket's place in its table. */
interface BucketKey {
  counter_id: number;
  key: string;
  start: number;
}

const beforeAllBuckets: BucketKey = { counter_id: 0, key: "", start: 0 };
const afterAllBuckets: BucketKey = { counter_id: Number.MAX_SAFE_INTEGER, key: "", start: 0 };

function prepareCounts(db: Database) {
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
    count([appId, action, windowMs, key, startMs]: Taking["counts"][number], nowMs: number): void {
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

function everySoOften(sweep: (nowMs: number) => void): (nowMs: number) => void {
  let rows = 0;
  return (nowMs) => {
    rows += 1;
    if (rows % rowsBetweenSweeps === 0) sweep(nowMs);
  };
}

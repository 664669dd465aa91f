// How names are reserved for creations. Runs in the writer thread, inside the transaction of a batch.
import type { Database } from "better-sqlite3";
import { everySoOften, rowsPerSweep } from "./sweeping.ts";

/** Keeps the names that allowed creations take. */
export interface ReservedNames {
  reserve(appId: number, normalizedName: string, lapseMs: number, seq: number, nowMs: number): void;
  /** Does nothing when that decision has not reserved the name. */
  release(appId: number, normalizedName: string, lapseMs: number, seq: number): void;
}

/** A row's place in the table. */
interface NameKey {
  app_id: number;
  normalized_name: string;
  lapse_time: number;
  seq: number;
}

const beforeAll: NameKey = { app_id: 0, normalized_name: "", lapse_time: 0, seq: 0 };
const afterAll: NameKey = { app_id: Number.MAX_SAFE_INTEGER, normalized_name: "", lapse_time: 0, seq: 0 };

/** Prepares the keeping of names. What has lapsed is dropped in small steps, each paid by the reservation that comes upon it. */
export function prepareReservedNames(db: Database): ReservedNames {
  const insert = db.prepare("INSERT INTO reserved_names (app_id, normalized_name, lapse_time, seq) VALUES (?, ?, ?, ?)");
  const remove = db.prepare("DELETE FROM reserved_names WHERE app_id = ? AND normalized_name = ? AND lapse_time = ? AND seq = ?");
  const key = "app_id, normalized_name, lapse_time, seq";
  const partEnd = db.prepare(
    `SELECT ${key} FROM reserved_names WHERE (${key}) > (?, ?, ?, ?) ORDER BY ${key} LIMIT 1 OFFSET ${rowsPerSweep - 1}`,
  );
  const dropLapsedOfPart = db.prepare(
    `DELETE FROM reserved_names WHERE (${key}) > (?, ?, ?, ?) AND (${key}) <= (?, ?, ?, ?) AND lapse_time <= ?`,
  );
  let sweptTo = beforeAll;
  const sweep = everySoOften((nowMs) => {
    const to = partEnd.get(...valuesOf(sweptTo)) as NameKey | undefined;
    dropLapsedOfPart.run(...valuesOf(sweptTo), ...valuesOf(to ?? afterAll), nowMs);
    sweptTo = to ?? beforeAll;
  });
  return {
    reserve(appId, normalizedName, lapseMs, seq, nowMs) {
      insert.run(appId, normalizedName, lapseMs, seq);
      sweep(nowMs);
    },
    release(appId, normalizedName, lapseMs, seq) {
      remove.run(appId, normalizedName, lapseMs, seq);
    },
  };
}

function valuesOf({ app_id, normalized_name, lapse_time, seq }: NameKey): (string | number)[] {
  return [app_id, normalized_name, lapse_time, seq];
}

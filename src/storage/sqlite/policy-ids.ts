// The ids of policies by version. Used in the writer thread.
import type { Database } from "better-sqlite3";

/** A version that was never published gets a row without a text. */
export interface PolicyIds {
  idOf(version: string): number;
  /** To be called when a transaction was rolled back. */
  forget(): void;
}

export function createPolicyIds(db: Database): PolicyIds {
  const select = db.prepare("SELECT policy_id FROM policies WHERE version = ?").pluck();
  const insert = db.prepare("INSERT INTO policies (version) VALUES (?)");
  const known = new Map<string, number>();
  return {
    idOf(version) {
      const cached = known.get(version);
      if (cached !== undefined) return cached;
      const id = (select.get(version) as number | undefined) ?? Number(insert.run(version).lastInsertRowid);
      known.set(version, id);
      return id;
    },
    forget() {
      known.clear();
    },
  };
}

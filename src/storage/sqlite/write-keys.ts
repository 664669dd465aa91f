// How API keys are made, used and revoked. Runs in the writer thread, inside the transaction of a batch.
import type { Database } from "better-sqlite3";
import type { WriteOperations } from "./writes.ts";

/** Prepares the writes of keys. */
export function keyOperations(db: Database): Pick<WriteOperations, "createKey" | "revokeKey" | "noteKeyUse"> {
  const create = db.prepare(
    `INSERT INTO keys (key_id, name, roles, app_ids, secret_digest, creator, create_time, expire_time)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  );
  const find = db.prepare("SELECT 1 FROM keys WHERE key_id = ?").pluck();
  const revoke = db.prepare("UPDATE keys SET revoker = ?, revoke_time = ? WHERE key_id = ? AND revoke_time IS NULL");
  const noteUse = db.prepare("UPDATE keys SET last_use_time = ? WHERE key_id = ? AND coalesce(last_use_time, 0) < ?");
  return {
    createKey: (...values) => create.run(...values).changes,
    revokeKey(keyId, revoker, timeMs) {
      revoke.run(revoker, timeMs, keyId);
      return find.get(keyId) === undefined ? 0 : 1;
    },
    noteKeyUse(keyId, timeMs) {
      noteUse.run(timeMs, keyId, timeMs);
      return 0;
    },
  };
}

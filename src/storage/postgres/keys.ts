// The API keys, in PostgreSQL.
import { type KeyRow, keyOf } from "../key-rows.ts";
import { pageOf, parseLogPosition } from "../page-positions.ts";
import type { Keys } from "../storage.ts";
import type { Connections } from "./connections.ts";
import type { Watch } from "./watch.ts";

/** Creates the keys. */
export function createKeys(connections: Connections, { onKeyChange, tellOfKeys }: Pick<Watch, "onKeyChange" | "tellOfKeys">): Keys {
  /** Runs a write on keys. Whoever knows of keys hears of it in any case: it may be on disk. */
  async function write<T>(work: Parameters<typeof connections.transaction<T>>[0]): Promise<T> {
    try {
      return await connections.transaction(async (connection) => {
        await connection.run("UPDATE log_head SET key_epoch = key_epoch + 1");
        return work(connection);
      });
    } finally {
      tellOfKeys();
    }
  }

  return {
    createKey({ keyId, name, roles, appIds, secretDigest, creator, createTimeMs, expireTimeMs }) {
      const digest = Buffer.from(secretDigest).toString("hex");
      const lists = [JSON.stringify(roles), JSON.stringify(appIds)] as const;
      return write(async (connection) => {
        const made = await connection.run(
          `INSERT INTO keys (key_id, name, roles, app_ids, secret_digest, creator, create_time, expire_time)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
          ...[keyId, name, ...lists, digest, creator, createTimeMs, expireTimeMs ?? null],
        );
        return made === 1;
      });
    },

    async getKey(keyId) {
      const row = await connections.get<KeyRow>("SELECT * FROM keys WHERE key_id = ?", keyId);
      return row && keyOf(row);
    },

    async listKeys(page) {
      const rows = await connections.all<KeyRow>(
        "SELECT * FROM keys WHERE key_order < ? ORDER BY key_order DESC LIMIT ?",
        page.after === undefined ? Number.MAX_SAFE_INTEGER : parseLogPosition(page.after),
        page.size + 1,
      );
      return pageOf(rows, page.size, keyOf, (row) => String(row.key_order));
    },

    revokeKey(keyId, { revoker, timeMs }) {
      return write(async (connection) => {
        const sql = "UPDATE keys SET revoker = ?, revoke_time = ? WHERE key_id = ? AND revoke_time IS NULL";
        await connection.run(sql, revoker, timeMs, keyId);
        return (await connection.get("SELECT 1 FROM keys WHERE key_id = ?", keyId)) !== undefined;
      });
    },

    async noteKeyUse(keyId, timeMs) {
      const sql = "UPDATE keys SET last_use_time = ? WHERE key_id = ? AND coalesce(last_use_time, 0) < ?";
      await connections.run(sql, timeMs, keyId, timeMs);
    },

    onKeyChange,
  };
}

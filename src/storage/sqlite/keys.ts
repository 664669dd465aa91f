// The API keys, in SQLite.

import { type KeyRow, keyOf } from "../key-rows.ts";
import { pageOf, parseLogPosition } from "../page-positions.ts";
import type { Keys } from "../storage.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** Creates the keys over the two sides of the store. */
export function createKeys(reader: Reader, writer: Writer): Keys {
  const listeners = new Set<() => void>();
  // No other process writes to the database, so what this one writes is all that changes.
  const tell = () => {
    for (const listener of listeners) listener();
  };

  return {
    async createKey({ keyId, name, roles, appIds, secretDigest, creator, createTimeMs, expireTimeMs }) {
      const digest = Buffer.from(secretDigest).toString("hex");
      const lists = [JSON.stringify(roles), JSON.stringify(appIds)] as const;
      const made = await writer.write(["createKey", keyId, name, ...lists, digest, creator, createTimeMs, expireTimeMs ?? null], tell);
      return made === 1;
    },

    async getKey(keyId) {
      const row = reader.get<KeyRow>("SELECT * FROM keys WHERE key_id = ?", keyId);
      return row && keyOf(row);
    },

    async listKeys(page) {
      const rows = reader.all<KeyRow>(
        "SELECT * FROM keys WHERE key_order < ? ORDER BY key_order DESC LIMIT ?",
        page.after === undefined ? Number.MAX_SAFE_INTEGER : parseLogPosition(page.after),
        page.size + 1,
      );
      return pageOf(rows, page.size, keyOf, (row) => String(row.key_order));
    },

    async revokeKey(keyId, { revoker, timeMs }) {
      return (await writer.write(["revokeKey", keyId, revoker, timeMs], tell)) === 1;
    },

    async noteKeyUse(keyId, timeMs) {
      await writer.write(["noteKeyUse", keyId, timeMs]);
    },

    onKeyChange(listener) {
      reader.assertOpen();
      // A listener that is given twice is called twice.
      const own = () => listener();
      listeners.add(own);
      return () => void listeners.delete(own);
    },
  };
}

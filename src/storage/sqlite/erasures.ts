// Erasures of users in SQLite. The writer thread does them, a little at a time.
import { type ErasureRow, erasureOf, selectErasure } from "../erasure-rows.ts";
import { formatSequenceId, parseSequenceId } from "../sequence-ids.ts";
import type { Erasures } from "../storage.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** Creates the erasures over the two sides of the store. */
export function createErasures(reader: Reader, writer: Writer): Erasures {
  return {
    async beginErasure({ appId, user, pseudonym, isPreview, withLists, beginTimeMs }) {
      reader.assertOpen();
      const seq = await writer.write(["beginErasure", appId, user, pseudonym, Number(isPreview), Number(withLists), beginTimeMs]);
      return formatSequenceId("era", seq);
    },

    async continueErasure(nowMs) {
      reader.assertOpen();
      const ended = await writer.write(["continueErasure", nowMs]);
      if (ended > 0) return { kind: "ended", erasureId: formatSequenceId("era", ended) };
      return { kind: ended === 0 ? "more" : "none" };
    },

    async getErasure(erasureId) {
      const row = reader.get<ErasureRow>(selectErasure, parseSequenceId("era", erasureId) ?? 0);
      return row && erasureOf(row);
    },
  };
}

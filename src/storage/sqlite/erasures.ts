// Erasures of users in SQLite. The writer thread does them, a little at a time.
import type { Erasure, Erasures } from "../storage.ts";
import type { Reader } from "./reader.ts";
import { formatSequenceId, parseSequenceId } from "./sequence-ids.ts";
import type { Writer } from "./writer.ts";

interface ErasureRow {
  erasure_seq: number;
  app_id: number;
  pseudonym: string;
  is_preview: number;
  with_lists: number;
  begin_time: number;
  end_time: number | null;
  place: string;
  found: string;
}

const selectErasure = `SELECT erasure_seq, app_id, pseudonym, is_preview, with_lists, begin_time, end_time, place, found
  FROM erasures WHERE erasure_seq = ?`;

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

function erasureOf(row: ErasureRow): Erasure {
  const found = JSON.parse(row.found) as Record<string, number>;
  return {
    erasureId: formatSequenceId("era", row.erasure_seq),
    appId: row.app_id,
    pseudonym: row.pseudonym,
    isPreview: row.is_preview === 1,
    withLists: row.with_lists === 1,
    beginTimeMs: row.begin_time,
    endTimeMs: row.end_time ?? undefined,
    place: row.place,
    found: Object.entries(found).map(([place, count]) => ({ place, count })),
  };
}

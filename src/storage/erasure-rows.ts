// Erasures as rows of the table `erasures`, without whom they are of.
import { formatSequenceId } from "./sequence-ids.ts";
import type { Erasure } from "./storage.ts";

/** A row as `selectErasure` reads it. */
export interface ErasureRow {
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

/** Reads the erasure with a number. */
export const selectErasure = `SELECT erasure_seq, app_id, pseudonym, is_preview, with_lists, begin_time, end_time, place, found
  FROM erasures WHERE erasure_seq = ?`;

/** The erasure of a row. */
export function erasureOf(row: ErasureRow): Erasure {
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

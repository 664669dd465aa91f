// Rows of the logs by their sequence numbers.
import type { Reader } from "./connections.ts";

/** The rows with these numbers, by their numbers. `select` reads whole rows, and a WHERE may follow it. */
export async function rowsBySeq<Row extends { seq: number }>(
  reader: Reader,
  select: string,
  seqs: readonly number[],
): Promise<Map<number, Row>> {
  if (seqs.length === 0) return new Map();
  const sql = `${select} WHERE seq IN (SELECT v::bigint FROM jsonb_array_elements_text(?::jsonb) AS v)`;
  return new Map((await reader.all<Row>(sql, JSON.stringify(seqs))).map((row) => [row.seq, row]));
}

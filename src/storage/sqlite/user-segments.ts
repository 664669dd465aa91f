// Finds where in the log a user is named, the latest first.
import type { Reader } from "./reader.ts";
import { hashOfUser, offsetsIn, partsPerSegment } from "./user-parts.ts";

/** A stretch of the log, and which of its decisions and events may name a user. */
export interface Stretch {
  /** The first sequence number of it; 0 when nothing comes before it. */
  from: number;
  /** The sequence number after it. */
  below: number;
  /** The only ones that may, the highest first; undefined when any may. */
  seqs: readonly number[] | undefined;
}

/** Finds the next stretch before a sequence number. What may name the user has to be looked at: it may be another user, or be gone. */
export type FindNamed = (user: string, below: number) => Stretch;

/** How many segments are looked through at once: a fraction of a millisecond. */
const segmentsPerStretch = 64;

/** A stretch with so many ends with the segment they are in. */
const enoughSeqs = 500;

interface PartRow {
  from_seq: number;
  entries: Buffer | null;
}

/** Creates the search over the reading side of the store. */
export function createFindNamed(reader: Reader): FindNamed {
  const selectLastUpto = "SELECT coalesce(max(upto), 0) FROM user_segments";
  const selectParts = `SELECT from_seq,
      (SELECT entries FROM user_parts WHERE part_id = segment_id * ${partsPerSegment} + (? >> (32 - part_bits))) AS entries
    FROM user_segments WHERE upto <= coalesce((SELECT min(upto) FROM user_segments WHERE upto >= ?), ?) AND from_seq < ?
    ORDER BY upto DESC LIMIT ${segmentsPerStretch}`;
  return (user, below) => {
    const openFrom = (reader.value<number>(selectLastUpto) ?? 0) + 1;
    if (below > openFrom) return { from: openFrom === 1 ? 0 : openFrom, below, seqs: undefined };
    const hash = hashOfUser(user);
    const parts = reader.all<PartRow>(selectParts, hash, below - 1, below, below);
    const seqs: number[] = [];
    for (const { from_seq: fromSeq, entries } of parts) {
      if (entries !== null) {
        for (const offset of offsetsIn(entries, hash).reverse()) if (fromSeq + offset < below) seqs.push(fromSeq + offset);
      }
      if (seqs.length >= enoughSeqs) return { from: fromSeq, below, seqs };
    }
    return { from: parts.length < segmentsPerStretch ? 0 : (parts.at(-1)?.from_seq ?? 0), below, seqs };
  };
}

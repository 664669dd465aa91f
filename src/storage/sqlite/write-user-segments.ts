// How is kept which users decisions and events name: in segments of the log, each written at once when it is full, because an index would
// dirty a page of its own for nearly every user. Runs in the writer thread, inside the transaction of a batch.
import type { Database } from "better-sqlite3";
import { entryBytes, hashOfUser, type NamingRow, namedIn, partBitsFor, partId, partsPerSegment } from "./user-parts.ts";

/** Keeps who is named. */
export interface UserSegments {
  /** To be called for every decision and event, in the order of their numbers, with the users it names. */
  add(seq: number, users: Iterable<string | null>): void;
  /** To be called when rows from one number to another were deleted, or name others than before. */
  renew(fromSeq: number, toSeq: number): void;
  /** Puts what is in no segment yet into segments, as far as it fills them. */
  fill(): void;
  /** To be called when a transaction was rolled back. */
  forget(): void;
}

/** A segment has so many decisions and events, or somewhat more than so many users, whichever comes first. */
const maxRows = 4096;
const maxEntries = 16_384;
const maxOffset = 0xffff_ffff;

/** The users of a stretch of the log, as they come. */
interface Draft {
  /** The number of its first row; meaningless while it has none. */
  fromSeq: number;
  upto: number;
  rows: number;
  /** Two words for each: the offset and the hash. */
  words: Uint32Array<ArrayBuffer>;
  entries: number;
}

interface SegmentRow {
  segment_id: number;
  from_seq: number;
  upto: number;
}

/** Prepares the keeping of who is named. What is not in a full segment yet is found by looking at the rows. */
export function prepareUserSegments(db: Database): UserSegments {
  const lastUpto = db.prepare("SELECT coalesce(max(upto), 0) FROM user_segments").pluck();
  const selectRows = db.prepare(
    `SELECT seq, operator, owner, NULL AS body FROM decisions WHERE seq > ? AND seq < ?
     UNION ALL SELECT seq, NULL, NULL, body FROM events WHERE seq > ? AND seq < ? ORDER BY seq LIMIT ${maxRows}`,
  );
  const selectSegments = db.prepare("SELECT segment_id, from_seq, upto FROM user_segments WHERE upto >= ? AND from_seq <= ?");
  const lastId = db.prepare("SELECT coalesce(max(segment_id), 0) FROM user_segments").pluck();
  const insertSegment = db.prepare("INSERT OR REPLACE INTO user_segments (segment_id, from_seq, upto, part_bits) VALUES (?, ?, ?, ?)");
  const deleteSegment = db.prepare("DELETE FROM user_segments WHERE segment_id = ?");
  const insertPart = db.prepare("INSERT INTO user_parts (part_id, entries) VALUES (?, ?)");
  const deleteParts = db.prepare("DELETE FROM user_parts WHERE part_id >= ? AND part_id < ?");
  /** What is not in a full segment; undefined when that must be looked up. */
  let open: Draft | undefined;

  /** Looks up what is in no segment, below a number. Ends the segments that are full already, of which a database from before has many. */
  function load(belowSeq: number): Draft {
    let draft = newDraft(lastUpto.get() as number);
    while (true) {
      const after = draft.upto;
      const rows = selectRows.all(after, belowSeq, after, belowSeq) as NamingRow[];
      for (const { seq, users } of rows.map(namedIn)) draft = appended(draft, seq, users);
      if (rows.length < maxRows) return draft;
    }
  }

  /** The draft with one row more: a new one when it was full, which is then written. */
  function appended(draft: Draft, seq: number, users: Iterable<string | null>): Draft {
    let into = draft;
    if (draft.rows >= maxRows || draft.entries >= maxEntries || (draft.rows > 0 && seq - draft.fromSeq > maxOffset)) {
      save(draft, (lastId.get() as number) + 1);
      into = newDraft(draft.upto, draft.words);
    }
    put(into, seq, users);
    return into;
  }

  function save({ fromSeq, upto, words, entries }: Draft, segmentId: number): void {
    // With the hash in the higher half, the order of numbers is that of hashes, and then of offsets.
    new BigUint64Array(words.buffer, 0, entries).sort();
    const bits = partBitsFor(entries);
    insertSegment.run(segmentId, fromSeq, upto, bits);
    const idAt = (index: number) => partId(segmentId, bits, words[2 * index + 1] ?? 0);
    for (let begin = 0, end = 0; begin < entries; begin = end) {
      const id = idAt(begin);
      while (end < entries && idAt(end) === id) end += 1;
      insertPart.run(id, Buffer.from(words.buffer, begin * entryBytes, (end - begin) * entryBytes));
    }
  }

  function renewSegment({ segment_id: segmentId, from_seq: fromSeq, upto }: SegmentRow): void {
    deleteParts.run(segmentId * partsPerSegment, (segmentId + 1) * partsPerSegment);
    const rows = selectRows.all(fromSeq - 1, upto + 1, fromSeq - 1, upto + 1) as NamingRow[];
    if (rows.length === 0) {
      deleteSegment.run(segmentId);
      return;
    }
    const draft = newDraft(fromSeq - 1);
    for (const { seq, users } of rows.map(namedIn)) put(draft, seq, users);
    save({ ...draft, upto }, segmentId);
  }

  return {
    add(seq, users) {
      open = appended(open ?? load(seq), seq, users);
    },
    renew(fromSeq, toSeq) {
      for (const segment of selectSegments.all(fromSeq, toSeq) as SegmentRow[]) renewSegment(segment);
      open = undefined;
    },
    fill() {
      open = load(Number.MAX_SAFE_INTEGER);
    },
    forget() {
      open = undefined;
    },
  };
}

/** An empty draft of what comes after a number. `words` are those of one that is not used any more. */
function newDraft(after: number, words = new Uint32Array(4 * maxRows)): Draft {
  return { fromSeq: after + 1, upto: after, rows: 0, words, entries: 0 };
}

function put(draft: Draft, seq: number, users: Iterable<string | null>): void {
  // What was passed over before the first one, billions of numbers after a restore, is in no segment.
  if (draft.rows === 0) draft.fromSeq = seq;
  let first: string | null = null;
  for (const user of users) {
    if (user === null || user === "" || user === first) continue;
    first ??= user;
    if (2 * draft.entries === draft.words.length) {
      const larger = new Uint32Array(2 * draft.words.length);
      larger.set(draft.words);
      draft.words = larger;
    }
    draft.words[2 * draft.entries] = seq - draft.fromSeq;
    draft.words[2 * draft.entries + 1] = hashOfUser(user);
    draft.entries += 1;
  }
  draft.rows += 1;
  draft.upto = seq;
}

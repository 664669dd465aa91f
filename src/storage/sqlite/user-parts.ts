// Which users the log names, as the tables user_segments and user_parts have it: what one part of a segment is, and how a user is found in it.

/**
 * Entries are sorted, eight bytes each, little-endian: how far the sequence number is behind the segment's first, and the hash of the user. Two users
 * may have one hash, and a row may have gone or changed: whoever finds a number looks at the row.
 */
export const entryBytes = 8;

/** The part of a user in a segment has the id `segment_id * partsPerSegment` + the highest `part_bits` bits of the hash. */
export const partsPerSegment = 1024;

/** About how many entries a part has, so that four parts fit on a page of the database. */
const entriesPerPart = 120;

/** The 32 bits by which a user is found. */
export function hashOfUser(user: string): number {
  let hash = 0x811c_9dc5;
  for (let i = 0; i < user.length; i += 1) hash = Math.imul(hash ^ user.charCodeAt(i), 0x0100_0193);
  // Spreads every bit over all of it: parts go by the highest ones.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Where the entries of a user are, in a segment that is divided by so many bits. */
export function partId(segmentId: number, partBits: number, hash: number): number {
  return segmentId * partsPerSegment + (partBits === 0 ? 0 : hash >>> (32 - partBits));
}

/** How many bits of the hash choose the part in a segment with so many entries. */
export function partBitsFor(entryCount: number): number {
  return Math.min(Math.log2(partsPerSegment), Math.max(0, Math.ceil(Math.log2(entryCount / entriesPerPart))));
}

/** How far behind the segment's first the numbers of a user are, in ascending order. */
export function offsetsIn(part: Buffer, hash: number): number[] {
  const count = part.length / entryBytes;
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (hashAt(part, middle) < hash) low = middle + 1;
    else high = middle;
  }
  const offsets: number[] = [];
  for (let i = low; i < count && hashAt(part, i) === hash; i += 1) offsets.push(part.readUInt32LE(i * entryBytes));
  return offsets;
}

function hashAt(part: Buffer, index: number): number {
  return part.readUInt32LE(index * entryBytes + 4);
}

/** A decision or an event, with what says whom it names. */
export interface NamingRow {
  seq: number;
  operator: string | null;
  owner: string | null;
  /** Of an event; null for a decision. */
  body: string | null;
}

/** The users that a row names, each once. */
export function namedIn({ seq, operator, owner, body }: NamingRow): { seq: number; users: Set<string> } {
  if (body !== null) return { seq, users: usersOfEventBody(body) };
  return { seq, users: new Set([operator, owner].filter((user) => user !== null && user !== "") as string[]) };
}

/** The users that the body of an event names, each once: operator, owner, subscribers. */
export function usersOfEventBody(body: string): Set<string> {
  const users = new Set<string>();
  for (const said of Object.values(JSON.parse(body) as Record<string, unknown>)) {
    if (typeof said !== "object" || said === null) continue;
    const { operator, owner, subscribers } = said as { operator?: string; owner?: string; subscribers?: string[] };
    for (const user of [operator, owner, ...(subscribers ?? [])]) if (user) users.add(user);
  }
  return users;
}

// A set of strings in twelve bits each that never denies what is in it, and rarely fails to deny what is not: a Bloom filter in blocks.

/** What may be in a set. */
export interface MembershipFilter {
  add(value: string): void;
  /** False only for a value that was never added. With as many values as the capacity, true for one in two hundred others. */
  mayHave(value: string): boolean;
}

const bitsPerValue = 12;
/** A block is as large as a line of the processor's cache, so that a question costs one access to memory whatever the filter's size. */
const bitsPerBlock = 512;
const wordsPerBlock = bitsPerBlock / 32;
const bitsSetPerValue = 7;

/** Creates an empty filter. More values than its capacity make it deny less, never wrongly. */
export function createMembershipFilter(capacity: number): MembershipFilter {
  const blocks = Math.max(1, Math.ceil((capacity * bitsPerValue) / bitsPerBlock));
  const words = new Uint32Array(blocks * wordsPerBlock);
  // Two hashes of the value that was hashed last: the block, and the bits in it.
  let blockHash = 0;
  let bitsHash = 0;

  function hash(value: string): void {
    // What SQLite makes of a string without an encoding.
    const text = value.toWellFormed();
    let a = 0x9e37_79b9;
    let b = 0x85eb_ca6b;
    for (let i = 0; i < text.length; i += 1) {
      const unit = text.charCodeAt(i);
      a = Math.imul(a ^ unit, 0x01b8_73df);
      b = Math.imul(b ^ unit, 0x1656_67b1) ^ (a >>> 13);
    }
    blockHash = finish(a ^ text.length);
    bitsHash = finish(b);
  }

  return {
    add(value) {
      hash(value);
      const base = Math.floor((blockHash / 0x1_0000_0000) * blocks) * wordsPerBlock;
      let bit = bitsHash;
      const step = (bitsHash >>> 9) | 1;
      for (let i = 0; i < bitsSetPerValue; i += 1) {
        const word = base + ((bit >>> 5) & (wordsPerBlock - 1));
        words[word] = (words[word] ?? 0) | (1 << (bit & 31));
        bit += step;
      }
    },
    mayHave(value) {
      hash(value);
      const base = Math.floor((blockHash / 0x1_0000_0000) * blocks) * wordsPerBlock;
      let bit = bitsHash;
      const step = (bitsHash >>> 9) | 1;
      for (let i = 0; i < bitsSetPerValue; i += 1) {
        if (((words[base + ((bit >>> 5) & (wordsPerBlock - 1))] ?? 0) & (1 << (bit & 31))) === 0) return false;
        bit += step;
      }
      return true;
    },
  };
}

/** Spreads every bit of a hash over all of it (the finalizer of MurmurHash3). */
function finish(hash: number): number {
  let mixed = hash;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

// SipHash-2-4 with 128 bits of output, by Aumasson and Bernstein: a hash with a key, without which nobody can aim at what it gives.

/** Hashes the UTF-16 code units of a text, the lower byte of each first, into four words, the lowest first. */
export type KeyedHash = (text: string, into: Uint32Array) => void;

const roundsPerBlock = 2;
const roundsAtEnd = 4;
/** A block has 64 bits: two words, four code units. */
const unitsPerBlock = 4;

/** Creates the hash with a key of 16 bytes. */
export function createSipHash(key: Uint8Array): KeyedHash {
  const words = new DataView(key.buffer, key.byteOffset, key.byteLength);
  const [key0, key1, key2, key3] = [0, 4, 8, 12].map((offset) => words.getInt32(offset, true)) as [number, number, number, number];

  return (text, into) => {
    // Four numbers of 64 bits, each as a lower (l) and a higher (h) word, of which two and one of the text are combined at a time.
    let l0 = key0 ^ 0x7073_6575;
    let h0 = key1 ^ 0x736f_6d65;
    let l1 = key2 ^ 0x6e64_6f6d ^ 0xee;
    let h1 = key3 ^ 0x646f_7261;
    let l2 = key0 ^ 0x6e65_7261;
    let h2 = key1 ^ 0x6c79_6765;
    let l3 = key2 ^ 0x7974_6573;
    let h3 = key3 ^ 0x7465_6462;

    const { length } = text;
    // The last block has what is left of the text, and its length in bytes.
    const lastBlock = Math.floor(length / unitsPerBlock);
    // After the blocks come two ends, each of which gives half of the output.
    for (let step = 0; step <= lastBlock + 2; step += 1) {
      let low = 0;
      let high = 0;
      let rounds = roundsPerBlock;
      if (step < lastBlock) {
        const at = step * unitsPerBlock;
        low = text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16);
        high = text.charCodeAt(at + 2) | (text.charCodeAt(at + 3) << 16);
      } else if (step === lastBlock) {
        const at = step * unitsPerBlock;
        if (at < length) low = text.charCodeAt(at);
        if (at + 1 < length) low |= text.charCodeAt(at + 1) << 16;
        if (at + 2 < length) high = text.charCodeAt(at + 2);
        high |= length << 25;
      } else if (step === lastBlock + 1) {
        l2 ^= 0xee;
        rounds = roundsAtEnd;
      } else {
        into[0] = l0 ^ l1 ^ l2 ^ l3;
        into[1] = h0 ^ h1 ^ h2 ^ h3;
        l1 ^= 0xdd;
        rounds = roundsAtEnd;
      }
      l3 ^= low;
      h3 ^= high;
      for (let round = 0; round < rounds; round += 1) {
        let sum = (l0 + l1) | 0;
        h0 = (h0 + h1 + carry(l0, l1, sum)) | 0;
        l0 = sum;
        sum = (l2 + l3) | 0;
        h2 = (h2 + h3 + carry(l2, l3, sum)) | 0;
        l2 = sum;
        let rotated = (l1 << 13) | (h1 >>> 19);
        h1 = ((h1 << 13) | (l1 >>> 19)) ^ h0;
        l1 = rotated ^ l0;
        rotated = (l3 << 16) | (h3 >>> 16);
        h3 = ((h3 << 16) | (l3 >>> 16)) ^ h2;
        l3 = rotated ^ l2;
        // The sum of the first pair, turned by 32 bits: its words change places.
        const turned0 = h0;
        h0 = l0;
        l0 = turned0;

        sum = (l2 + l1) | 0;
        h2 = (h2 + h1 + carry(l2, l1, sum)) | 0;
        l2 = sum;
        sum = (l0 + l3) | 0;
        h0 = (h0 + h3 + carry(l0, l3, sum)) | 0;
        l0 = sum;
        rotated = (l1 << 17) | (h1 >>> 15);
        h1 = ((h1 << 17) | (l1 >>> 15)) ^ h2;
        l1 = rotated ^ l2;
        rotated = (l3 << 21) | (h3 >>> 11);
        h3 = ((h3 << 21) | (l3 >>> 11)) ^ h0;
        l3 = rotated ^ l0;
        const turned2 = h2;
        h2 = l2;
        l2 = turned2;
      }
      l0 ^= low;
      h0 ^= high;
    }
    into[2] = l0 ^ l1 ^ l2 ^ l3;
    into[3] = h0 ^ h1 ^ h2 ^ h3;
  };
}

/** What the sum of two words carries into the word above. */
function carry(a: number, b: number, sum: number): number {
  return ((a & b) | ((a | b) & ~sum)) >>> 31;
}

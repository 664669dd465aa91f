// A set of strings that keeps 128 bits of each and not the string: a hash table with open addressing in one array.
import type { KeyedHash } from "./sip-hash.ts";

/** Strings by their fingerprints. Tells apart what SQLite does: a string without an encoding is what SQLite makes of it. */
export interface FingerprintSet {
  /** Puts a value in. Does nothing once as many values are in as the capacity. */
  add(value: string): void;
  /** Takes a value out, if it is in. */
  delete(value: string): void;
  /** Whether the value is in. Wrong for another value only when 128 bits of a hash with a secret key are the same. */
  has(value: string): boolean;
}

const wordsPerSlot = 4;
/** Of the slots, so that one is never far from its place: at this load a value is found in 5.5 slots on average, 88 bytes in a row. */
const greatestLoad = 0.9;

/** How many bytes a set of that capacity takes. */
export function fingerprintSetBytes(capacity: number): number {
  return slotsFor(capacity) * wordsPerSlot * Uint32Array.BYTES_PER_ELEMENT;
}

function slotsFor(capacity: number): number {
  return Math.ceil(capacity / greatestLoad) + 1;
}

/** Creates an empty set for so many values at most. */
export function createFingerprintSet(capacity: number, hash: KeyedHash): FingerprintSet {
  const slots = slotsFor(capacity);
  const words = new Uint32Array(slots * wordsPerSlot);
  /** Of the value that was hashed last. */
  const fingerprint = new Uint32Array(wordsPerSlot);
  let count = 0;

  /** The slot in which a fingerprint with this first word stands unless it is taken. */
  function homeOf(firstWord: number): number {
    return Math.floor((firstWord / 0x1_0000_0000) * slots);
  }

  const after = (slot: number): number => (slot + 1 === slots ? 0 : slot + 1);

  const isFree = (slot: number): boolean => words[slot * wordsPerSlot + 3] === 0;

  /** The slot of the value, or the free one after its home in which it would stand. */
  function findSlot(value: string): number {
    hash(value.toWellFormed(), fingerprint);
    // A slot whose last word is 0 is free.
    fingerprint[3] ||= 1;
    const first = fingerprint[0] ?? 0;
    const second = fingerprint[1];
    const third = fingerprint[2];
    const fourth = fingerprint[3];
    let slot = homeOf(first);
    while (!isFree(slot)) {
      const base = slot * wordsPerSlot;
      if (words[base] === first && words[base + 1] === second && words[base + 2] === third && words[base + 3] === fourth) break;
      slot = after(slot);
    }
    return slot;
  }

  /** How many slots one comes after another, going round. */
  const distance = (from: number, to: number): number => (to >= from ? to - from : to - from + slots);

  return {
    add(value) {
      if (count >= capacity) return;
      const slot = findSlot(value);
      if (!isFree(slot)) return;
      words.set(fingerprint, slot * wordsPerSlot);
      count += 1;
    },
    delete(value) {
      let gap = findSlot(value);
      if (isFree(gap)) return;
      count -= 1;
      // What stands behind the gap, up to a free slot, comes forward wherever it would else not be found.
      for (let slot = after(gap); !isFree(slot); slot = after(slot)) {
        const base = slot * wordsPerSlot;
        if (distance(homeOf(words[base] ?? 0), slot) < distance(gap, slot)) continue;
        words.copyWithin(gap * wordsPerSlot, base, base + wordsPerSlot);
        gap = slot;
      }
      words.fill(0, gap * wordsPerSlot, (gap + 1) * wordsPerSlot);
    },
    has: (value) => !isFree(findSlot(value)),
  };
}

// The fingerprints that answer for values which are on lists.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createFingerprintSet, fingerprintSetBytes } from "../../../src/storage/sqlite/fingerprint-set.ts";
import { createSipHash, type KeyedHash } from "../../../src/storage/sqlite/sip-hash.ts";

const hash = createSipHash(new Uint8Array(16));

/** Sends values into a few places, so that they push each other on, also past the end of the array. */
const crowding: KeyedHash = (text, into) => {
  hash(text, into);
  into[0] = ((into[0] ?? 0) & 1) === 0 ? 0 : 0xffff_ffff;
};

describe("a set of fingerprints", () => {
  it.each([
    ["spread", hash],
    ["crowded", crowding],
  ] as const)("has what was put in and not taken out: %s", (_, keyedHash) => {
    const values = Array.from({ length: 12 }, (_, index) => `v${index}`);
    const change = fc.tuple(fc.boolean(), fc.constantFrom(...values));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 200 }), fc.integer({ min: 0, max: 12 }), (changes, capacity) => {
        const set = createFingerprintSet(capacity, keyedHash);
        const model = new Set<string>();
        for (const [isAddition, value] of changes) {
          if (!isAddition) {
            set.delete(value);
            model.delete(value);
          } else {
            set.add(value);
            if (model.size < capacity) model.add(value);
          }
          for (const each of values) expect(set.has(each)).toBe(model.has(each));
        }
      }),
    );
  });

  it("does not tell apart what SQLite does not: strings without an encoding", () => {
    const set = createFingerprintSet(10, hash);
    set.add("\ud800");
    expect(set.has("\ufffd")).toBe(true);
    set.delete("\ufffd");
    expect(set.has("\ud800")).toBe(false);
  });

  it("tells apart all else, down to the last bit of each word", () => {
    const word = fc.constantFrom(0, 1, 0x8000_0000);
    fc.assert(
      fc.property(fc.tuple(word, word, word, word), fc.tuple(word, word, word, word), (one, other) => {
        const given: Record<string, readonly number[]> = { one, other };
        const set = createFingerprintSet(10, (text, into) => into.set(given[text] ?? []));
        set.add("one");
        // 0 and 1 are the same in the last word, of which 0 says that a place is free.
        const isSame = one.every((bits, index) => (index === 3 ? bits || 1 : bits) === (index === 3 ? other[3] || 1 : other[index]));
        expect(set.has("other")).toBe(isSame);
      }),
    );
  });

  it("takes 16 bytes for each place, of which nine in ten may be taken", () => {
    expect(fingerprintSetBytes(900_000)).toBe(16_000_016);
  });

  it("holds as many as its capacity, each of them found", () => {
    const set = createFingerprintSet(10_000, hash);
    for (let i = 0; i < 10_001; i += 1) set.add(`user-${i}`);
    let found = 0;
    for (let i = 0; i < 20_000; i += 1) if (set.has(`user-${i}`)) found += 1;
    expect(found).toBe(10_000);
    expect(set.has("user-10000")).toBe(false);
  });
});

// Prefixes as ranges.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { prefixEnd } from "../../src/storage/prefix-end.ts";

/** Strings of few characters from the edges of the planes, so that prefixes are common. */
const text = fc.string({ unit: fc.constantFrom("a", "b", "\ud7ff", "\ue000", "\uffff", "😀", "\u{10ffff}"), maxLength: 5 });

describe("the end of a prefix", () => {
  it("sorts after every string with the prefix and before every greater one without it, by UTF-8 bytes", () => {
    fc.assert(
      fc.property(text, text, (prefix, value) => {
        const end = prefixEnd(prefix);
        const isInRange = compare(value, prefix) >= 0 && (end === undefined || compare(value, end) < 0);
        expect(isInRange).toBe(value.startsWith(prefix));
      }),
      { numRuns: 5000 },
    );
  });
});

function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

// The filters that answer for lists without asking the disk.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMembershipFilter } from "../../../src/storage/sqlite/membership-filter.ts";

describe("a membership filter", () => {
  it("never denies what was added, however full it is", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" })), fc.integer({ min: 0, max: 50 }), (values, capacity) => {
        const filter = createMembershipFilter(capacity);
        for (const value of values) filter.add(value);
        for (const value of values) expect(filter.mayHave(value)).toBe(true);
      }),
    );
  });

  it("does not tell apart what SQLite does not: strings without an encoding", () => {
    const filter = createMembershipFilter(10);
    filter.add("\ufffd");
    expect(filter.mayHave("\ud800")).toBe(true);
  });

  it("denies nearly all of what was not added, when it is as full as it may be", () => {
    for (const capacity of [1000, 100_000]) {
      const filter = createMembershipFilter(capacity);
      for (let i = 0; i < capacity; i += 1) filter.add(`user-${i}`);
      let perhaps = 0;
      for (let i = 0; i < 20_000; i += 1) if (filter.mayHave(`user-${capacity + i}`)) perhaps += 1;
      expect(perhaps / 20_000).toBeLessThan(0.01);
    }
  });
});

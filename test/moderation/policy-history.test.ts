// The way back from the live policy: rolling back again and again comes to the first version.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { wayBack } from "../../src/moderation/policy-history.ts";

describe("the way back", () => {
  it.each([
    ["nothing was live", "", ""],
    ["one version", "A", "A"],
    ["one after another", "ABC", "ABC"],
    ["one rollback", "ABCB", "AB"],
    ["two rollbacks", "ABCBA", "A"],
    ["a rollback and a new version", "ABCBD", "ABD"],
    ["a version from further back", "ABCDB", "ABCDB"],
    ["a rollback after one from further back", "ABCDBD", "ABCD"],
    ["the same version twice", "AABB", "AB"],
  ])("after %s", (_name, history, way) => {
    expect(wayBack(history).join("")).toBe(way);
  });

  it("never turns round: each rollback is one step shorter", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("A", "B", "C", "D"), { maxLength: 30 }), (history) => {
        const versions: string[] = [...history];
        for (let way = wayBack(versions); way.length > 0; ) {
          const target = way.at(-2);
          if (target === undefined) break;
          versions.push(target);
          const next = wayBack(versions);
          expect(next).toEqual(way.slice(0, -1));
          way = next;
        }
      }),
    );
  });
});

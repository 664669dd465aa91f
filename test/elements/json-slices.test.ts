// Where values stand in JSON texts, against JSON.parse.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { itemsOf, memberOf, textOf, textsIn, wholeValue } from "../../src/elements/json-slices.ts";

/** JSON as it may be written: with blanks of every kind, and escapes. */
const written = fc
  .tuple(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(undefined, 1, "\t"), fc.constantFrom("", " ", "\r\n"))
  .map(([value, indent, blank]) => ({ value, json: blank + JSON.stringify(value, undefined, indent) + blank }));

describe("the slices of a JSON text", () => {
  it("are what JSON.parse finds there", () => {
    fc.assert(
      fc.property(written, ({ json }) => {
        const value: unknown = JSON.parse(json);
        const whole = wholeValue(json);
        const parsed = ({ start, end }: { start: number; end: number }): unknown => JSON.parse(json.slice(start, end));
        expect(parsed(whole)).toEqual(value);
        const isList = Array.isArray(value);
        expect(itemsOf(json, whole).map(parsed)).toEqual(isList ? value : []);
        if (typeof value === "object" && value !== null && !isList) {
          for (const [name, member] of Object.entries(value)) {
            const slice = memberOf(json, whole, name);
            expect(slice && parsed(slice)).toEqual(member);
          }
        }
        expect(memberOf(json, whole, "no such member")).toBeUndefined();
        expect(textsIn(json, whole).map((slice) => textOf(json, slice))).toEqual(textsOf(value));
      }),
      { numRuns: 2000 },
    );
  });

  it("are those of the last member of a name, as JSON.parse has it", () => {
    const json = '{"a":1,"\\u0061":"2","b":{"a":3}}';
    const slice = memberOf(json, wholeValue(json), "a");
    expect(slice && textOf(json, slice)).toBe("2");
  });

  it.each(['{"a" : [ ] , "b" : { } }', "[[],[[]],{}]", '["\\\\","\\"",",]}"]', "[1e5,-0,true,null]"])(
    "of %s end where they end",
    (json) => {
      expect(textsIn(json, wholeValue(json)).map((slice) => textOf(json, slice))).toEqual(textsOf(JSON.parse(json)));
      expect(itemsOf(json, wholeValue(json)).map(({ start, end }) => JSON.parse(json.slice(start, end)))).toEqual(
        json.startsWith("[") ? JSON.parse(json) : [],
      );
    },
  );
});

/** All texts in a value, but those that are names. */
function textsOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [];
}

// Every text comes back as it was, and sorts as its UTF-8 bytes do.
import fc from "fast-check";
import { expect, it } from "vitest";
import { fromStoredJson, fromStoredText, toStoredJson, toStoredText } from "../../src/storage/stored-text.ts";

/** Texts with what PostgreSQL has not, and with what takes its place, in every mixture. */
const texts = fc
  .array(fc.oneof(fc.constantFrom("\0", "\x01", "\x02", "a", "\\u0000", "\\", '"'), fc.string({ unit: "binary" })))
  .map((parts) => parts.join(""));

it("comes back as it was", () => {
  fc.assert(
    fc.property(texts, (text) => {
      const stored = toStoredText(text);
      expect(stored).not.toContain("\0");
      expect(fromStoredText(stored)).toBe(text);
    }),
  );
});

it("sorts, and begins, as it was", () => {
  fc.assert(
    fc.property(texts, texts, (a, b) => {
      const order = (x: string, y: string) => Math.sign(Buffer.compare(Buffer.from(x), Buffer.from(y)));
      expect(order(toStoredText(a), toStoredText(b))).toBe(order(a, b));
      expect(toStoredText(a + b).startsWith(toStoredText(a))).toBe(true);
    }),
  );
});

it("comes back in JSON as it was, too", () => {
  fc.assert(
    fc.property(fc.array(fc.record({ text: texts, count: fc.integer() })), (value) => {
      const json = toStoredJson(value);
      expect(json).not.toContain("\0");
      // What PostgreSQL makes of JSON is written anew, with the same texts.
      expect(fromStoredJson(JSON.stringify(JSON.parse(json)))).toEqual(value);
    }),
  );
});

it("has the replacement character for a lone surrogate, as in every other store", () => {
  expect(toStoredText("a\ud800b")).toBe("a\ufffdb");
  expect(JSON.parse(toStoredJson(["a\udc00"]))).toEqual(["a\ufffd"]);
});

// Globs over whole texts.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileGlob, createGlobSet, maxGlobLength } from "../../src/text/glob.ts";
import { PatternError } from "../../src/text/pattern-error.ts";

const cases: [pattern: string, text: string, matches: boolean][] = [
  ["abc", "abc", true],
  ["abc", "ABC", false],
  ["abc", "abcd", false],
  ["", "", true],
  ["", "a", false],
  ["*", "", true],
  ["*", "anything\nat all", true],
  ["***", "x", true],
  ["a*", "a", true],
  ["a*", "ba", false],
  ["*a", "bca", true],
  ["*a", "ab", false],
  ["a*c*e", "abcde", true],
  ["a*c*e", "abde", false],
  ["*ab*ab", "abab", true],
  ["*ab*ab", "aab", false],
  ["?", "官", true],
  ["?", "🎉", true],
  ["??", "🎉", false],
  ["?", "", false],
  ["*?", "🎉", true],
  ["*🎉", "x🎉🎉", true],
  ["a?c", "abc", true],
  ["\\*", "*", true],
  ["\\*", "x", false],
  ["\\?*", "?x", true],
  ["\\\\", "\\", true],
  ["\\a", "a", true],
  ["[a-z]", "b", false],
  ["[a-z]", "[a-z]", true],
  ["é", "e\u0301", false],
  ["test_*", "test_42", true],
];

describe("a glob", () => {
  it.each(cases)("%j against %j gives %j", (pattern, text, expected) => {
    expect(compileGlob(pattern)(text)).toBe(expected);
    expect(createGlobSet([pattern])(text)).toBe(expected);
    expect(createGlobSet(["unrelated", "un*d", pattern, "*zz", "*zz*"])(text)).toBe(expected);
  });

  it.each(["a\\", "\\", "x".repeat(maxGlobLength + 1)])("refuses %j", (pattern) => {
    expect(() => compileGlob(pattern)).toThrow(PatternError);
    expect(() => createGlobSet(["a", pattern])).toThrow(PatternError);
  });

  it("matches what an exhaustive search matches", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(..."ab*?🎉"), maxLength: 8 }),
        fc.string({ unit: fc.constantFrom(..."ab🎉"), maxLength: 10 }),
        (pattern, text) => {
          expect(compileGlob(pattern)(text)).toBe(exhaustive([...pattern], [...text]));
        },
      ),
      { numRuns: 3000 },
    );
  });

  it("does not hang on hostile globs", () => {
    const hostile = compileGlob(`${"*a".repeat(127)}b`);
    expect(hostile("a".repeat(10_000))).toBe(false);
    expect(hostile("a".repeat(150))).toBe(false);
    expect(createGlobSet(["*?*?*?*?*x", `*${"a?".repeat(100)}*b`])("a".repeat(10_000))).toBe(false);
  }, 2_000);

  it("finds one of very many", () => {
    const isListed = createGlobSet([...Array.from({ length: 10_000 }, (_, index) => `user_${index}`), "bot_*", "*_test"]);
    for (const text of ["user_9999", "bot_1", "a_test"]) expect(isListed(text)).toBe(true);
    for (const text of ["user_10000", "bot", "test", ""]) expect(isListed(text)).toBe(false);
  });
});

/** Tries every way a pattern without escapes can match. */
function exhaustive(pattern: string[], text: string[]): boolean {
  const [head, ...rest] = pattern;
  if (head === undefined) return text.length === 0;
  if (head === "*") return exhaustive(rest, text) || (text.length > 0 && exhaustive(pattern, text.slice(1)));
  return text.length > 0 && (head === "?" || head === text[0]) && exhaustive(rest, text.slice(1));
}

// Regular expressions in linear time.
import { describe, expect, it } from "vitest";
import { compileLinearRegex, regexLimits } from "../../src/text/linear-regex.ts";
import { PatternError } from "../../src/text/pattern-error.ts";

describe("a linear regular expression", () => {
  it.each([
    ["news", "the news today", true],
    ["^news$", "the news", false],
    ["(?i)official|admin", "The OFFICIAL one", true],
    ["\\bfree\\s+(gold|coins)\\b", "get free  coins!", true],
    ["\\d{3,}", "12", false],
    ["^\\p{Han}+$", "官方新闻", true],
    ["^\\p{Han}+$", "官方 news", false],
    ["^.$", "🎉", true],
    ["[^a-z]", "abc", false],
    ["", "anything", true],
    ["(?P<word>a)b", "ab", true],
  ])("%j against %j gives %j", (pattern, text, expected) => {
    const matches = compileLinearRegex(pattern);
    expect(matches(text)).toBe(expected);
    expect(matches(text)).toBe(expected);
  });

  it.each([
    ["(a)\\1", /Back-references cannot run in linear time/],
    ["(?=a)b", /Look-ahead and look-behind cannot run in linear time/],
    ["(?!a)b", /Look-ahead and look-behind/],
    ["(?<=a)b", /Look-ahead and look-behind/],
    ["(?<!a)b", /Look-ahead and look-behind/],
    ["a**", /put the inner one in parentheses/],
    ["(a{1000}){1000}", /at most 1000 in all/],
    ["a{1001}", /at most 1000 in all/],
    ["((((a{50}){50}){50}){50})", /at most 1000 in all/],
    ["(", /missing closing \)/],
    ["[a-", /missing closing \]/],
    ["a)", /unexpected \)/],
    ["\\p{Klingon}", /wrong/],
    [".{600}", /compiles to \d+ instructions/],
    ["(\\pL{1,30}){30}", /compiles to \d+ instructions/],
    ["a".repeat(regexLimits.maxLength + 1), /longer than 1000 characters/],
    ["(".repeat(990), /wrong/],
  ])("refuses %j and says why", (pattern, reason) => {
    expect(() => compileLinearRegex(pattern)).toThrow(PatternError);
    expect(() => compileLinearRegex(pattern)).toThrow(reason);
  });

  it.each([
    "(a+)+$",
    "(a|aa)+$",
    "^(a*)*$",
    "([a-z]+)*!$",
    "(.*a){20}$",
    "(.*.*.*.*.*)*b$",
    "^(a?){90}a{90}$",
    "^(a{0,12}){0,12}$",
    "[ab]*a[ab]{400}$",
  ])(
    "does not hang on %s",
    (pattern) => {
      const matches = compileLinearRegex(pattern);
      for (const text of [`${"a".repeat(150)}?`, `${"a".repeat(10_000)}?`, `${"ab".repeat(5_000)}?`]) expect(matches(text)).toBe(false);
    },
    5_000,
  );
});

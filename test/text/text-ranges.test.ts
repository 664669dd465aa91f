// Where phrases are in texts as they are written, and what masks make of them.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mapNormal, normalize } from "../../src/text/normalize.ts";
import { createPhraseMatcher, normalForms, skeletonForms } from "../../src/text/phrase-matcher.ts";
import { mapSkeleton, skeleton } from "../../src/text/skeleton.ts";
import { findPhrases, isOneCharacter, maskRanges, replaceRanges } from "../../src/text/text-ranges.ts";

/** Text that is hard to fold: marks, joiners, Hangul in parts, compatibility forms, surrogates, white space. */
const hardParts = [
  ...[
    "a",
    "B",
    "é",
    "e\u0301",
    "ß",
    "ﬁ",
    "Ａ",
    "𝒜",
    "😀",
    "👨‍👩‍👧",
    "ı",
    "İ",
    "か\u3099",
    "か",
    "\u3099",
    "각",
    "가",
    "\u11a8",
    "\u1100\u1161",
  ],
  ...["\u200b", "\u0301", " ", "\u3000", "\n", "\ud800", "ﷺ", "क\u094d", "\u09c7\u09be", "ก\u0e33", "1", "-", "\u2800", "㎏", "Ǆ"],
];
const textOf = (parts: readonly string[]) => fc.array(fc.constantFrom(...parts), { maxLength: 12 }).map((chosen) => chosen.join(""));
const hardText = textOf(hardParts);

describe("a folded text", () => {
  it.each([
    ["normal form", normalize, mapNormal],
    ["skeleton", skeleton, mapSkeleton],
  ] as const)("in %s is the same with and without its origins, which are in order and within the text", (_name, fold, map) => {
    fc.assert(
      fc.property(hardText, (text) => {
        const mapped = map(text);
        expect(mapped.text).toBe(fold(text));
        expect([mapped.starts.length, mapped.ends.length]).toEqual([mapped.text.length, mapped.text.length]);
        for (const [unit, start] of mapped.starts.entries()) {
          const end = mapped.ends[unit] ?? 0;
          expect(start).toBeLessThan(end);
          expect(end).toBeLessThanOrEqual(text.length);
          expect(start).toBeGreaterThanOrEqual(mapped.starts[unit - 1] ?? 0);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

function mask(phrases: string[], text: string, mark = "*"): string {
  return maskRanges(text, findPhrases(createPhraseMatcher(phrases, normalForms), mapNormal, text), mark);
}

function maskLooks(phrases: string[], text: string): string {
  return maskRanges(text, findPhrases(createPhraseMatcher(phrases, skeletonForms), mapSkeleton, text), "*");
}

describe("a mask", () => {
  it.each<[name: string, phrases: string[], text: string, masked: string]>([
    ["a word", ["bad"], "a bad day", "a *** day"],
    ["no part of a word", ["ass"], "a class", "a class"],
    ["a whole word that a star lets go on", ["casino*"], "Casinos!", "*******!"],
    ["a whole word around what stars open", ["*sex*"], "my SuperSexyTV set", "my *********** set"],
    ["a phrase, without its white space", ["buy now"], "BUY \t NOW!", "*** \t ***!"],
    ["Chinese anywhere", ["赌博"], "网上赌博平台", "网上**平台"],
    ["Chinese in other widths and with what cannot be seen", ["赌博"], "赌\u200b博", "**"],
    ["Japanese with composed and decomposed sounds", ["ギャンブル"], "ｷﾞｬﾝﾌﾞﾙとキ\u3099ャンフ\u3099ル", "*****と*****"],
    ["Korean syllables", ["도박"], "온라인 도박을", "온라인 **을"],
    ["Korean in letters", ["도박"], "온라인 도박".normalize("NFD"), `${"온라인".normalize("NFD")} **`],
    ["full-width letters", ["casino"], "ＣＡＳＩＮＯ！", "******！"],
    ["letters with marks, each one character", ["bad"], "b\u0301a\u0308\u0323d", "***"],
    ["a ligature and what it stands for", ["office"], "o\ufb03ce", "****"],
    ["letters beyond the first plane", ["bad"], "𝓫𝓪𝓭 𝖇𝖆𝖉", "*** ***"],
    ["an emoji of several parts as one", ["👨‍👩‍👧"], "our 👨‍👩‍👧!", "our *!"],
    ["an emoji with a skin colour", ["👍"], "x 👍🏽 y", "x * y"],
    ["finds that overlap, once", ["a b", "b c"], "a b c d", "* * * d"],
    ["nothing", ["bad"], "good", "good"],
  ])("hides %s", (_name, phrases, text, masked) => {
    expect(mask(phrases, text)).toBe(masked);
  });

  it("sees through look-alikes where it is asked to", () => {
    expect(mask(["casino"], "Cаsin0")).toBe("Cаsin0");
    expect(maskLooks(["casino"], "Cаsin0 at ⓒⓐⓢⓘⓝⓞ, not corn")).toBe("****** at ******, not corn");
    expect(maskLooks(["com"], "corn")).toBe("****");
  });

  it("may be any character", () => {
    expect(mask(["bad"], "bad", "█")).toBe("███");
    expect(mask(["bad"], "bad", "🙈")).toBe("🙈🙈🙈");
    for (const one of ["*", "█", "👨‍👩‍👧", "e\u0301"]) expect(isOneCharacter(one)).toBe(true);
    for (const none of ["", "**", "\u200b", "a\u200b"]) expect(isOneCharacter(none)).toBe(false);
  });

  it("leaves nothing to find, and all else as it was", () => {
    const matcher = createPhraseMatcher(["ab", "か*", "가"], normalForms);
    // A mark joins the word after it to the character that it stands on, and goes with that one under a mask.
    const own = textOf(hardParts.filter((part) => !/^\p{M}/u.test(part)));
    fc.assert(
      fc.property(fc.array(fc.oneof(own, fc.constantFrom("ab", "か", " x "))), (parts) => {
        const text = parts.join("");
        const ranges = findPhrases(matcher, mapNormal, text);
        const masked = maskRanges(text, ranges, "*");
        expect(matcher.matches(masked)).toBe(false);
        if (ranges.length === 0) expect(masked).toBe(text);
        expect(matcher.matches(text)).toBe(ranges.length > 0);
      }),
      { numRuns: 2000 },
    );
  });

  it("takes all that follows for one find when there are too many", () => {
    const text = "bad ".repeat(1500);
    expect(mask(["bad"], text)).toBe("*** ".repeat(1500));
  });

  it.each(["a", "a ", "\u0301", "e\u0301", "👨‍👩‍👧", "🇩🇪", "\u200d", "가", "\u1100"])(
    "over a hostile text of %j comes to an end",
    (part) => {
      const text = part.repeat(Math.ceil(12_288 / part.length));
      expect(typeof mask(["a*", "e", "🇩🇪", "가", "👨‍👩‍👧"], text)).toBe("string");
    },
  );
});

it("a replacement stands once for each find", () => {
  const ranges = findPhrases(createPhraseMatcher(["bad", "buy now"]), mapNormal, "b\u0301ad, buy  now");
  const begun = ranges.map((range) => ({ ...range, goesOn: false }));
  expect(replaceRanges("b\u0301ad, buy  now", begun, "[x]")).toBe("[x], [x]");
  expect(replaceRanges("b\u0301ad, buy  now", [{ ...begun[0], goesOn: true } as (typeof begun)[0], ...begun.slice(1)], "[x]")).toBe(
    ", [x]",
  );
});

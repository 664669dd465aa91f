// Thousands of words and phrases found in one pass.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { normalize } from "../../src/text/normalize.ts";
import { PatternError } from "../../src/text/pattern-error.ts";
import { buildPhraseAutomaton } from "../../src/text/phrase-automaton.ts";
import { checkPhrase, createPhraseMatcher, maxPhraseLength, skeletonForms } from "../../src/text/phrase-matcher.ts";
import { skeleton } from "../../src/text/skeleton.ts";

describe("a phrase matcher", () => {
  it.each([
    ["a word", "ass", "what an ass", true],
    ["a word inside of another", "ass", "class", false],
    ["a word that another starts with", "ass", "assistant", false],
    ["a word with a digit", "ass", "ass2", false],
    ["a word between other characters", "ass", "(ass)_x", true],
    ["a word in another spelling", "Café", "my ＣＡＦＥ\u0301!", true],
    ["a phrase", "Official News", "the OFFICIAL   news today", true],
    ["a phrase that goes on", "official news", "official newsroom", false],
    ["a phrase with characters that are no letters", "free $$$", "get free $$$ now", true],
    ["a phrase that ends in another character", "$$", "us$$x", true],
    ["Cyrillic", "спам", "это СПАМ", true],
    ["Cyrillic inside of a word", "спам", "спамер", false],
    ["Arabic inside of a word", "خبر", "خبرات", false],
    ["Chinese anywhere", "新闻", "腾讯新闻频道", true],
    ["Japanese anywhere", "ニュース", "最新ニュース速報", true],
    ["Korean with a particle", "뉴스", "한국뉴스를", true],
    ["Thai anywhere", "ข่าว", "ช่องข่าวด่วน", true],
    ["Latin beside Chinese", "news", "新闻news频道", true],
    ["Latin and Chinese together", "news新闻", "xnews新闻", false],
    ["an open end", "promo*", "promotions", true],
    ["an open end, start kept", "promo*", "xpromotions", false],
    ["an open start", "*coin", "bitcoin", true],
    ["both open", "*ass*", "classic", true],
    ["a star meant as such", "f\\*", "say f*", true],
    ["a star meant as such, elsewhere", "f\\*", "say fa", false],
    ["a letter beyond the first plane", "𐐀𐐁", "𐐨𐐩", true],
    ["a letter beyond the first plane inside of a word", "𐐀", "𐐨𐐩", false],
    ["what is not there", "absent", "present", false],
    ["nothing", "x", "", false],
  ])("says of %s whether it is there", (_, phrase, text, expected) => {
    expect(createPhraseMatcher([phrase, "unrelated"]).matches(text)).toBe(expected);
  });

  it("finds imitations when asked about skeletons", () => {
    const matcher = createPhraseMatcher(["Official News", "Новости", "com"], skeletonForms);
    for (const name of ["The Оffісіаl Nеws", "ＯＦＦＩＣＩＡＬ news", "0fficiaI N̷ews", "НОВОСТИ", "новости дня"])
      expect(matcher.matches(skeleton(name))).toBe(true);
    for (const name of ["official newsroom", "Officer", "Новость"]) expect(matcher.matches(skeleton(name))).toBe(false);
  });

  it("keeps spelling and skeletons apart", () => {
    expect(createPhraseMatcher(["com"]).matches("corn")).toBe(false);
    expect(createPhraseMatcher(["com"], skeletonForms).matches(skeleton("corn"))).toBe(true);
  });

  it("says where each phrase is, overlapping ones too", () => {
    const matcher = createPhraseMatcher(["新闻", "腾讯新闻", "闻频", "News*", "news"]);
    expect(matcher.find("腾讯新闻频道 NEWS")).toEqual([
      { start: 0, end: 4, phrase: "腾讯新闻" },
      { start: 2, end: 4, phrase: "新闻" },
      { start: 3, end: 5, phrase: "闻频" },
      { start: 7, end: 11, phrase: "News*" },
      { start: 7, end: 11, phrase: "news" },
    ]);
    expect(matcher.find("newsroom")).toEqual([{ start: 0, end: 4, phrase: "News*" }]);
    expect(matcher.find("新闻 新闻 新闻", 2)).toHaveLength(2);
    expect(matcher.find("新闻", 0)).toEqual([]);
  });

  it("counts its phrases and bytes, and may be empty", () => {
    const matcher = createPhraseMatcher(["a", "b", "a"]);
    expect(matcher.size).toBe(2);
    expect(matcher.memoryBytes).toBeGreaterThan(0);
    expect(createPhraseMatcher([]).matches("anything")).toBe(false);
  });

  it.each(["", "  ", "*", "**", "\u200b", "x".repeat(maxPhraseLength + 1)])("refuses the phrase %j", (phrase) => {
    expect(() => checkPhrase(phrase)).toThrow(PatternError);
    expect(() => createPhraseMatcher(["good", phrase])).toThrow(PatternError);
  });

  it("finds what a search for each phrase alone finds", () => {
    const unit = fc.constantFrom(..."aab é新1.");
    const phrase = fc.string({ unit, minLength: 1, maxLength: 4 }).filter((text) => normalize(text) !== "");
    fc.assert(
      fc.property(fc.array(phrase, { maxLength: 8 }), fc.string({ unit, maxLength: 20 }), (phrases, text) => {
        const normal = normalize(text);
        const spaced = (character: string | undefined): boolean => character !== undefined && /[a-z\d]/.test(character);
        const expected = [...new Set(phrases)].filter((each) => {
          const form = normalize(each);
          for (let at = normal.indexOf(form); at >= 0; at = normal.indexOf(form, at + 1)) {
            const end = at + form.length;
            if (spaced(normal[at - 1]) && spaced(normal[at])) continue;
            if (spaced(normal[end - 1]) && spaced(normal[end])) continue;
            return true;
          }
          return false;
        });
        const matcher = createPhraseMatcher(phrases);
        expect([...new Set(matcher.find(text, 1000).map((match) => match.phrase))].sort()).toEqual(expected.sort());
        expect(matcher.matches(text)).toBe(expected.length > 0);
      }),
      { numRuns: 1000 },
    );
  });

  it("asks at most once for each string that is a suffix of another, at each position", () => {
    const depth = 200;
    const automaton = buildPhraseAutomaton(Array.from({ length: depth }, (_, index) => "a".repeat(index + 1)));
    let asked = 0;
    const length = 5000;
    automaton.scan("a".repeat(length), () => {
      asked++;
      return false;
    });
    expect(asked).toBeLessThanOrEqual(length * depth);
    expect(asked).toBeGreaterThan(0);
  });

  it("builds from 100 000 phrases within 40 bytes for each of their characters, and finds the last one", () => {
    const phrases = Array.from({ length: 100_000 }, (_, index) => `phrase ${((index * 2_654_435_761) >>> 0).toString(36)}`);
    const matcher = createPhraseMatcher(phrases);
    expect(matcher.size).toBe(100_000);
    expect(matcher.memoryBytes).toBeLessThan(40 * phrases.join("").length);
    expect(matcher.matches(`before ${phrases.at(-1)} after`)).toBe(true);
    expect(matcher.matches("phrase without an entry".repeat(500))).toBe(false);
  });
});

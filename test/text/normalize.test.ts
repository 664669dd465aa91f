// One spelling for all the ways of writing the same text.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { foldCase, normalize } from "../../src/text/normalize.ts";

/** Beyond it there are only tags, variation selectors and private use. */
const lastAssigned = 0x3ffff;
const anyText = fc.string({ unit: "binary", maxLength: 40 });
/** Text that is mostly made of what interacts: marks, joiners, spaces, jamo, letters of many scripts. */
const hardText = fc
  .array(
    fc.constantFrom(
      ..."aIßςΑйकษกあカ가각שا官1 \u{345}\u{301}\u{307}\u{327}\u{336}\u{3099}\u{64B}\u{5B8}\u{93C}\u{E38}\u{302E}\u{591}\u{200D}\u{34F}\u{3164}\u{1680}\u{E33}´゛ﾞ",
      "\u{1D15E}",
      "\u{FDFA}",
      "\u{FE70}",
      "\r\n",
      "\u{D800}",
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(""));

describe("normalize", () => {
  it.each([
    ["upper case", "Official NEWS", "official news"],
    ["accents", "Café Ångström naïve Łódź", "cafe angstrom naive łodz"],
    ["accents written as marks", "Cafe\u0301", "cafe"],
    ["full-width", "Ｏｆｆｉｃｉａｌ　Ｎｅｗｓ", "official news"],
    ["mathematical", "𝓞𝓯𝓯𝓲𝓬𝓲𝓪𝓵 ℕ𝕖𝕨𝕤", "official news"],
    ["circled", "Ⓝⓔⓦⓢ ①②", "news 12"],
    ["ligatures", "oﬃcial ﬁle", "official file"],
    ["zero-width", "of\u200bfi\u200dci\ufeffal\u2060", "official"],
    ["soft hyphen, variation selector, bidi controls, tags", "n\u00ade\ufe0fw\u202es\u2066\u{e0041}", "news"],
    ["controls", "n\u0000e\u0007ws", "news"],
    ["Hangul fillers", "news\u3164\u115f\uffa0", "news"],
    ["Zalgo", "n̷̢̛͓e̸̱͝w̴̟̕s̶̥̐", "news"],
    ["marks over digits and over nothing", "\u03012\u03360", "20"],
    ["strike-through over Chinese", "官\u0336方\u0336", "官方"],
    ["sharp s", "Straße STRASSE ẞ", "strasse strasse ss"],
    ["sigmas", "ΟΔΟΣ οδος", "οδοσ οδοσ"],
    ["four i's", "İ I ı i", "i i i i"],
    ["Kelvin, Ångström and Ohm signs", "K Å Ω", "k a ω"],
    ["Cyrillic", "Новости Йод Ёлка", "новости иод елка"],
    ["white space", "\t a\u00a0\u2003b\r\n\u2028c\u2800 ", "a b c"],
    ["nothing visible", "\u200b \u00ad\u0301", ""],
    ["nothing", "", ""],
  ])("brings %s to one spelling", (_, text, expected) => {
    expect(normalize(text)).toBe(expected);
  });

  it.each([
    ["Chinese", "腾讯官方新闻"],
    ["Japanese with dakuten", "がぎぐ ガギグ パンダ"],
    ["Korean", "한국어 뉴스"],
    ["Arabic with vowels", "العَرَبِيَّة"],
    ["Hebrew with points", "שָׁלוֹם"],
    ["Hindi", "हिन्दी समाचार"],
    ["Bengali", "বাংলা"],
    ["Tamil", "தமிழ்"],
    ["Thai", "ภาษาไทย น้ำ".normalize("NFKC")],
    ["Georgian", "ქართული"],
    ["emoji", "🎉🚀"],
  ])("leaves %s as it is", (_, text) => {
    expect(normalize(text)).toBe(text.normalize("NFC"));
  });

  it("composes half-width and decomposed letters", () => {
    expect(normalize("ｶﾞ")).toBe("ガ");
    expect(normalize("か\u3099")).toBe("が");
    expect(normalize("\u1112\u1161\u11ab")).toBe("한");
  });

  it("changes nothing the second time and stays within 18 times the length, for every character", () => {
    const wrong: string[] = [];
    for (let codePoint = 0; codePoint <= lastAssigned; codePoint++) {
      const text = String.fromCodePoint(codePoint);
      const once = normalize(text);
      if (normalize(once) !== once || once.length > 18 * text.length) wrong.push(codePoint.toString(16));
    }
    expect(wrong).toEqual([]);
  });

  it("changes nothing the second time, for any text", () => {
    fc.assert(
      fc.property(fc.oneof(anyText, hardText), (text) => {
        const once = normalize(text);
        expect(normalize(once)).toBe(once);
        expect(once.length).toBeLessThanOrEqual(18 * text.length);
      }),
      { numRuns: 2000 },
    );
  });

  it("gives one result for every Unicode form of a text", () => {
    fc.assert(
      fc.property(fc.oneof(anyText, hardText), (text) => {
        const expected = normalize(text);
        for (const form of ["NFC", "NFD", "NFKC", "NFKD"]) expect(normalize(text.normalize(form))).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });

  it("folds ASCII the same on its fast path and beside other characters", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary-ascii", maxLength: 40 }), (text) => {
        expect(normalize(`${text}官`)).toBe(`${normalize(`${text}|`).slice(0, -1)}官`);
      }),
    );
  });

  it("folds the case of letters the same from either case", () => {
    const wrong: string[] = [];
    for (let codePoint = 0; codePoint <= lastAssigned; codePoint++) {
      const text = String.fromCodePoint(codePoint);
      if (foldCase(text) !== foldCase(text.toLowerCase()) || foldCase(text) !== foldCase(text.toUpperCase()))
        wrong.push(codePoint.toString(16));
    }
    expect(wrong).toEqual([]);
  });

  it("takes work in proportion to hostile text", () => {
    expect(normalize(`a${"\u0301".repeat(100_000)}b`)).toBe("ab");
    expect(normalize(`${" \u200b".repeat(100_000)}x`)).toBe("x");
    expect(normalize("\u{fdfa}".repeat(1000)).length).toBe(18_000);
  });
});

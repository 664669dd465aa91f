// One string for all texts that look like the same Latin text.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { confusableRows } from "../../src/text/confusables-data.ts";
import { normalize } from "../../src/text/normalize.ts";
import { confusablesUnicodeVersion, skeleton, skeletonsOf } from "../../src/text/skeleton.ts";

/** Beyond it there are only tags, variation selectors and private use. */
const lastAssigned = 0x3ffff;
const reserved = ["Official News", "Admin", "Support", "PayPal", "Nike", "Coca-Cola", "Modern Times", "Weibo"];

describe("skeleton", () => {
  it.each([
    ["upper case", "OFFICIAL NEWS", "Official News"],
    ["mixed case", "oFfIcIaL nEwS", "Official News"],
    ["accents", "Öfficíal Ñëws", "Official News"],
    ["full-width", "Ｏｆｆｉｃｉａｌ　Ｎｅｗｓ", "Official News"],
    ["zero-width", "Off\u200bic\u200dial N\ufeffews", "Official News"],
    ["Cyrillic", "Оffісіаl Nеws", "Official News"],
    ["Cyrillic capitals", "АDМIN", "Admin"],
    ["wholly Cyrillic", "РауРаӏ", "PayPal"],
    ["Greek", "Οfficιαl Νews", "Official News"],
    ["wholly Greek capitals", "ΝΙΚΕ", "Nike"],
    ["Armenian", "Sսppօrt", "Support"],
    ["Cherokee", "ᏢayᏢal", "PayPal"],
    ["Lisu", "ꓢꓴꓑꓑꓳꓣꓔ", "Support"],
    ["Canadian syllabics", "ᗅᗞmin", "Admin"],
    ["mathematical letters", "𝓞𝓯𝓯𝓲𝓬𝓲𝓪𝓵 𝕹𝖊𝖜𝖘", "Official News"],
    ["circled letters", "Ⓞⓕⓕⓘⓒⓘⓐⓛ Ⓝⓔⓦⓢ", "Official News"],
    ["dark circled and squared letters", "🅞🅕🅕🅘🅒🅘🅐🅛 🅽🅴🆆🆂", "Official News"],
    ["small capitals", "ᴏғғɪᴄɪᴀʟ ɴᴇᴡꜱ", "Official News"],
    ["combining noise", "O̷f̸f̴i̶c̷i̸a̴l̶ N̷e̸w̴s̶", "Official News"],
    ["enclosing marks", "A⃝d⃝m⃝i⃝n⃝", "Admin"],
    ["strokes", "Øffiȼiał Nɇws", "Official News"],
    ["digits", "0ff1c1al News", "Official News"],
    ["capital I for l", "OfficiaI News", "Official News"],
    ["a bar for l", "Officia| News", "Official News"],
    ["rn for m", "Modern Tirnes", "Modern Times"],
    ["mathematical operators", "S∪pport", "Support"],
    ["another dash", "Coca‐Cola", "Coca-Cola"],
    ["Coptic", "ⲢayⲢal", "PayPal"],
    ["open e", "Wɛibo", "Weibo"],
    ["bidi controls and tags", "\u202eAdmin\u202c\u{e0061}", "Admin"],
  ])("catches an imitation in %s", (_, imitation, name) => {
    expect(skeleton(imitation)).toBe(skeleton(name));
  });

  it.each([
    ["Chinese", ["腾讯官方新闻", "一", "丨丶丿", "口口", "工人", "〇"]],
    ["Korean", ["한국어 뉴스", "이", "으이", "ㅇㅣ"]],
    ["Japanese", ["ニュース", "ノート", "ー", "へ", "ハロー", "くノ一", "がぎぐ", "〳"]],
    ["Arabic", ["ا", "الأخبار", "اهلا", "ه", "١٥٠", "ـا"]],
    ["Hebrew", ["סוס", "ו", "ן", "חדשות", "יוסי"]],
    ["Thai", ["ข่าว", "๐", "ประเทศไทย"]],
    ["Hindi", ["समाचार", "०", "।", "हिन्दी"]],
    ["other Indic and southern scripts", ["০", "ം", "ഠ", "ဝ", "੦", "ටං"]],
    ["Georgian", ["ყ", "ჿ", "სახლი"]],
    ["Ethiopic and Mongolian", ["ዐ", "ሀ", "ᠮᠣᠩᠭᠣᠯ"]],
  ])("leaves plain %s as it is spelled", (_, names) => {
    for (const name of names) {
      expect(skeleton(name)).toBe(normalize(name));
      expect(skeleton(name)).not.toMatch(/[a-z]/);
    }
  });

  it.each([
    "Россия",
    "Новости",
    "Москва",
    "Привет",
    "Спорт",
    "Администратор",
    "Поддержка",
    "Ελλάδα",
    "Νέα",
    "Ειδήσεις",
    "Αθλητικά",
    "Υποστήριξη",
    "官方新闻",
    "한국 뉴스",
    "ニュース",
    "أخبار رسمية",
    "חדשות רשמיות",
    "ข่าวทางการ",
    "आधिकारिक समाचार",
    "Officer",
    "Officials News",
    "Admiral",
    "Supper",
    "Nikon",
    "Nile",
    "Papal",
  ])("does not take %s for a reserved name", (name) => {
    expect(reserved.map(skeleton)).not.toContain(skeleton(name));
  });

  it("reads letters by the shape of their case, not of the other case", () => {
    expect(skeleton("Νν")).toBe("nv");
    expect(skeleton("Ηη Υυ")).toBe("hn yu");
    expect(skeleton("Straße")).toBe("strasse");
    expect(skeleton("βeta")).toBe("beta");
  });

  it("finds listed Cyrillic and Greek names in every case", () => {
    for (const name of ["Новости", "Гора", "Забота", "Ειδήσεις", "Νίκη"]) {
      for (const written of [name, name.toUpperCase(), name.toLowerCase()]) expect(skeletonsOf(name)).toContain(skeleton(written));
    }
    expect(skeletonsOf("Official News")).toEqual([skeleton("official news")]);
  });

  it("makes no difference to the case of Latin text", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyzéöłø019 -'|") }), (text) => {
        expect(skeleton(text.toUpperCase())).toBe(skeleton(text));
      }),
    );
  });

  it("drops the marks of what is read as Latin or ASCII, although it is neither", () => {
    expect(skeleton("\u{2B96}\u{610}")).toBe("=");
  });

  it("is its own skeleton and its own normal form, for every character", () => {
    const wrong: string[] = [];
    for (let codePoint = 0; codePoint <= lastAssigned; codePoint++) {
      const once = skeleton(String.fromCodePoint(codePoint));
      if (skeleton(once) !== once || normalize(once) !== once) wrong.push(codePoint.toString(16));
    }
    expect(wrong).toEqual([]);
  });

  it("is its own skeleton and its own normal form, for any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), (text) => {
        const once = skeleton(text);
        expect(skeleton(once)).toBe(once);
        expect(normalize(once)).toBe(once);
        expect(once.length).toBeLessThanOrEqual(36 * text.length);
      }),
      { numRuns: 2000 },
    );
  });

  it("takes its table from a stated version of Unicode, in single code points in order", () => {
    expect(confusablesUnicodeVersion).toMatch(/^\d+\.\d+\.\d+$/);
    const rows = confusableRows.trim().split(/\s+/);
    expect(rows.length).toBeGreaterThan(900);
    expect(rows.every((row) => /^[\da-f]+=[\da-f]+(\.[\da-f]+)*$/.test(row))).toBe(true);
    const sources = rows.map((row) => Number.parseInt(row, 16));
    expect(sources).toEqual([...new Set(sources)].sort((a, b) => a - b));
    expect(rows).toEqual(expect.arrayContaining(["30=4f", "31=6c", "6d=72.6e", "430=61", "3bf=6f", "13aa=41", "a4ee=41"]));
  });
});

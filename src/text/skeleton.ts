// skeleton: one string for all texts that look like the same Latin text.
import { confusableRows } from "./confusables-data.ts";
import { foldCase } from "./normalize.ts";
import { createTextFolder, type FoldedText } from "./text-folder.ts";

export { confusablesUnicodeVersion } from "./confusables-data.ts";

/**
 * Letters that Unicode's table keeps apart from the Latin letter that a reader takes them for, because it compares lower case with lower case:
 * small capitals, and shapes that fancy-text generators use.
 */
const letterShapes: Record<string, string> = {
  ...{ a: "ᴀɅΛⱯ", b: "ʙβꞵßƅ", d: "ᴅ", e: "ᴇəƏǝƐꞓꞒ", f: "ꜰғ", g: "ɢ", h: "ʜ", j: "ᴊ", k: "ĸ", l: "ʟ", m: "ʍ", n: "ɴπ", p: "ᴘ", q: "ꞯ" },
  ...{ r: "ʀ", t: "ᴛ", u: "μ", w: "ω", x: "χ", "3": "ɜȝ" },
};
const readAs = new Map<string, string>();
for (const [read, letters] of Object.entries(letterShapes)) for (const letter of letters) readAs.set(letter, read);

/** What remains of letters that are told apart by neither Unicode's table nor their case: `I` looks like `l`, so `i`, `I`, `l` and `1` are one. */
const merged: Record<string, string> = { i: "l", "1": "l", "|": "l", "0": "o", m: "rn" };

/** First and last of the Latin letters on dark circles and squares, which have no compatibility decomposition. */
const darkLetters = [
  [0x1f150, 0x1f169],
  [0x1f170, 0x1f189],
] as const;

const lookAlikes = new Map<string, string>();
for (const [first, last] of darkLetters)
  for (let codePoint = first; codePoint <= last; codePoint++)
    lookAlikes.set(String.fromCodePoint(codePoint), String.fromCharCode(97 + codePoint - first));
for (const row of confusableRows.trim().split(/\s+/)) {
  const [source = "", target = ""] = row.split("=");
  const looksLike = target.split(".").map(character).join("");
  // Of `'B` for a hooked B, the letter is what is read.
  lookAlikes.set(character(source), /[\p{L}\p{N}]/u.test(looksLike) ? looksLike.replaceAll(/[^\p{L}\p{N}]/gu, "") : looksLike);
}
// German names come with ß in earnest; only other letters that look like it are read as b.
for (const [letter, read] of readAs) if (letter !== "ß") lookAlikes.set(letter, read);

function character(hexadecimal: string): string {
  return String.fromCodePoint(Number.parseInt(hexadecimal, 16));
}

/** The look of one letter: as it stands, else as its other case looks, else itself with case folded. */
function look(letter: string): string {
  const looksLike = lookAlikes.get(letter) ?? lookAlikes.get(foldCase(letter)) ?? letter;
  const read = Array.from(looksLike, (part) => readAs.get(part) ?? part).join("");
  return Array.from(looksLike === letter ? foldCase(letter) : foldCase(read), (part) => merged[part] ?? part).join("");
}

const folder = createTextFolder(look);

/**
 * Returns one string for all texts that look like the same Latin text, for finding imitations: two names with equal skeletons look alike. It is
 * for comparing, never for showing. It is what `normalize` does, with the skeleton of Unicode's UTS #39 put before the folding of case:
 *
 * - full-width, mathematical, circled and dark-circled letters, accents, zero-width characters, combining noise and case make no difference;
 * - letters of European, North American and ancient scripts, and symbols, become the Latin letters, digits and ASCII that Unicode's table of
 *   confusable characters says they look like, each by the shape of its own case: Greek `Ν` is an n, `ν` is a v;
 * - `0` and `o` are one, `1`, `i`, `l` and `|` are one, and `m` is `rn`, as in that table.
 *
 * Letters of all other scripts (Chinese, Japanese, Korean, Arabic, Hebrew, Indic, Thai, Georgian …) are left as `normalize` leaves them, although
 * the table has Latin look-alikes for some, such as the Arabic alef for l: a plain name must never meet a Latin one by accident. A Cyrillic or
 * Greek name keeps the letters that have no Latin look-alike, so it meets a Latin name only when every letter of it does.
 *
 * Case makes no difference to Latin text; it can to Cyrillic and Greek, where the cases of a letter look like different Latin letters.
 * The skeleton of a skeleton is itself, and so is its normal form.
 */
export function skeleton(text: string): string {
  return folder.fold(text);
}

/** The skeleton of a text, and what in it comes from where. */
export function mapSkeleton(text: string): FoldedText {
  return folder.map(text);
}

/**
 * Returns the skeletons under which a listed name is looked for: as it is written, in lower case, in upper case and with capital initials. For
 * Latin names they are one; for Cyrillic and Greek ones they make up for what case does to look-alikes.
 */
export function skeletonsOf(name: string): readonly string[] {
  const lower = name.toLowerCase();
  const initials = lower.replaceAll(/(?<![\p{L}\p{M}\p{N}])\p{L}/gu, (letter) => letter.toUpperCase());
  return [...new Set([name, lower, name.toUpperCase(), initials].map(skeleton))];
}

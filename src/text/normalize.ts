// normalize: one spelling for all the ways of writing the same text.
import { createTextFolder, type FoldedText } from "./text-folder.ts";

/** ASCII without upper-case letters, controls and doubled or outer spaces: text that is normal as it stands. */
const normalAscii = /^[!-@[-~]+(?: [!-@[-~]+)*$/;
/** The same with upper-case letters. */
const tidyAscii = /^[!-~]+(?: [!-~]+)*$/;

/**
 * Folds the case of text without marks, the same in every locale. It is Unicode's full case folding (`ß` and `ẞ` are `ss`, every sigma is `σ`)
 * with one difference: the dotless `ı` is `i`, so that with marks removed all four Turkish i's are one letter.
 */
export function foldCase(text: string): string {
  return text.toLowerCase().toUpperCase().toLowerCase().replaceAll("ς", "σ");
}

const folder = createTextFolder(foldCase);

/**
 * Returns one spelling for all the ways of writing the same text, for comparing, never for showing:
 *
 * - compatibility forms become plain characters (NFKC): full-width, circled, mathematical letters, ligatures, half-width kana;
 * - what cannot be seen goes: zero-width characters, joiners, soft hyphens, variation selectors, bidi controls, tags, Hangul fillers, controls;
 * - case is folded (see `foldCase`);
 * - Latin, Greek and Cyrillic letters, digits and other ASCII lose every mark (`café` is `cafe`, `й` is `и`); from other characters only general
 *   combining marks go (accents, strike-throughs, enclosures), so that Arabic, Hebrew, Indic, Thai, Japanese and Korean spelling stays;
 * - each run of white space becomes one space, and none is left at the ends.
 *
 * Normalising twice changes nothing. The result has at most 18 times as many UTF-16 units as the text.
 */
export function normalize(text: string): string {
  if (normalAscii.test(text)) return text;
  return tidyAscii.test(text) ? text.toLowerCase() : folder.fold(text);
}

/** The normal form of a text, and what in it comes from where. */
export function mapNormal(text: string): FoldedText {
  return folder.map(text);
}

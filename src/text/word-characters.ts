// Which characters make words in scripts that part words with spaces.

const wordCharacter = /[\p{L}\p{M}\p{N}]/u;
/** Scripts written without spaces, and Korean, which joins particles to its nouns. */
const unspacedScripts = [
  ...["Han", "Hiragana", "Katakana", "Bopomofo", "Hangul", "Yi", "Tangut", "Thai", "Lao", "Khmer", "Myanmar", "Tibetan"],
  ...["Tai_Le", "New_Tai_Lue", "Tai_Tham", "Tai_Viet", "Javanese", "Balinese"],
];
const unspaced = new RegExp(`[${unspacedScripts.map((script) => `\\p{Script=${script}}`).join("")}]`, "u");

const unknown = 0;
const joins = 1;
const parts = 2;
const kinds = new Uint8Array(0x10000);

/** Whether the character is a letter, mark or digit of a script with spaces: a word goes on across it. Others never hold words together. */
export function joinsWords(codePoint: number): boolean {
  if (codePoint > 0xffff) return kindOf(codePoint) === joins;
  const known = kinds[codePoint] ?? unknown;
  if (known !== unknown) return known === joins;
  const kind = kindOf(codePoint);
  kinds[codePoint] = kind;
  return kind === joins;
}

function kindOf(codePoint: number): number {
  const character = String.fromCodePoint(codePoint);
  return wordCharacter.test(character) && !unspaced.test(character) ? joins : parts;
}

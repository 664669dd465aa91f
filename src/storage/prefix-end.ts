// Prefixes as ranges of an index that orders strings by their UTF-8 bytes.

const lastCodePoint = 0x10_ffff;
const firstSurrogate = 0xd800;
const afterSurrogates = 0xe000;

/** The least string that sorts after every string with this prefix, by UTF-8 bytes; undefined when there is none. */
export function prefixEnd(prefix: string): string | undefined {
  const codePoints = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  while (codePoints.at(-1) === lastCodePoint) codePoints.pop();
  const last = codePoints.pop();
  if (last === undefined) return undefined;
  return String.fromCodePoint(...codePoints, last + 1 === firstSurrogate ? afterSurrogates : last + 1);
}

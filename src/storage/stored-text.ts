// Texts as every store can have them: PostgreSQL keeps no NUL, and the others compare with it.

/** What may be in JSON where a text is kept otherwise than it is written. */
const mayBeOdd = /\\u000[01]|\\ud[89a-f]/;

/**
 * The text as it is kept. NUL becomes two characters U+0001, and U+0001 becomes U+0001 and U+0002: kept texts sort as the texts do by their UTF-8
 * bytes, and one begins with another when the texts do. Lone surrogates, which UTF-8 has not, become U+FFFD as in every other store.
 */
export function toStoredText(text: string): string {
  const wellFormed = text.toWellFormed();
  if (!wellFormed.includes("\x01") && !wellFormed.includes("\0")) return wellFormed;
  return wellFormed.replaceAll("\x01", "\x01\x02").replaceAll("\0", "\x01\x01");
}

/** The text that is kept. */
export function fromStoredText(stored: string): string {
  if (!stored.includes("\x01")) return stored;
  return stored.replaceAll("\x01\x01", "\0").replaceAll("\x01\x02", "\x01");
}

/** JSON with all its texts as they are kept. */
export function toStoredJson(value: unknown): string {
  const json = JSON.stringify(value);
  if (!mayBeOdd.test(json)) return json;
  return JSON.stringify(value, (_, member: unknown) => (typeof member === "string" ? toStoredText(member) : member));
}

/** What JSON with kept texts says. */
export function fromStoredJson(json: string): unknown {
  if (!json.includes("\\u0001")) return JSON.parse(json);
  return JSON.parse(json, (_, member: unknown) => (typeof member === "string" ? fromStoredText(member) : member));
}

// Globs: patterns with `*` and `?` over whole texts.
import { PatternError } from "./pattern-error.ts";

/** The most UTF-16 units of a glob. With it, matching takes at most this many steps per character of the text. */
export const maxGlobLength = 256;

const anyOne = -1;
const anyRun = -2;

/**
 * Compiles a glob that a text must match from end to end: `*` stands for any run of characters, even none, `?` for exactly one character (a code
 * point), and `\` makes the next character stand for itself. Everything else is compared as it stands, case included. The function returned
 * takes time of at most the length of the text times the length of the glob. Throws PatternError for a glob that is too long or ends in `\`.
 */
export function compileGlob(pattern: string): (text: string) => boolean {
  const tokens = parseGlob(pattern);
  const literal = literalOf(tokens);
  return literal !== undefined ? (text) => text === literal : (text) => matchesTokens(tokens, text);
}

/**
 * Returns a function that says whether any of the globs matches a text. Globs without wildcards cost one look-up together; of the others only
 * those are tried whose first or last character is the text's. Throws PatternError, naming the glob, when one of them is wrong.
 */
export function createGlobSet(patterns: Iterable<string>): (text: string) => boolean {
  const literals = new Set<string>();
  const byFirst = new Map<number, Int32Array[]>();
  const byLast = new Map<number, Int32Array[]>();
  const others: Int32Array[] = [];
  for (const pattern of new Set(patterns)) {
    const tokens = parseGlob(pattern);
    const literal = literalOf(tokens);
    const first = tokens[0] ?? anyRun;
    const last = tokens.at(-1) ?? anyRun;
    if (literal !== undefined) literals.add(literal);
    else if (first >= 0) push(byFirst, first, tokens);
    else if (last >= 0) push(byLast, last, tokens);
    else others.push(tokens);
  }
  const anyOf = (globs: Int32Array[] | undefined, text: string): boolean => globs?.some((tokens) => matchesTokens(tokens, text)) ?? false;
  return (text) =>
    literals.has(text) ||
    (text !== "" && (anyOf(byFirst.get(text.codePointAt(0) ?? 0), text) || anyOf(byLast.get(lastCodePoint(text)), text))) ||
    anyOf(others, text);
}

/** Returns the code points of a glob, with the wildcards as negative numbers and no two runs side by side. */
function parseGlob(pattern: string): Int32Array {
  if (pattern.length > maxGlobLength)
    throw new PatternError(`The glob "${pattern.slice(0, 32)}…" is longer than ${maxGlobLength} characters; make it shorter.`);
  const tokens: number[] = [];
  let escaped = false;
  for (const character of pattern) {
    const codePoint = character.codePointAt(0) ?? 0;
    if (escaped) {
      tokens.push(codePoint);
      escaped = false;
    } else if (character === "\\") escaped = true;
    else if (character === "?") tokens.push(anyOne);
    else if (character !== "*") tokens.push(codePoint);
    else if (tokens.at(-1) !== anyRun) tokens.push(anyRun);
  }
  if (escaped) throw new PatternError(`The glob "${pattern}" ends in a backslash; write \\\\ for a backslash itself.`);
  return Int32Array.from(tokens);
}

/** Returns the only text that the glob matches, or undefined when it has wildcards. */
function literalOf(tokens: Int32Array): string | undefined {
  return tokens.every((token) => token >= 0) ? Array.from(tokens, (token) => String.fromCodePoint(token)).join("") : undefined;
}

/** Greedy: only the latest `*` is ever reconsidered, which is enough for globs. */
function matchesTokens(tokens: Int32Array, text: string): boolean {
  let token = 0;
  let position = 0;
  let runToken = -1;
  let runPosition = 0;
  while (position < text.length) {
    const wanted = tokens[token];
    const codePoint = text.codePointAt(position) ?? 0;
    if (wanted === anyRun) {
      runToken = token++;
      runPosition = position;
    } else if (wanted === codePoint || wanted === anyOne) {
      token++;
      position += codePoint > 0xffff ? 2 : 1;
    } else if (runToken >= 0) {
      token = runToken + 1;
      runPosition += (text.codePointAt(runPosition) ?? 0) > 0xffff ? 2 : 1;
      position = runPosition;
    } else return false;
  }
  while (tokens[token] === anyRun) token++;
  return token === tokens.length;
}

function lastCodePoint(text: string): number {
  const pair = text.codePointAt(text.length - 2) ?? 0;
  return pair > 0xffff ? pair : text.charCodeAt(text.length - 1);
}

function push(groups: Map<number, Int32Array[]>, key: number, tokens: Int32Array): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [tokens]);
  else group.push(tokens);
}

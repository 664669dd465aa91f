// The phrase matcher: finds any of many thousands of words and phrases in a text, in one pass.
import { normalize } from "./normalize.ts";
import { PatternError } from "./pattern-error.ts";
import { buildPhraseAutomaton } from "./phrase-automaton.ts";
import { skeletonsOf } from "./skeleton.ts";
import { joinsWords } from "./word-characters.ts";

/** The most UTF-16 units of a phrase. */
export const maxPhraseLength = 512;

/**
 * How phrases are compared: the strings under which a phrase is looked for. Each of them must be its own normal form. Texts come as `text` for
 * `normalForms` and as `skeleton(text)` for `skeletonForms`; a matcher of one kind must not be asked about the other kind of text, because a
 * skeleton is spelled like other words ("com" has the skeleton "corn").
 */
export type PhraseForms = (phrase: string) => readonly string[];

/** For `matchesList(name, …)`: the phrase, however it is spelled. */
export const normalForms: PhraseForms = (phrase) => [normalize(phrase)];

/** For `matchesList(skeleton(name), …)`: everything that looks like the phrase. */
export const skeletonForms: PhraseForms = skeletonsOf;

/** Where a phrase was found: positions in UTF-16 units of `normalize(text)`, the end excluded, and the phrase as it was listed. */
export interface PhraseMatch {
  start: number;
  end: number;
  phrase: string;
}

export interface PhraseMatcher {
  /** Whether any phrase is in the text, which is normalised first. Linear in the text for all phrases together. */
  matches(text: string): boolean;
  /** The phrases in the text, by rising end, overlapping ones too, at most `limit` of them (100 by default). */
  find(text: string, limit?: number): PhraseMatch[];
  /** How many different phrases it looks for. */
  size: number;
  /** The bytes of its tables, without the phrases themselves. */
  memoryBytes: number;
}

/** A phrase to look for, and at which ends a word may go on. */
interface Entry {
  form: string;
  phrase: string;
  openings: number;
}

const openStart = 1;
const openEnd = 2;

/**
 * Builds a matcher of words and phrases. A phrase is found where it stands as a whole word: neither the character before it nor the one after it
 * continues its word, so `ass` is not found in `class`. Scripts without spaces, and Korean, know no such ends: there a phrase is found anywhere,
 * and their characters end the words of other scripts (`新闻news`). A `*` at an end of the phrase lets the word go on there: `promo*` is found in
 * `promotion`; a star meant as such is written `\*`.
 *
 * Lists change by building a new matcher. Throws PatternError for a phrase that `checkPhrase` refuses.
 */
export function createPhraseMatcher(phrases: Iterable<string>, forms: PhraseForms = normalForms): PhraseMatcher {
  const unique = new Set(phrases);
  const entries: Entry[] = [];
  for (const phrase of unique) {
    const { bare, openings } = parsePhrase(phrase);
    for (const form of forms(bare)) if (form !== "") entries.push({ form, phrase, openings });
  }
  entries.sort((a, b) => (a.form < b.form ? -1 : a.form > b.form ? 1 : 0));

  // One string of the automaton for each form; its entries, one for each kind of ends, lie side by side.
  const strings: string[] = [];
  const firstEntry: number[] = [];
  for (const [index, { form }] of entries.entries()) {
    if (form === strings.at(-1)) continue;
    strings.push(form);
    firstEntry.push(index);
  }
  firstEntry.push(entries.length);
  const starts = Int32Array.from(firstEntry);
  const automaton = buildPhraseAutomaton(strings);

  /** Calls `found` for each match in normalised text until it returns true; returns whether it did. */
  const scan = (text: string, found: (entry: Entry, start: number, end: number) => boolean): boolean =>
    automaton.scan(text, (string, end) => {
      const start = end - (strings[string]?.length ?? 0);
      const needed = (goesOn(text, start) ? openStart : 0) | (goesOn(text, end) ? openEnd : 0);
      for (let index = starts[string] ?? 0; index < (starts[string + 1] ?? 0); index++) {
        const entry = entries[index];
        if (entry !== undefined && (needed & ~entry.openings) === 0 && found(entry, start, end)) return true;
      }
      return false;
    });

  return {
    matches: entries.length === 0 ? () => false : (text) => scan(normalize(text), () => true),
    find(text, limit = 100) {
      const matches: PhraseMatch[] = [];
      if (limit > 0)
        scan(normalize(text), ({ phrase }, start, end) => {
          matches.push({ start, end, phrase });
          return matches.length >= limit;
        });
      return matches;
    },
    size: unique.size,
    memoryBytes: automaton.memoryBytes + starts.byteLength,
  };
}

/** Throws PatternError when nothing could be found by the phrase, or when it is too long. */
export function checkPhrase(phrase: string): void {
  parsePhrase(phrase);
}

function parsePhrase(phrase: string): { bare: string; openings: number } {
  if (phrase.length > maxPhraseLength)
    throw new PatternError(`The phrase "${phrase.slice(0, 32)}…" is longer than ${maxPhraseLength} characters; make it shorter.`);
  let bare = phrase.trim();
  let openings = 0;
  if (bare.startsWith("*")) {
    bare = bare.slice(1);
    openings |= openStart;
  }
  if (bare.endsWith("*") && !bare.endsWith("\\*")) {
    bare = bare.slice(0, -1);
    openings |= openEnd;
  }
  bare = bare.replaceAll("\\*", "*");
  if (normalize(bare) === "")
    throw new PatternError(`The phrase "${phrase}" has no visible characters besides stars; write the words to look for.`);
  return { bare, openings };
}

/** Whether a word goes on across this position of normalised text. */
export function goesOn(text: string, position: number): boolean {
  if (position === 0 || position >= text.length) return false;
  const after = text.codePointAt(position) ?? 0;
  if (!joinsWords(after)) return false;
  const pair = position > 1 ? (text.codePointAt(position - 2) ?? 0) : 0;
  return joinsWords(pair > 0xffff ? pair : text.charCodeAt(position - 1));
}

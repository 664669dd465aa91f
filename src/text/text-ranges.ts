// Parts of a text: where the phrases of a list are in it, and what is put in their place.
import { goesOn, type PhraseMatcher } from "./phrase-matcher.ts";
import { type FoldedText, isInvisible } from "./text-folder.ts";

/** A part of a text: positions in UTF-16 units, the end excluded. */
export interface TextRange {
  start: number;
  end: number;
}

/** Of a text with more finds, all that follows counts as one. */
const maxFinds = 1000;

/**
 * Where phrases are in a text, in order, without overlaps: `fold` makes of the text what the phrases are looked for in. Where a star lets a word
 * go on, all of that word belongs to it. Linear in the text.
 */
export function findPhrases(matcher: PhraseMatcher, fold: (text: string) => FoldedText, text: string): TextRange[] {
  const folded = fold(text);
  const finds: TextRange[] = matcher.find(folded.text, maxFinds);
  const last = finds.at(-1);
  if (last !== undefined && finds.length === maxFinds) finds.push({ start: last.start, end: folded.text.length });
  const words = wholeWords(folded.text, joined(finds));
  return joined(words.map(({ start, end }) => ({ start: folded.starts[start] ?? 0, end: folded.ends[end - 1] ?? text.length })));
}

/** The text with every part replaced by `mark` for each character in it, as people see them; white space stays, and what cannot be seen goes. */
export function maskRanges(text: string, ranges: readonly TextRange[], mark: string): string {
  return mapCharacters(text, ranges, (character) => (isInvisible(character) ? "" : character.trim() === "" ? character : mark));
}

/**
 * The text with `replacement` in the place of every part; a part takes with it the characters that it is only a part of. One that goes on from
 * another text is only cut out.
 */
export function replaceRanges(text: string, ranges: readonly (TextRange & { goesOn: boolean })[], replacement: string): string {
  return mapCharacters(text, ranges, (_, isFirst, range) => (isFirst && ranges[range]?.goesOn === false ? replacement : ""));
}

/** Whether the text is one character as people see them. */
export function isOneCharacter(text: string): boolean {
  return [...segmenter.segment(text)].length === 1 && !isInvisible(text);
}

const segmenter = new Intl.Segmenter("und", { granularity: "grapheme" });

/** The text with every character that a part reaches into replaced. */
function mapCharacters(
  text: string,
  ranges: readonly TextRange[],
  replace: (character: string, isFirst: boolean, range: number) => string,
): string {
  let result = "";
  let next = 0;
  let inside = -1;
  for (const { segment, index } of segmenter.segment(text)) {
    while (next < ranges.length && (ranges[next]?.end ?? 0) <= index) next++;
    const range = ranges[next];
    if (range === undefined || range.start >= index + segment.length) {
      result += segment;
      continue;
    }
    result += replace(segment, inside !== next, next);
    inside = next;
  }
  return result;
}

/** The parts, which are in order and do not overlap, with the words that they begin or end in. */
function wholeWords(text: string, ranges: readonly TextRange[]): TextRange[] {
  let seen = 0;
  return ranges.map((range) => {
    let { start, end } = range;
    while (start > seen && goesOn(text, start)) start -= (text.codePointAt(start - 2) ?? 0) > 0xffff ? 2 : 1;
    end = Math.max(end, seen);
    while (goesOn(text, end)) end += (text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1;
    seen = end;
    return { start, end };
  });
}

/** The same parts in order, those that overlap or touch as one. */
function joined(ranges: readonly TextRange[]): TextRange[] {
  const result: TextRange[] = [];
  for (const { start, end } of ranges.toSorted((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else result.push({ start, end });
  }
  return result;
}

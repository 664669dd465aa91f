// How lists compare: what their entries may be, and what is made of them to ask.
import { ListKind } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { createCidrSet, parseCidr } from "../text/cidr.ts";
import { compileGlob, createGlobSet } from "../text/glob.ts";
import { mapNormal } from "../text/normalize.ts";
import { checkPhrase, createPhraseMatcher, normalForms, type PhraseForms, skeletonForms } from "../text/phrase-matcher.ts";
import { mapSkeleton } from "../text/skeleton.ts";
import type { FoldedText } from "../text/text-folder.ts";
import { findPhrases, type TextRange } from "../text/text-ranges.ts";

/** Asks a list about a text. */
export interface ListMatcher {
  /** Whether the text is on the list, or has one of its phrases in it; a list of phrases that is made for skeletons takes the skeleton. */
  has(text: string): boolean;
  /** Where its phrases are in the text as it is written, in order, without overlaps; nowhere for a list of another kind. */
  find(text: string): readonly TextRange[];
}

/** Makes matchers of the entries of lists that are not asked value by value; every entry must have passed `checkEntry`. */
export const listMatchers = {
  glob: (entries: readonly string[]): ListMatcher => matcherOfValues(createGlobSet(entries)),
  cidr: (entries: readonly string[]): ListMatcher => matcherOfValues(createCidrSet(entries)),
  /** Of a pattern list, for texts. */
  phrases: (entries: readonly string[]): ListMatcher => matcherOfPhrases(entries, normalForms, mapNormal),
  /** Of a pattern list, for skeletons of texts. */
  skeletons: (entries: readonly string[]): ListMatcher => matcherOfPhrases(entries, skeletonForms, mapSkeleton),
};

/** The matcher of a list that finds no parts of texts. */
export function matcherOfValues(has: (value: string) => boolean): ListMatcher {
  return { has, find: () => [] };
}

function matcherOfPhrases(entries: readonly string[], forms: PhraseForms, fold: (text: string) => FoldedText): ListMatcher {
  const matcher = createPhraseMatcher(entries, forms);
  return { has: matcher.matches, find: (text) => findPhrases(matcher, fold, text) };
}

/** What is wrong with a value for a list of this kind, as a sentence; undefined when nothing is. */
export function checkEntry(kind: ListKind, value: string): string | undefined {
  try {
    if (kind === ListKind.PATTERN) checkPhrase(value);
    if (kind === ListKind.GLOB) compileGlob(value);
    if (kind === ListKind.CIDR) parseCidr(value);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

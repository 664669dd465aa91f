// How lists compare: what their entries may be, and what is made of them to ask.
import { ListKind } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { createCidrSet, parseCidr } from "../text/cidr.ts";
import { compileGlob, createGlobSet } from "../text/glob.ts";
import { checkPhrase, createPhraseMatcher, normalForms, skeletonForms } from "../text/phrase-matcher.ts";

/** Whether a text is on a list, or has one of its phrases in it. */
export type ListMatcher = (text: string) => boolean;

/** Makes matchers of the entries of lists that are not asked value by value; every entry must have passed `checkEntry`. */
export const listMatchers = {
  glob: (entries: readonly string[]): ListMatcher => createGlobSet(entries),
  cidr: (entries: readonly string[]): ListMatcher => createCidrSet(entries),
  /** Of a pattern list, for texts. */
  phrases: (entries: readonly string[]): ListMatcher => createPhraseMatcher(entries, normalForms).matches,
  /** Of a pattern list, for skeletons of texts. */
  skeletons: (entries: readonly string[]): ListMatcher => createPhraseMatcher(entries, skeletonForms).matches,
};

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

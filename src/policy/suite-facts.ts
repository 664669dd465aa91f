// The world that a suite gives to its tests, as the facts that rules ask.
import { durationMs } from "@bufbuild/protobuf/wkt";
import { ListKind } from "../../gen/gatehouse/v1/list_service_pb.ts";
import type { SuiteWorld } from "../../gen/gatehouse/v1/policy_suite_pb.ts";
import { createCidrSet } from "../text/cidr.ts";
import { createGlobSet } from "../text/glob.ts";
import { normalize } from "../text/normalize.ts";
import { createPhraseMatcher, normalForms, skeletonForms } from "../text/phrase-matcher.ts";
import type { DeclaredLists } from "./condition-calls.ts";
import { type Facts, Skeleton } from "./functions.ts";

type Predicate = (text: string) => boolean;

/** A list with its entries, asked as its kind compares. */
interface SuiteListMatcher {
  has: Predicate;
  matches(text: string | Skeleton): boolean;
}

/**
 * Makes the facts of tests: those of the suite's world, with those of a test's own world over them. Lists must be declared with a kind that
 * their entries fit.
 */
export function createSuiteFacts(listKinds: DeclaredLists, suite: SuiteWorld | undefined): (test: SuiteWorld | undefined) => Facts {
  const ofSuite = matchersOf(listKinds, suite);
  return (test) => {
    const ofTest = matchersOf(listKinds, test);
    const matcher = (list: string) => ofTest.get(list) ?? ofSuite.get(list);
    const accounts = new Map([suite, test].flatMap((world) => Object.entries(world?.liveAccounts ?? {})));
    const names = new Set([suite, test].flatMap((world) => world?.namesInUse ?? []).map(normalize));
    const rates = [test, suite].flatMap((world) => world?.rates ?? []);
    return {
      inList: (list, value) => matcher(list)?.has(value) ?? false,
      matchesList: (list, text) => matcher(list)?.matches(text) ?? false,
      liveAccounts: (owner) => accounts.get(owner) ?? 0,
      nameInUse: (name) => names.has(normalize(name)),
      rate: (action, key, windowMs) =>
        rates.find(
          (rate) => rate.action === action && rate.key === key && (rate.window === undefined || durationMs(rate.window) === windowMs),
        )?.count ?? 0,
    };
  };
}

/** What is wrong with an entry for a list of this kind, as a sentence; undefined when nothing is. */
export function problemOfEntry(kind: ListKind, entry: string): string | undefined {
  try {
    createListMatcher(kind, [entry]).has("");
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function matchersOf(listKinds: DeclaredLists, world: SuiteWorld | undefined): Map<string, SuiteListMatcher> {
  const lists = Object.entries(world?.lists ?? {});
  return new Map(lists.map(([name, { entries }]) => [name, createListMatcher(listKinds.get(name) ?? ListKind.EXACT, entries)]));
}

/** Throws PatternError, when it is first asked, for an entry that does not fit the kind. */
function createListMatcher(kind: ListKind, entries: readonly string[]): SuiteListMatcher {
  const has = once(() => {
    if (kind === ListKind.GLOB) return createGlobSet(entries);
    if (kind === ListKind.CIDR) return createCidrSet(entries);
    if (kind === ListKind.PATTERN) return createPhraseMatcher(entries, normalForms).matches;
    const values = new Set(entries);
    return (value: string) => values.has(value);
  });
  const looksLike = once(() => createPhraseMatcher(entries, skeletonForms).matches);
  return {
    has: (text) => has()(text),
    matches: (text) => (text instanceof Skeleton ? looksLike()(text.text) : has()(text)),
  };
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

// The world that a suite gives to its tests, as the facts that rules ask.
import { durationMs } from "@bufbuild/protobuf/wkt";
import { ListKind } from "../../gen/gatehouse/v1/list_service_pb.ts";
import type { SuiteWorld } from "../../gen/gatehouse/v1/policy_suite_pb.ts";
import { normalize } from "../text/normalize.ts";
import type { TextRange } from "../text/text-ranges.ts";
import type { DeclaredLists } from "./condition-calls.ts";
import { type Facts, Skeleton } from "./functions.ts";
import { type ListMatcher, listMatchers, matcherOfValues } from "./list-matchers.ts";
import { sameTextKey } from "./same-text.ts";
import type { SignalAnswers } from "./signal-answers.ts";

/** A list with its entries, asked as its kind compares. */
interface SuiteListMatcher {
  has(value: string): boolean;
  matches(text: string | Skeleton): boolean;
  find(text: string, lookAlikes: boolean): readonly TextRange[];
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
    const subscriptions = new Map([suite, test].flatMap((world) => Object.entries(world?.subscriptions ?? {})));
    const subscribers = new Map([suite, test].flatMap((world) => Object.entries(world?.subscribers ?? {})));
    const subscribed = [suite, test].flatMap((world) => world?.subscribed ?? []);
    const messagesSent = new Map([suite, test].flatMap((world) => Object.entries(world?.messagesSent ?? {})));
    const sameTexts = [test, suite].flatMap((world) => world?.sameTexts ?? []);
    const rates = [
      ...[test, suite].flatMap((world) => world?.rates ?? []),
      ...sameTexts.map((one) => ({ ...one, action: "send_message", key: sameTextKey(one.accountId, one.text) })),
    ];
    return {
      inList: (list, value) => matcher(list)?.has(value) ?? false,
      matchesList: (list, text) => matcher(list)?.matches(text) ?? false,
      findInList: (list, text, lookAlikes) => matcher(list)?.find(text, lookAlikes) ?? [],
      liveAccounts: (owner) => accounts.get(owner) ?? 0,
      nameInUse: (name) => names.has(normalize(name)),
      subscriptions: (user) => subscriptions.get(user) ?? 0,
      subscribers: (accountId) => subscribers.get(accountId) ?? 0,
      messagesSent: (accountId) => messagesSent.get(accountId) ?? 0,
      isSubscribed: (user, accountId) => subscribed.some((one) => one.user === user && one.accountId === accountId),
      rate: (action, key, windowMs) =>
        rates.find(
          (rate) => rate.action === action && rate.key === key && (rate.window === undefined || durationMs(rate.window) === windowMs),
        )?.count ?? 0,
    };
  };
}

/** Makes what signals say in tests, in the same way: what is not given is 0. */
export function createSuiteSignals(suite: SuiteWorld | undefined): (test: SuiteWorld | undefined) => SignalAnswers {
  return (test) => {
    const given = [test, suite].flatMap((world) => world?.signals ?? []);
    return {
      answerOf: (signal, text) => {
        const found = given.find((one) => one.signal === signal && (one.text === "" || one.text === text));
        return { value: found?.value ?? 0, failure: "" };
      },
    };
  };
}

function matchersOf(listKinds: DeclaredLists, world: SuiteWorld | undefined): Map<string, SuiteListMatcher> {
  const lists = Object.entries(world?.lists ?? {});
  return new Map(lists.map(([name, { entries }]) => [name, createListMatcher(listKinds.get(name) ?? ListKind.EXACT, entries)]));
}

/** Throws PatternError, when it is first asked, for an entry that does not fit the kind. */
function createListMatcher(kind: ListKind, entries: readonly string[]): SuiteListMatcher {
  const plain = once((): ListMatcher => {
    if (kind === ListKind.GLOB) return listMatchers.glob(entries);
    if (kind === ListKind.CIDR) return listMatchers.cidr(entries);
    if (kind === ListKind.PATTERN) return listMatchers.phrases(entries);
    const values = new Set(entries);
    return matcherOfValues((value) => values.has(value));
  });
  const looksLike = once(() => listMatchers.skeletons(entries));
  return {
    has: (text) => plain().has(text),
    matches: (text) => (text instanceof Skeleton ? looksLike().has(text.text) : plain().has(text)),
    find: (text, lookAlikes) => (lookAlikes ? looksLike() : plain()).find(text),
  };
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

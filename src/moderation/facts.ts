// What rules may ask of the world, made from the store's facts: lists of every kind, and the counts of one app.
import { ListKind } from "../../gen/gatehouse/v1/list_service_pb.ts";
import type { CompiledPolicy } from "../policy/compile.ts";
import { type Facts, Skeleton } from "../policy/functions.ts";
import { type ListMatcher, listMatchers } from "../policy/list-matchers.ts";
import type { StoredFacts } from "../storage/storage.ts";
import { normalize } from "../text/normalize.ts";

/** Makes the facts for one question of a policy. */
export type FactsOf = (stored: StoredFacts, appId: number, policy: CompiledPolicy) => Facts;

type MatcherKind = keyof typeof listMatchers;

/** Keeps the matchers of lists, each made anew when its list has changed. */
export function createFactsOf(): FactsOf {
  const madeOf = new Map<string, Partial<Record<MatcherKind, { version: number; matcher: ListMatcher }>>>();

  function matcherOf(stored: StoredFacts, list: string, kind: MatcherKind): ListMatcher {
    const version = stored.listVersion(list);
    let matchers = madeOf.get(list);
    if (matchers === undefined) {
      matchers = {};
      madeOf.set(list, matchers);
    }
    let made = matchers[kind];
    if (made?.version !== version) {
      made = { version, matcher: listMatchers[kind](stored.listValues(list)) };
      matchers[kind] = made;
    }
    return made.matcher;
  }

  function factsOf(stored: StoredFacts, appId: number, policy: CompiledPolicy): Facts {
    return {
      inList(list, value) {
        const kind = policy.listKinds.get(list);
        if (kind === ListKind.GLOB) return matcherOf(stored, list, "glob").has(value);
        if (kind === ListKind.CIDR) return matcherOf(stored, list, "cidr").has(value);
        return stored.inList(list, value);
      },
      matchesList: (list, text) =>
        text instanceof Skeleton ? matcherOf(stored, list, "skeletons").has(text.text) : matcherOf(stored, list, "phrases").has(text),
      findInList: (list, text, lookAlikes) => matcherOf(stored, list, lookAlikes ? "skeletons" : "phrases").find(text),
      // Nobody in particular owns nothing: accounts whose owner is not known are no one's.
      liveAccounts: (owner) => (owner === "" ? 0 : stored.liveAccounts(appId, owner)),
      nameInUse: (name) => stored.nameInUse(appId, normalize(name)),
      subscriptions: (user) => stored.subscriptions(appId, user),
      subscribers: (accountId) => stored.subscribers(appId, accountId),
      messagesSent: (accountId) => stored.messagesSent(appId, accountId),
      isSubscribed: (user, accountId) => stored.isSubscribed(appId, accountId, user),
      rate: (action, key, windowMs) => stored.rate({ appId, action, windowMs }, key),
    };
  }

  let last: { stored: StoredFacts; appId: number; policy: CompiledPolicy; facts: Facts } | undefined;
  return (stored, appId, policy) => {
    // Under load many questions have the same of all three.
    if (last?.stored !== stored || last.appId !== appId || last.policy !== policy) {
      last = { stored, appId, policy, facts: factsOf(stored, appId, policy) };
    }
    return last.facts;
  };
}

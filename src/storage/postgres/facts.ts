// The facts that rules ask: what is committed, and what decisions of the same batch have taken and counted.
import { bucketStartMs, firstBucketStartMs } from "../rate-buckets.ts";
import type { StoredFacts } from "../storage.ts";
import { isInForce } from "../subscription-merge.ts";
import type { UnderWay } from "../under-way.ts";
import type { Asking } from "./asking.ts";
import type { KnownValues, Memory } from "./memory.ts";

/**
 * Creates the facts of a moment over questions. What is not answered yet is nothing: false, 0, none; then the questions are open, and whoever
 * asked must ask again.
 */
export function createFacts(nowMs: number, asking: Asking, memory: Memory, underWay: UnderWay): StoredFacts {
  function count(answer: unknown): number {
    return typeof answer === "number" ? answer : 0;
  }

  /** What is known of the list when that is so still; null when there is no such list, undefined when its values must be asked. */
  function knownValues(list: string): KnownValues | null | undefined {
    const answer = asking.ask("listVersion", list, nowMs) as [version: number, lastExpiryMs: number | null] | null | undefined;
    if (answer === null) return null;
    const latest = memory.latest(list);
    // Until the version is answered, the list is taken to be as it was.
    if (answer === undefined) return latest;
    const [version, lastExpiryMs] = answer;
    if (latest?.version === version && latest.lastExpiryMs === lastExpiryMs) return latest;
    const values = asking.peek("listValues", list, nowMs) as string[] | null | undefined;
    return values === undefined ? undefined : memory.keep(list, { version, lastExpiryMs }, values ?? []);
  }

  return {
    inList(list, value) {
      const expireMs = asking.ask("entry", list, value);
      return typeof expireMs === "number" && (expireMs === 0 || expireMs > nowMs);
    },

    listVersion(list) {
      const known = knownValues(list);
      return known === null ? 0 : (known?.number ?? memory.freshNumber());
    },

    listValues(list) {
      const known = knownValues(list);
      if (known === undefined) asking.ask("listValues", list, nowMs);
      return [...(known?.values ?? [])];
    },

    liveAccounts: (appId, owner) => count(asking.ask("liveAccounts", appId, owner, nowMs)) + underWay.reservedBy(appId, owner, nowMs),

    nameInUse(appId, normalizedName) {
      // What has no name is not in the way of another that has none.
      if (normalizedName === "") return false;
      return underWay.hasName(appId, normalizedName, nowMs) || asking.ask("nameInUse", appId, normalizedName, nowMs) === true;
    },

    subscriptions: (appId, user) => count(asking.ask("subscriptionCount", appId, user)),

    subscribers: (appId, accountId) => count(asking.ask("subscriberCount", appId, accountId)),

    isSubscribed(appId, accountId, user) {
      const answer = asking.ask("subscription", appId, accountId, user) as [number | null, number | null] | null | undefined;
      return answer ? isInForce({ sinceMs: answer[0], untilMs: answer[1] }) : false;
    },

    messagesSent: (appId, accountId) => count(asking.ask("messagesSent", appId, accountId)),

    pointedVersion: (pointer) => (asking.head() ?? memory).pointed[pointer] ?? undefined,

    rate(counter, key) {
      const { appId, action, windowMs } = counter;
      const [first, last] = [firstBucketStartMs(windowMs, nowMs), bucketStartMs(windowMs, nowMs)];
      return count(asking.ask("rate", appId, action, windowMs, key, first, last)) + underWay.countedIn(counter, key, first, last);
    },
  };
}

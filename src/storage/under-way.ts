// What appends that are under way have taken and counted: what is not on disk yet and must be seen all the same.
import type { AskedCreation, RateCounter } from "./storage.ts";

/** What is taken and counted under way. */
export interface UnderWay {
  /** A creation takes what it says, nothing when it takes no room. */
  take(appId: number, creation: AskedCreation): void;
  giveBack(appId: number, creation: AskedCreation): void;
  /** How many rooms of the owner are taken by creations that have not lapsed. */
  reservedBy(appId: number, owner: string, nowMs: number): number;
  /** Whether a creation that has not lapsed takes the name. */
  hasName(appId: number, normalizedName: string, nowMs: number): boolean;
  count(counter: RateCounter, key: string, bucketStartMs: number): void;
  uncount(counter: RateCounter, key: string, bucketStartMs: number): void;
  /** How often the key was counted in buckets that begin in a range, both ends included. */
  countedIn(counter: RateCounter, key: string, firstMs: number, lastMs: number): number;
}

/** Creates a place for what is under way; nothing is at first. */
export function createUnderWay(): UnderWay {
  const byOwner = createBags<number, AskedCreation>();
  const byName = createBags<number, AskedCreation>();
  // A counter's own object is its key, found through the levels of what makes it.
  const counters = new Map<number, Map<string, Map<number, RateCounter>>>();
  const bucketStarts = createBags<RateCounter, number>();

  function known({ appId, action, windowMs }: RateCounter): RateCounter | undefined {
    return counters.get(appId)?.get(action)?.get(windowMs);
  }

  function learn(counter: RateCounter): RateCounter {
    const ofApp = counters.get(counter.appId) ?? new Map<string, Map<number, RateCounter>>();
    const ofAction = ofApp.get(counter.action) ?? new Map<number, RateCounter>();
    counters.set(counter.appId, ofApp.set(counter.action, ofAction.set(counter.windowMs, counter)));
    return counter;
  }

  return {
    take(appId, creation) {
      if (!creation.takesRoom) return;
      byOwner.add(appId, creation.owner, creation);
      if (creation.takesName) byName.add(appId, creation.takesName, creation);
    },
    giveBack(appId, creation) {
      if (!creation.takesRoom) return;
      byOwner.remove(appId, creation.owner, creation);
      if (creation.takesName) byName.remove(appId, creation.takesName, creation);
    },
    reservedBy: (appId, owner, nowMs) => countWhere(byOwner.of(appId, owner), ({ lapseMs = 0 }) => lapseMs > nowMs),
    hasName: (appId, normalizedName, nowMs) => byName.of(appId, normalizedName).some(({ lapseMs = 0 }) => lapseMs > nowMs),
    count(counter, key, bucketStartMs) {
      bucketStarts.add(known(counter) ?? learn(counter), key, bucketStartMs);
    },
    uncount(counter, key, bucketStartMs) {
      const own = known(counter);
      if (own !== undefined) bucketStarts.remove(own, key, bucketStartMs);
    },
    countedIn(counter, key, firstMs, lastMs) {
      const own = known(counter);
      return own === undefined ? 0 : countWhere(bucketStarts.of(own, key), (startMs) => firstMs <= startMs && startMs <= lastMs);
    },
  };
}

/** Items in any number under a key of two parts. */
interface Bags<Key, Item> {
  add(key: Key, text: string, item: Item): void;
  remove(key: Key, text: string, item: Item): void;
  of(key: Key, text: string): readonly Item[];
}

function createBags<Key, Item>(): Bags<Key, Item> {
  const bags = new Map<Key, Map<string, Item[]>>();
  return {
    add(key, text, item) {
      let ofKey = bags.get(key);
      if (ofKey === undefined) {
        ofKey = new Map();
        bags.set(key, ofKey);
      }
      const bag = ofKey.get(text);
      if (bag === undefined) ofKey.set(text, [item]);
      else bag.push(item);
    },
    remove(key, text, item) {
      const ofKey = bags.get(key);
      const bag = ofKey?.get(text);
      const index = bag?.indexOf(item) ?? -1;
      if (index >= 0) bag?.splice(index, 1);
      if (bag?.length === 0) ofKey?.delete(text);
    },
    of: (key, text) => bags.get(key)?.get(text) ?? [],
  };
}

function countWhere<Item>(items: readonly Item[], holds: (item: Item) => boolean): number {
  let count = 0;
  for (const item of items) if (holds(item)) count += 1;
  return count;
}

// What is kept in memory of lists whose values rules go through: the values, and a number for them.

/** When the unexpired entries of a list are the same: its version, and when an entry last expired. */
export interface ListVersion {
  version: number;
  lastExpiryMs: number | null;
}

/** The values of a list at one version. */
export interface KnownValues extends ListVersion {
  /** Another one for every other version of every list. */
  number: number;
  values: string[];
}

/** Keeps the latest values of each list. */
export interface ListMemory {
  /** What is known of the list, be it so still or not. */
  latest(list: string): KnownValues | undefined;
  keep(list: string, at: ListVersion, values: string[]): KnownValues;
  /** A number that is given once, for values that nobody knows yet: what is made of them is made anew the next time. */
  freshNumber(): number;
}

/** Creates the memory, empty. */
export function createListMemory(): ListMemory {
  const latest = new Map<string, KnownValues>();
  let last = 0;
  const freshNumber = () => {
    last += 1;
    return last;
  };
  return {
    latest: (list) => latest.get(list),
    keep(list, { version, lastExpiryMs }, values) {
      const known = { version, lastExpiryMs, number: freshNumber(), values };
      latest.set(list, known);
      return known;
    },
    freshNumber,
  };
}

// What is kept in memory of what was read: as long as it is not read anew, it is taken to be so still.

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

/** Which versions the pointers point at; null: at none. */
export interface PointedVersions {
  live: string | null;
  shadow: string | null;
}

/** Keeps the latest of what was read. */
export interface Memory {
  /** What is known of a list whose values rules go through, be it so still or not. */
  latest(list: string): KnownValues | undefined;
  keep(list: string, at: ListVersion, values: string[]): KnownValues;
  /** A number that is given once, for values that nobody knows yet: what is made of them is made anew the next time. */
  freshNumber(): number;
  /** Where the pointers pointed last. */
  pointed: PointedVersions;
}

/** Creates a memory of nothing. */
export function createMemory(): Memory {
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
    pointed: { live: null, shadow: null },
  };
}

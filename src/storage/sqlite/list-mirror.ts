// The values of small lists in memory, where rules ask them in a twentieth of the time that a statement takes.

/** A mirror of the lists on disk. It is exact as long as every edit goes through `edit` and nobody else writes to the database. */
export interface ListMirror {
  /**
   * Whether the value is on the list; undefined when the mirror cannot say, because the list is too long for it. Must not be called while
   * `isSettled` is false.
   */
  has(list: string, value: string): boolean | undefined;
  /** Whether no edit is under way: while one is, what is on disk changes at an unknown moment, and only the disk can say. */
  isSettled(): boolean;
  /** Follows an edit: does it, and then the same in memory, unless there was no such list. Results in what the edit resulted in. */
  edit(list: string, perform: () => Promise<number>, follow: (values: Set<string>) => void): Promise<number>;
}

/** How many values a list may have to be mirrored: some megabytes. */
const maxMirroredValues = 50_000;

/** Creates a mirror that reads a list when it is first asked. `load` results in at most `limit` values. */
export function createListMirror(load: (list: string, limit: number) => string[]): ListMirror {
  /** Lists by name: their values, or undefined for those that are too long. */
  const lists = new Map<string, Set<string> | undefined>();
  let editsUnderWay = 0;

  function mirrorOf(list: string): Set<string> | undefined {
    if (lists.has(list)) return lists.get(list);
    const values = load(list, maxMirroredValues + 1);
    const mirrored = values.length > maxMirroredValues ? undefined : new Set(values);
    lists.set(list, mirrored);
    return mirrored;
  }

  return {
    has: (list, value) => mirrorOf(list)?.has(value),
    isSettled: () => editsUnderWay === 0,
    async edit(list, perform, follow) {
      editsUnderWay += 1;
      try {
        const result = await perform();
        const values = lists.get(list);
        if (values !== undefined && result >= 0) {
          follow(values);
          if (values.size > maxMirroredValues) lists.delete(list);
        }
        return result;
      } catch (error) {
        // It may be on disk or not: the list is read again when it is next asked.
        lists.delete(list);
        throw error;
      } finally {
        editsUnderWay -= 1;
      }
    },
  };
}

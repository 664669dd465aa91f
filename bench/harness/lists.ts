// What is on the lists of the benches' policy.
import { idText, listedEvery } from "./requests.ts";

/** How many phrases the pattern list has at most; none of them occurs in a request. */
const maxPhrases = 10_000;

/** How many entries of an exact list can be met by a request; the entries after these only fill it. */
const metEntries = 100_000;

/** The entry at `i` of each list. */
export const listEntries: Readonly<Record<string, (i: number) => string>> = {
  banned_users: (i) => (i < metEntries ? `u${idText(i * listedEvery)}` : `x${idText(i)}`),
  banned_owners: (i) => (i < metEntries ? `u${idText(i * listedEvery)}` : `x${idText(i)}`),
  reserved_names: (i) => (i < metEntries ? `Channel ${idText(i * listedEvery)} News` : `Station ${idText(i)}`),
  protected_names: (i) => `protected phrase number ${i}`,
};

/** How many entries a list gets when the lists are to have `entries`. */
export function entryCount(list: string, entries: number): number {
  return list === "protected_names" ? Math.min(entries, maxPhrases) : entries;
}

// What is kept in memory of each list: a filter that answers most questions about values that are not on it, and a version.
import { createMembershipFilter, type MembershipFilter } from "./membership-filter.ts";
import { nextTurn } from "./next-turn.ts";
import type { Reader } from "./reader.ts";

/** A list that is there. */
export interface KnownList {
  listId: number;
  /** False only when the value is not on the list; true whenever only the table can say. */
  mayHave(value: string): boolean;
  /** Another number whenever the entries that have not expired at `nowMs` may be others. */
  versionAt(nowMs: number): number;
}

/** The lists that are there. Exact as long as all edits are told and nobody else writes to the database. */
export interface KnownLists {
  find(name: string): KnownList | undefined;
  /** To be called before values are sent to be added. */
  beginAdding(name: string, values: readonly string[]): void;
  /** To be called when an edit was settled: with the values that it may have added, and how many of them are new as far as is known. */
  settleEdit(name: string, values: readonly string[], newCount: number): void;
  /** To be called when lists may have been made. */
  settleMaking(): void;
  /** Ends what goes on in the background. */
  close(): void;
}

/** A list with its filter. The filter has at least what is on disk and what is being added. */
interface ListState extends KnownList {
  /** Undefined while the first one is being made. */
  filter: MembershipFilter | undefined;
  /** One that is being made, to take its place. */
  nextFilter: MembershipFilter | undefined;
  /** How many values were put into the filter, and how many may be before it is made anew, larger. */
  filled: number;
  capacity: number;
  version: number;
  /** From when on and until when the version holds: no entry expires between them. */
  validFromMs: number;
  validUntilMs: number;
}

interface ListRow {
  list_id: number;
  name: string;
  entry_count: number;
}

/** How many values are read at once for a filter: less than a millisecond. */
const valuesPerPart = 500;
const leastCapacity = 1024;
/** How long to wait when the values could not be read. */
const retryMs = 1000;

/** Creates the memory of lists over the reading side of the store. Filters are made in the background. */
export function createKnownLists(reader: Reader): KnownLists {
  const lists = new Map<string, ListState>();
  let mayHaveNewLists = true;
  let lastVersion = 0;
  let closed = false;
  let filling: Promise<void> = Promise.resolve();

  function learnNewLists(): void {
    for (const row of reader.all<ListRow>("SELECT list_id, name, entry_count FROM lists")) {
      if (!lists.has(row.name)) lists.set(row.name, createState(row));
    }
    mayHaveNewLists = false;
  }

  function createState({ list_id: listId, entry_count: entryCount }: ListRow): ListState {
    const state: ListState = {
      listId,
      filter: undefined,
      nextFilter: undefined,
      filled: 0,
      capacity: 0,
      version: 0,
      validFromMs: Number.POSITIVE_INFINITY,
      validUntilMs: Number.NEGATIVE_INFINITY,
      mayHave: (value) => state.filter?.mayHave(value) ?? true,
      versionAt(nowMs) {
        if (nowMs < state.validFromMs || nowMs >= state.validUntilMs) renewVersion(state, nowMs);
        return state.version;
      },
    };
    startFilter(state, entryCount);
    return state;
  }

  function renewVersion(state: ListState, nowMs: number): void {
    const expiries = `SELECT (SELECT max(expire_time) FROM list_entries WHERE list_id = ? AND expire_time <= ?) AS last,
      (SELECT min(expire_time) FROM list_entries WHERE list_id = ? AND expire_time > ?) AS next`;
    const row = reader.get<{ last: number | null; next: number | null }>(expiries, state.listId, nowMs, state.listId, nowMs);
    state.validFromMs = row?.last ?? Number.NEGATIVE_INFINITY;
    state.validUntilMs = row?.next ?? Number.POSITIVE_INFINITY;
    lastVersion += 1;
    state.version = lastVersion;
  }

  function startFilter(state: ListState, entryCount: number): void {
    const capacity = Math.max(leastCapacity, 2 * entryCount);
    const filter = createMembershipFilter(capacity);
    if (entryCount === 0) {
      Object.assign(state, { filter, capacity });
      return;
    }
    state.nextFilter = filter;
    // One list at a time, so that many lists take no more of each turn than one.
    filling = filling.then(async () => {
      try {
        const filled = await fillFilter(state, filter);
        if (filled === undefined) return;
        Object.assign(state, { filter, nextFilter: undefined, filled, capacity });
        growFilter(state);
      } catch {
        state.nextFilter = undefined;
        if (!closed) setTimeout(() => startFilter(state, entryCount), retryMs).unref();
      }
    });
  }

  /** Resolves to how many values were on the list; undefined when the store was closed meanwhile. */
  async function fillFilter(state: ListState, filter: MembershipFilter): Promise<number | undefined> {
    let filled = 0;
    let after: string | undefined;
    while (!closed) {
      const values = readValues(state.listId, after);
      for (const { value } of values) filter.add(value);
      filled += values.length;
      if (values.length < valuesPerPart) return filled;
      after = values.at(-1)?.value;
      await nextTurn();
    }
    return undefined;
  }

  function readValues(listId: number, after: string | undefined): { value: string }[] {
    const select = "SELECT value FROM list_entries WHERE list_id = ?";
    return after === undefined
      ? reader.all(`${select} ORDER BY value LIMIT ?`, listId, valuesPerPart)
      : reader.all(`${select} AND value > ? ORDER BY value LIMIT ?`, listId, after, valuesPerPart);
  }

  function growFilter(state: ListState): void {
    if (state.filled > state.capacity && state.filter !== undefined && state.nextFilter === undefined) startFilter(state, state.filled);
  }

  function put(state: ListState | undefined, values: readonly string[]): void {
    for (const value of values) {
      state?.filter?.add(value);
      state?.nextFilter?.add(value);
    }
  }

  learnNewLists();

  return {
    find(name) {
      if (mayHaveNewLists) learnNewLists();
      return lists.get(name);
    },
    beginAdding(name, values) {
      put(lists.get(name), values);
    },
    settleEdit(name, values, newCount) {
      const state = lists.get(name);
      if (state === undefined) return;
      // Once more: a filter may have been begun after the values were sent, and have passed their places before they were there.
      put(state, values);
      state.filled += newCount;
      state.validUntilMs = Number.NEGATIVE_INFINITY;
      growFilter(state);
    },
    settleMaking() {
      mayHaveNewLists = true;
    },
    close() {
      closed = true;
    },
  };
}

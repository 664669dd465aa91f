// What is kept in memory of each list: what answers most questions about its values, and a version.
import { ListKind } from "../../../gen/gatehouse/v1/list_service_pb.ts";
import { createFingerprintSet, type FingerprintSet, fingerprintSetBytes } from "./fingerprint-set.ts";
import { createMembershipFilter, type MembershipFilter } from "./membership-filter.ts";
import { nextTurn } from "./next-turn.ts";
import type { Reader } from "./reader.ts";
import type { KeyedHash } from "./sip-hash.ts";
import type { EntryValues } from "./writes.ts";

/** A list that is there. */
export interface KnownList {
  listId: number;
  /** Whether the value is on the list and has not expired; undefined when only the table can say. */
  recall(value: string): boolean | undefined;
  /** Another number whenever the entries that have not expired at `nowMs` may be others. */
  versionAt(nowMs: number): number;
}

/**
 * The lists that are there. Exact as long as all edits are told, in the order in which they are done and before anything that they may have
 * written is read, and nobody else writes to the database.
 */
export interface KnownLists {
  find(name: string): KnownList | undefined;
  /** To be called when an addition was settled: with how many values are new, or with undefined when it failed, or may have. */
  settleAdding(name: string, entries: readonly EntryValues[], newCount: number | undefined): void;
  /** To be called when a removal was settled: with how many values were there, or with undefined when it failed, or may have. */
  settleRemoving(name: string, values: readonly string[], count: number | undefined): void;
  /** To be called when lists may have been made. */
  settleMaking(): void;
  /** Ends what goes on in the background. */
  close(): void;
}

/** What answers for the values of one list, as the settled edits have made it. */
interface ListMemory {
  /** Has at least what is on the list, and what failed edits may have put there: what it denies is not on the list. */
  filter: MembershipFilter;
  /** Has at most what is on the list and never expires: what is in it is on the list. Undefined when there was no room. */
  fingerprints: FingerprintSet | undefined;
  /** How many values were put into the filter, and how many may be before another memory is made, a larger one. */
  filled: number;
  capacity: number;
}

interface ListState extends KnownList {
  kind: ListKind;
  /** About how many entries are on the list, of which a removal leaves the value in the filter. */
  entryCount: number;
  /** Undefined while the first one is being made. */
  memory: ListMemory | undefined;
  /** One that is being made, to take its place. */
  nextMemory: ListMemory | undefined;
  /** Whether one is being made, or waits for its turn. */
  isMemoryDue: boolean;
  version: number;
  /** From when on and until when the version holds: no entry expires between them. */
  validFromMs: number;
  validUntilMs: number;
}

interface ListRow {
  list_id: number;
  name: string;
  kind: ListKind;
  entry_count: number;
}

/** How many values are read at once for a memory: about a millisecond. */
const valuesPerPart = 500;
const leastCapacity = 1024;
/** For how many times its values the memory of a list is made: at first, and when it has grown, so that it is not made anew too often. */
const firstRoom = 1.25;
const grownRoom = 1.5;
/** The filter is made for more, so that most questions end at the first of its bits. */
const filterRoom = 1.6;
/** How long to wait when the values could not be read. */
const retryMs = 1000;
/** How much the fingerprints of all lists may take: some million and a half values. */
const defaultFingerprintBytes = 2 ** 25;

/**
 * Creates the memory of lists over the reading side of the store. It is made in the background. Lists whose fingerprints do not fit into what is
 * left of `maxFingerprintBytes` do without.
 */
export function createKnownLists(reader: Reader, hash: KeyedHash, maxFingerprintBytes = defaultFingerprintBytes): KnownLists {
  const lists = new Map<string, ListState>();
  let freeBytes = maxFingerprintBytes;
  let mayHaveNewLists = true;
  let lastVersion = 0;
  let closed = false;
  let filling: Promise<void> = Promise.resolve();

  function learnNewLists(): void {
    for (const row of reader.all<ListRow>("SELECT list_id, name, kind, entry_count FROM lists")) {
      if (!lists.has(row.name)) lists.set(row.name, createState(row));
    }
    mayHaveNewLists = false;
  }

  function createState({ list_id: listId, kind, entry_count: entryCount }: ListRow): ListState {
    const state: ListState = {
      listId,
      kind,
      entryCount,
      memory: undefined,
      nextMemory: undefined,
      isMemoryDue: false,
      version: 0,
      validFromMs: Number.POSITIVE_INFINITY,
      validUntilMs: Number.NEGATIVE_INFINITY,
      recall(value) {
        const { memory } = state;
        if (memory === undefined) return undefined;
        if (!memory.filter.mayHave(value)) return false;
        return memory.fingerprints?.has(value) === true ? true : undefined;
      },
      versionAt(nowMs) {
        if (nowMs < state.validFromMs || nowMs >= state.validUntilMs) renewVersion(state, nowMs);
        return state.version;
      },
    };
    if (entryCount === 0) state.memory = createMemory(state, 0);
    else renewMemory(state);
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

  /** An empty memory. A list that has one with fingerprints gives these up when there is no room for both. */
  function createMemory(state: ListState, wantedCapacity: number): ListMemory {
    const capacity = Math.max(leastCapacity, Math.ceil(wantedCapacity));
    const bytes = fingerprintSetBytes(capacity);
    if (bytes > freeBytes) dropFingerprints(state.memory);
    // Lists of other kinds are asked for all their values at once.
    const fits = state.kind === ListKind.EXACT && bytes <= freeBytes;
    if (fits) freeBytes -= bytes;
    const fingerprints = fits ? createFingerprintSet(capacity, hash) : undefined;
    return { filter: createMembershipFilter(filterRoom * capacity), fingerprints, filled: 0, capacity };
  }

  function dropFingerprints(memory: ListMemory | undefined): void {
    if (memory?.fingerprints === undefined) return;
    memory.fingerprints = undefined;
    freeBytes += fingerprintSetBytes(memory.capacity);
  }

  /** Has a memory made for a list that has none, or one that is full. */
  function renewMemory(state: ListState): void {
    const { memory } = state;
    if (closed || state.isMemoryDue || (memory !== undefined && memory.filled <= memory.capacity)) return;
    state.isMemoryDue = true;
    // One list at a time, so that many lists take no more of each turn than one.
    filling = filling.then(() => makeMemory(state));
  }

  async function makeMemory(state: ListState): Promise<void> {
    const memory = createMemory(state, state.entryCount * (state.memory === undefined ? firstRoom : grownRoom));
    state.nextMemory = memory;
    try {
      if (!(await fillMemory(state, memory))) return;
      dropFingerprints(state.memory);
      state.memory = memory;
    } catch {
      dropFingerprints(memory);
      setTimeout(() => renewMemory(state), retryMs).unref();
      return;
    } finally {
      state.nextMemory = undefined;
      state.isMemoryDue = false;
    }
    renewMemory(state);
  }

  /** Resolves to false when the store was closed meanwhile. */
  async function fillMemory(state: ListState, memory: ListMemory): Promise<boolean> {
    let count = 0;
    let after: string | undefined;
    while (!closed) {
      const entries = readEntries(state.listId, after);
      for (const { value, expire_time: expireMs } of entries) {
        memory.filter.add(value);
        if (expireMs === null) memory.fingerprints?.add(value);
      }
      memory.filled += entries.length;
      count += entries.length;
      if (entries.length < valuesPerPart) {
        state.entryCount = count;
        return true;
      }
      after = entries.at(-1)?.value;
      await nextTurn();
    }
    return false;
  }

  function readEntries(listId: number, after: string | undefined): { value: string; expire_time: number | null }[] {
    const select = "SELECT value, expire_time FROM list_entries WHERE list_id = ?";
    return after === undefined
      ? reader.all(`${select} ORDER BY value LIMIT ?`, listId, valuesPerPart)
      : reader.all(`${select} AND value > ? ORDER BY value LIMIT ?`, listId, after, valuesPerPart);
  }

  /** Both, because one that is being made may have passed the places of values before they were there. */
  function memoriesOf(state: ListState): ListMemory[] {
    return [state.memory, state.nextMemory].filter((memory) => memory !== undefined);
  }

  learnNewLists();

  return {
    find(name) {
      if (mayHaveNewLists) learnNewLists();
      return lists.get(name);
    },
    settleAdding(name, entries, newCount) {
      const state = lists.get(name);
      if (state === undefined) return;
      const added = Math.max(0, newCount ?? entries.length);
      state.entryCount += added;
      for (const memory of memoriesOf(state)) {
        memory.filled += added;
        for (const [value, , , , expireMs] of entries) {
          memory.filter.add(value);
          if (newCount !== undefined && newCount >= 0 && expireMs === null) memory.fingerprints?.add(value);
          else memory.fingerprints?.delete(value);
        }
      }
      state.validUntilMs = Number.NEGATIVE_INFINITY;
      renewMemory(state);
    },
    settleRemoving(name, values, count = 0) {
      const state = lists.get(name);
      if (state === undefined) return;
      state.entryCount -= Math.max(0, count);
      for (const { fingerprints } of memoriesOf(state)) for (const value of values) fingerprints?.delete(value);
      state.validUntilMs = Number.NEGATIVE_INFINITY;
    },
    settleMaking() {
      mayHaveNewLists = true;
    },
    close() {
      closed = true;
    },
  };
}

// The contract of a store. What a comment here says a store must do, test/storage/conformance.ts checks on every store.
import type { Account, AccountState } from "../../gen/gatehouse/v1/account_service_pb.ts";
import type { Decision, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import type { Event } from "../../gen/gatehouse/v1/event_pb.ts";
import type { ListEntry } from "../../gen/gatehouse/v1/list_service_pb.ts";

/**
 * Where decisions, events, accounts, lists and policies are kept.
 *
 * - A write's promise must resolve only when the write is on disk (it survives kill -9 and power loss), and a read that begins after that
 *   must see it.
 * - A write that rejects may or may not be on disk; repeating it must be safe wherever this contract says so.
 * - Reads must never wait for a write.
 * - Ids, names and values must be compared byte for byte, case included.
 * - Every failure of the store itself must be a GatehouseError with the reason STORE_UNAVAILABLE and the driver's error as its cause; the
 *   driver's text must not be in the message.
 * - After `close` every method must reject with STORE_UNAVAILABLE.
 */
export interface Store extends Decisions, Events, Accounts, Lists, Policies {
  /**
   * Calls `ask` with facts that are all from one moment, no older than the last write that was answered. `ask` must be pure: a store may
   * call it several times, and uses what it returned last. A store that can answer at once must not return a promise.
   */
  withFacts<T>(ask: (facts: StoredFacts) => T): T | Promise<T>;

  /** Resolves when the store can read and write just now; rejects with STORE_UNAVAILABLE when it cannot. */
  check(): Promise<void>;

  /** Waits for the writes that were begun, then lets go of everything. Calling it again does nothing. */
  close(): Promise<void>;
}

/** What rules may ask the store. */
export interface StoredFacts {
  /** Whether the value is on the list; false when there is no such list. */
  inList(list: string, value: string): boolean;
}

/** The log of decisions. */
export interface Decisions {
  /**
   * Appends a decision; its `decisionId` is ignored and given by the store. Ids must sort in the order of appending when the appends did not
   * overlap.
   *
   * When the decision has a request_id and the app has a decision with the same one, nothing must be appended: the result is `repeat` with
   * the decision of the first time if `actionDigest` is the same, `reused` if it differs. This must hold for appends that overlap.
   */
  appendDecision(decision: Decision, actionDigest: Uint8Array): Promise<AppendedDecision>;

  /** The decision with this id; undefined when there is none, whatever the string. */
  getDecision(decisionId: string): Promise<Decision | undefined>;

  /** The decision of this app with this request_id; undefined when there is none. */
  findDecisionByRequestId(appId: number, requestId: string): Promise<{ decision: Decision; actionDigest: Uint8Array } | undefined>;

  /** Decisions that pass the filter, the latest appended first. */
  listDecisions(filter: DecisionFilter, page: PageRequest): Promise<Page<Decision>>;
}

/** What became of an appended decision. */
export type AppendedDecision =
  /** It is on disk, under this id. */
  | { kind: "appended"; decisionId: string }
  /** The same request was decided before: that decision. */
  | { kind: "repeat"; decision: Decision }
  /** The request_id was used before for another action, in this decision. */
  | { kind: "reused"; decisionId: string };

/** Which decisions. Every member that is set must hold. */
export interface DecisionFilter {
  appId?: number;
  /** About this account. */
  accountId?: string;
  /** Operator or owner of the action. */
  user?: string;
  verdict?: Verdict;
}

/** The log of events, and through it the registry of accounts. */
export interface Events {
  /**
   * Appends an event and applies it to the registry, both or neither; its `eventId` is ignored and given by the store. When an event with
   * the same digest is there, nothing must change and the result must carry that event's id. This must hold for appends that overlap.
   */
  appendEvent(event: Event, digest: Uint8Array): Promise<AppendedEvent>;

  /** The events of one account, in the order they were appended. */
  listAccountEvents(appId: number, accountId: string, page: PageRequest): Promise<Page<Event>>;
}

/** What became of an appended event. */
export interface AppendedEvent {
  eventId: string;
  /** True when it was there before. */
  duplicate: boolean;
}

/** The registry of accounts: what the events say, whatever the order and number of their deliveries. */
export interface Accounts {
  /** One account; undefined when no event spoke of it. */
  getAccount(appId: number, accountId: string): Promise<Account | undefined>;

  /** Accounts that pass the filter, by app and then by account id, byte for byte. */
  listAccounts(filter: AccountFilter, page: PageRequest): Promise<Page<Account>>;
}

/** Which accounts. Every member that is set must hold. */
export interface AccountFilter {
  appId?: number;
  owner?: string;
  state?: AccountState;
}

/** The lists that rules ask. */
export interface Lists {
  /**
   * Adds entries; one whose value is there keeps its create_time and gets the new reason. `entries` may name a value twice: the last one
   * counts. `create_time` must be set on every entry.
   */
  addEntries(list: string, entries: readonly ListEntry[]): Promise<ListEdited>;

  /** Removes entries; values that are not there are passed over. */
  removeEntries(list: string, values: readonly string[]): Promise<ListEdited>;

  /** The entries of a list by value, byte for byte; undefined when there is no such list. */
  listEntries(list: string, page: PageRequest): Promise<Page<ListEntry> | undefined>;

  /** The names of all lists, sorted. */
  listNames(): Promise<string[]>;
}

/** What an edit of a list did. */
export type ListEdited =
  /** How many values were added or removed; not counting those that were there, or not there, before. */
  | { kind: "edited"; count: number }
  /** There is no such list, and nothing changed. */
  | { kind: "unknown_list" };

/** The policies that were ever live. */
export interface Policies {
  /**
   * Keeps a policy's text under its version, makes every list it names that is not there yet, and makes it the live one: all or nothing.
   * Doing it again with the live version must change nothing. Lists that it does not name must stay as they are.
   */
  makePolicyLive(policy: StoredPolicy, lists: readonly string[]): Promise<void>;

  /** The live policy; undefined when there never was one. */
  getLivePolicy(): Promise<StoredPolicy | undefined>;
}

/** A policy as it was written. */
export interface StoredPolicy {
  /** The lower-case hexadecimal SHA-256 of the text. */
  version: string;
  text: string;
}

/** Which part of a result. */
export interface PageRequest {
  /** At most this many items; from 1 to 1000. */
  size: number;
  /** The `next` of the page before; undefined for the first page. A store must reject one that it cannot have given with INVALID_PAGE_TOKEN. */
  after?: string;
}

/** A part of a result. Items that are there throughout a walk through the pages must be met exactly once. */
export interface Page<T> {
  items: T[];
  /** Where the next page begins; undefined when this is the last one. */
  next?: string;
}

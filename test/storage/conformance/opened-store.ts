// What the conformance suite needs of a store under test, and what its sections share.
import { afterEach, beforeEach, expect } from "vitest";
import type { Decision } from "../../../gen/gatehouse/v1/decision_pb.ts";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import type { Event } from "../../../gen/gatehouse/v1/event_pb.ts";
import { ListKind } from "../../../gen/gatehouse/v1/list_service_pb.ts";
import { GatehouseError } from "../../../src/errors.ts";
import type {
  AppendedDecision,
  AppendedEvent,
  NewDecision,
  Page,
  PageRequest,
  PointerName,
  PublishedPolicy,
  Store,
  StoredFacts,
} from "../../../src/storage/storage.ts";
import { baseMs, digestOf, followUpMs, samplePolicy } from "../samples.ts";

/** A store under test, empty at first. */
export interface OpenedStore {
  store: Store;
  /** Closes it and opens it again over the same data. */
  reopen(): Promise<Store>;
  /** Opens another store over the same data, as another process does. Not there: one process has the data to itself. */
  openAnother?(): Promise<Store>;
  /** Closes what is open and removes the data. */
  destroy(): Promise<void>;
}

export type OpenStore = () => Promise<OpenedStore>;

/** A fresh store for every test: `current().store`. */
export function eachWithStore(open: OpenStore): () => OpenedStore {
  let opened: OpenedStore | undefined;
  beforeEach(async () => {
    opened = await open();
  });
  afterEach(async () => {
    await opened?.destroy();
    opened = undefined;
  });
  return () => {
    if (opened === undefined) throw new Error("No store is open outside of a test.");
    return opened;
  };
}

/** All items, by walking through the pages; checks that no page is larger than asked for. */
export async function walk<T>(read: (page: PageRequest) => Promise<Page<T> | undefined>, size: number): Promise<T[]> {
  const items: T[] = [];
  let page: Page<T> | undefined;
  do {
    page = await read(page?.next === undefined ? { size } : { size, after: page.next });
    expect(page?.items.length).toBeLessThanOrEqual(size);
    items.push(...(page?.items ?? []));
  } while (page?.next !== undefined);
  return items;
}

/** Expects that it throws or rejects with this reason. */
export async function expectReason(action: () => unknown, reason: ErrorReason): Promise<void> {
  const error = await Promise.resolve()
    .then(action)
    .then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
  expect(error).toBeInstanceOf(GatehouseError);
  expect((error as GatehouseError).reason).toBe(reason);
}

/** Positions that no store gives for any list. */
export const malformedPositions = ["", "garbage", "-1", "1e3", "0x10", " 1", "9".repeat(40), "[]", "[1]", '["1","a"]', '[1, "a"]', "{}"];

export async function expectMalformedPositionsRefused(read: (page: PageRequest) => Promise<unknown>): Promise<void> {
  for (const after of malformedPositions) await expectReason(() => read({ size: 10, after }), ErrorReason.INVALID_PAGE_TOKEN);
}

/** Appends a decision as it is, at baseMs. */
export function appendAsIs(store: Store, decision: Decision, more: Partial<NewDecision> = {}): Promise<AppendedDecision> {
  const actionDigest = more.actionDigest ?? digestOf({ ...decision, decisionId: "" });
  return store.appendDecision(baseMs, () => ({ decision, counts: [], ...more, actionDigest }));
}

/** Appends a decision and expects that it was. */
export async function append(store: Store, decision: Decision, more: Partial<NewDecision> = {}): Promise<string> {
  const result = await appendAsIs(store, decision, more);
  if (result.kind !== "appended") throw new Error(`It was not appended: ${result.kind}.`);
  return result.decision.decisionId;
}

/** Appends an event as it is, at baseMs. */
export function appendEvent(store: Store, event: Event, nowMs = baseMs): Promise<AppendedEvent> {
  return store.appendEvent(event, digestOf(event), nowMs);
}

/** Appends an event as it is, joined with what it follows from. */
export function follow(store: Store, event: Event, nowMs = baseMs): Promise<AppendedEvent> {
  return store.appendEvent(event, digestOf(event), nowMs, { followUpMs });
}

/** Appends events as they are in one call, at baseMs. */
export function appendEvents(store: Store, events: readonly Event[]): Promise<AppendedEvent[]> {
  return store.appendEvents(
    events.map((event) => ({ event, digest: digestOf(event) })),
    baseMs,
  );
}

/** What is asked of the facts at a moment. */
export async function factsAt<T>(store: Store, nowMs: number, ask: (facts: StoredFacts) => T): Promise<T> {
  return store.withFacts(nowMs, ask);
}

/** Publishes a policy and points at it, at baseMs; makes lists of the kind EXACT. */
export async function goLive(
  store: Store,
  policy: PublishedPolicy,
  lists: readonly string[] = [],
  pointer: PointerName = "live",
): Promise<void> {
  await store.publishPolicy(policy);
  const kinds = lists.map((name) => ({ name, kind: ListKind.EXACT }));
  expect(await store.pointPolicy({ pointer, version: policy.version, author: "ann", reason: "why", timeMs: baseMs }, kinds)).toBe(true);
}

/** Makes lists. */
export async function makeLists(store: Store, ...lists: string[]): Promise<void> {
  await goLive(store, samplePolicy(`name: ${lists.join(" ")}`), lists);
}

/** The reason and author of a removal, at baseMs. */
export const removal = { author: "bob", reason: "gone", timeMs: baseMs };

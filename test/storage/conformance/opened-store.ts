// What the conformance suite needs of a store under test, and what its sections share.
import { afterEach, beforeEach, expect } from "vitest";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../../../src/errors.ts";
import type { Page, PageRequest, Store } from "../../../src/storage/storage.ts";

/** A store under test, empty at first. */
export interface OpenedStore {
  store: Store;
  /** Closes it and opens it again over the same data. */
  reopen(): Promise<Store>;
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

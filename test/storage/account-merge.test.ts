// The merge of events into accounts, without a store.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Account, AccountState } from "../../gen/gatehouse/v1/account_service_pb.ts";
import type { Event } from "../../gen/gatehouse/v1/event_pb.ts";
import { accountChange, accountOf } from "../../src/storage/account-change.ts";
import { type AccountRecord, applyChange } from "../../src/storage/account-merge.ts";
import { shuffledDeliveries } from "./deliveries.ts";
import { appId, baseMs, changedEvent, createdEvent, destroyedEvent, digestOf, sampleEvent } from "./samples.ts";

/** The accounts that events make, by id. */
function recordsOf(events: readonly Event[]): Map<string, AccountRecord> {
  const records = new Map<string, AccountRecord>();
  for (const event of events) {
    const change = accountChange(event, digestOf(event));
    const accountId = event.event.value?.accountId ?? "";
    if (change !== undefined) records.set(accountId, applyChange(records.get(accountId), change));
  }
  return records;
}

function accountAfter(...events: Event[]): Account | undefined {
  const record = recordsOf(events).get("a");
  return record && accountOf(appId, "a", record);
}

describe("the merge of events into accounts", () => {
  it("ends in the same accounts for any order and number of deliveries", () => {
    fc.assert(
      fc.property(shuffledDeliveries(), ({ events, deliveries }) => {
        expect(Object.fromEntries(recordsOf(deliveries))).toEqual(Object.fromEntries(recordsOf(events)));
      }),
      { numRuns: 2000 },
    );
  });

  it("keeps a destroyed account destroyed against older events", () => {
    const destroyed = destroyedEvent("a", baseMs);
    expect(accountAfter(destroyed, createdEvent("a", baseMs - 1))?.state).toBe(AccountState.DESTROYED);
    expect(accountAfter(destroyed, createdEvent("a", baseMs))?.state).toBe(AccountState.DESTROYED);
  });

  it("keeps a destroyed account destroyed against later changes of its profile", () => {
    const account = accountAfter(destroyedEvent("a", baseMs), changedEvent("a", baseMs + 1, { name: "New" }));
    expect(account).toMatchObject({ state: AccountState.DESTROYED, name: "New" });
  });

  it("begins a new life with a later creation, without what the last one had", () => {
    const account = accountAfter(
      createdEvent("a", baseMs, { owner: "ann", name: "News" }),
      changedEvent("a", baseMs + 1, { introduction: "Hello", faceUrl: "f", organization: "o" }),
      destroyedEvent("a", baseMs + 2),
      createdEvent("a", baseMs + 3, { owner: "bob", name: "" }),
    );
    expect(account).toMatchObject({
      state: AccountState.LIVE,
      owner: "bob",
      name: "News",
      introduction: "",
      faceUrl: "",
      organization: "",
    });
  });

  it("lets a change of the same time win over the creation, and a destruction over both", () => {
    const created = createdEvent("a", baseMs, { owner: "ann", name: "One" });
    const changed = changedEvent("a", baseMs, { name: "Two", introduction: "Hello" });
    const destroyed = destroyedEvent("a", baseMs, { name: "Three" });
    expect(accountAfter(changed, created)).toMatchObject({ name: "Two", introduction: "Hello", state: AccountState.LIVE });
    expect(accountAfter(destroyed, changed, created)).toMatchObject({
      name: "Three",
      introduction: "Hello",
      state: AccountState.DESTROYED,
    });
  });

  it("makes a field empty that a change sets empty, and leaves alone what a change does not set", () => {
    const account = accountAfter(createdEvent("a", baseMs, { name: "News" }), changedEvent("a", baseMs + 1, { introduction: "" }));
    expect(account?.name).toBe("News");
    expect(accountAfter(createdEvent("a", baseMs, { name: "News" }), changedEvent("a", baseMs + 1, { name: "" }))?.name).toBe("");
  });

  it("counts an event without a time as of its receipt, and not among the times of events", () => {
    const account = accountAfter(
      changedEvent("a", undefined, { name: "received at baseMs" }),
      createdEvent("a", baseMs - 1, { name: "older" }),
    );
    expect(account?.name).toBe("received at baseMs");
    expect(account?.lastEventTime).toEqual(account?.firstEventTime);
    expect(accountAfter(changedEvent("a", undefined, { name: "x" }))?.firstEventTime).toBeUndefined();
  });

  it("says that an account is partial until a creation was seen", () => {
    expect(accountAfter(changedEvent("a", baseMs, { name: "x" }))).toMatchObject({ partial: true, state: AccountState.LIVE });
    expect(accountAfter(destroyedEvent("a", baseMs))).toMatchObject({ partial: true });
    expect(accountAfter(destroyedEvent("a", baseMs), createdEvent("a", baseMs - 1))).toMatchObject({ partial: false });
  });

  it("passes over events that are about no account", () => {
    expect(accountChange(sampleEvent({ case: undefined }, baseMs), new Uint8Array(32))).toBeUndefined();
  });
});

// What the contract says of the log of events and of the registry of accounts that they make.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AccountState } from "../../../gen/gatehouse/v1/account_service_pb.ts";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import type { Event } from "../../../gen/gatehouse/v1/event_pb.ts";
import type { AccountFilter, Store } from "../../../src/storage/storage.ts";
import { deliverTo, shuffledDeliveries } from "../deliveries.ts";
import { appId, baseMs, changedEvent, confusableIds, createdEvent, destroyedEvent, digestOf, inByteOrder, maxAppId } from "../samples.ts";
import { appendEvent, eachWithStore, expectMalformedPositionsRefused, expectReason, type OpenStore, walk } from "./opened-store.ts";

export function eventsConformance(open: OpenStore): void {
  describe("events", () => {
    const current = eachWithStore(open);

    it("are read as they were appended, in that order, under the ids that the store gave", async () => {
      const { store } = current();
      const events = [
        createdEvent("a", baseMs),
        changedEvent("a", undefined, { name: "", introduction: "不 😀" }),
        changedEvent("a", baseMs + 1, {}),
        destroyedEvent("a", baseMs - 9, { owner: "ann", name: "News" }),
      ];
      for (const event of events) {
        Object.assign(event, { requestId: "r", eventId: "is ignored" });
        event.eventId = await append(store, event);
      }
      for (const size of [1, 3, 1000]) expect(await walk((page) => store.listAccountEvents(appId, "a", page), size)).toEqual(events);
    });

    it("are listed for one account of one app, byte for byte", async () => {
      const { store } = current();
      const keys = confusableIds.flatMap((accountId) => [appId, maxAppId].map((app) => ({ app, accountId })));
      const events = keys.map(({ app, accountId }) => ({ ...createdEvent(accountId, baseMs), appId: app }));
      const ids = await Promise.all(events.map((event) => append(store, event)));
      for (const [index, { app, accountId }] of keys.entries()) {
        const { items } = await store.listAccountEvents(app, accountId, { size: 10 });
        expect(items.map(({ eventId }) => eventId)).toEqual([ids[index]]);
        expect((await store.getAccount(app, accountId))?.accountId).toBe(accountId);
      }
      expect(await store.listAccountEvents(appId, "b", { size: 10 })).toEqual({ items: [] });
      expect(await store.getAccount(appId, "b")).toBeUndefined();
    });

    it("change nothing when an event with the same digest is there: the result carries that event's id", async () => {
      const { store } = current();
      const event = createdEvent("a", baseMs);
      const eventId = await append(store, event);
      const before = await store.getAccount(appId, "a");
      const result = await store.appendEvent(createdEvent("a", baseMs + 1, { name: "Other" }), digestOf(event), baseMs);
      expect(result).toEqual({ eventId, duplicate: true });
      expect(await store.getAccount(appId, "a")).toEqual(before);
      expect((await store.listAccountEvents(appId, "a", { size: 10 })).items).toHaveLength(1);
    });

    it("are appended once when appends with one digest overlap", async () => {
      const { store } = current();
      const event = createdEvent("a", baseMs);
      const results = await Promise.all(Array.from({ length: 30 }, () => appendEvent(store, event)));
      expect(new Set(results.map(({ eventId }) => eventId)).size).toBe(1);
      expect(results.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
      expect((await store.listAccountEvents(appId, "a", { size: 10 })).items).toHaveLength(1);
    });

    it("are not listed after a position that the store cannot have given", async () => {
      const { store } = current();
      await append(store, createdEvent("a", baseMs));
      await expectMalformedPositionsRefused((page) => store.listAccountEvents(appId, "a", page));
    });
  });

  describe("accounts", () => {
    const current = eachWithStore(open);

    it("are what the events say", async () => {
      const { store } = current();
      await append(store, createdEvent("a", baseMs, { owner: "ann", name: "News" }));
      await append(store, changedEvent("a", baseMs + 2, { introduction: "Hello", faceUrl: "https://x/y", organization: "Org" }));
      await append(store, changedEvent("a", baseMs + 1, { name: "Newer", introduction: "is older" }));
      expect(await store.getAccount(appId, "a")).toMatchObject({
        appId,
        accountId: "a",
        owner: "ann",
        name: "Newer",
        introduction: "Hello",
        faceUrl: "https://x/y",
        organization: "Org",
        state: AccountState.LIVE,
        partial: false,
      });
    });

    it("are the same whatever the order and number of deliveries, also when those overlap", async () => {
      const { store } = current();
      let run = 0;
      await fc.assert(
        fc.asyncProperty(shuffledDeliveries(), fc.boolean(), async ({ events, deliveries }, overlapping) => {
          // Each run has two apps of its own, so that it begins with nothing.
          run += 1;
          const [inOrder, shuffled] = [2 * run, 2 * run + 1];
          for (const event of events) await deliverTo(store, inOrder, event);
          if (overlapping) await Promise.all(deliveries.map((event) => deliverTo(store, shuffled, event)));
          else for (const event of deliveries) await deliverTo(store, shuffled, event);
          const expected = (await store.listAccounts({ appId: inOrder }, { size: 10 })).items;
          const actual = (await store.listAccounts({ appId: shuffled }, { size: 10 })).items;
          expect(actual).toEqual(expected.map((account) => ({ ...account, appId: shuffled })));
        }),
        { numRuns: 40 },
      );
    });

    it("are listed by every filter, by app and then by account id, byte for byte, in pages that meet each exactly once", async () => {
      const { store } = current();
      const accounts = [maxAppId, 9, 10].flatMap((app) =>
        confusableIds.map((accountId, index) => ({
          app,
          accountId,
          owner: ["ann", "Ann", "ann "][index % 3] ?? "",
          state: index % 2 === 0 ? AccountState.LIVE : AccountState.DESTROYED,
        })),
      );
      await Promise.all(
        accounts.map(async ({ app, accountId, owner, state }) => {
          await append(store, { ...createdEvent(accountId, baseMs, { owner }), appId: app });
          if (state === AccountState.DESTROYED) await append(store, { ...destroyedEvent(accountId, baseMs + 1), appId: app });
        }),
      );
      const order = inByteOrder(confusableIds);
      const sorted = accounts.toSorted((a, b) => a.app - b.app || order.indexOf(a.accountId) - order.indexOf(b.accountId));
      for (const filter of accountFilters()) {
        const expected = sorted.filter(
          ({ app, owner, state }) =>
            (filter.appId ?? app) === app && (filter.owner ?? owner) === owner && (filter.state ?? state) === state,
        );
        for (const size of [1, 5, 1000]) {
          const listed = await walk((page) => store.listAccounts(filter, page), size);
          expect(listed.map((account) => [account.appId, account.accountId])).toEqual(
            expected.map(({ app, accountId }) => [app, accountId]),
          );
        }
      }
    });

    it("are not listed after a position that the store cannot have given", async () => {
      const { store } = current();
      await append(store, createdEvent("a", baseMs));
      await expectMalformedPositionsRefused((page) => store.listAccounts({}, page));
      await append(store, createdEvent("b", baseMs));
      const { next = "" } = await store.listAccounts({}, { size: 1 });
      await expectReason(() => store.listAccounts({ appId: appId + 1 }, { size: 1, after: next }), ErrorReason.INVALID_PAGE_TOKEN);
    });
  });
}

async function append(store: Store, event: Event): Promise<string> {
  const { eventId, duplicate } = await appendEvent(store, event);
  expect(duplicate).toBe(false);
  return eventId;
}

function accountFilters(): AccountFilter[] {
  return [undefined, 9, 7].flatMap((app) =>
    [undefined, "ann", "ANN"].flatMap((owner) =>
      [undefined, AccountState.LIVE, AccountState.DESTROYED].map((state) => ({
        ...(app === undefined ? {} : { appId: app }),
        ...(owner === undefined ? {} : { owner }),
        ...(state === undefined ? {} : { state }),
      })),
    ),
  );
}

// What the contract says of the log of events.
import { describe, expect, it } from "vitest";
import type { Event } from "../../../gen/gatehouse/v1/event_pb.ts";
import { FollowUp } from "../../../gen/gatehouse/v1/follow_up_pb.ts";
import type { Store } from "../../../src/storage/storage.ts";
import {
  appId,
  baseMs,
  changedEvent,
  confusableIds,
  createdEvent,
  destroyedEvent,
  digestOf,
  followUpMs,
  maxAppId,
  sampleDecision,
} from "../samples.ts";
import { appendEvent, appendEvents, eachWithStore, expectMalformedPositionsRefused, type OpenStore, walk } from "./opened-store.ts";

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
      const result = await store.appendEvent(createdEvent("a", baseMs, { name: "Other" }), digestOf(event), baseMs);
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

    it("are appended several at a time in this order, each as if alone", async () => {
      const { store } = current();
      const events = [
        createdEvent("a", baseMs),
        changedEvent("a", baseMs + 1, { name: "B" }),
        changedEvent("a", baseMs + 2, { name: "C" }),
      ];
      const [first] = events;
      await append(store, first as Event);
      const appended = await appendEvents(store, [...events, ...events]);
      expect(appended.map(({ duplicate }) => duplicate)).toEqual([true, false, false, true, true, true]);
      expect(appended.slice(0, 3).map(({ eventId }) => eventId)).toEqual(appended.slice(3).map(({ eventId }) => eventId));
      const { items } = await store.listAccountEvents(appId, "a", { size: 10 });
      expect(items.map(({ event }) => event)).toEqual(events.map(({ event }) => event));
      expect(await store.getAccount(appId, "a")).toMatchObject({ name: "C" });
      expect(await appendEvents(store, [])).toEqual([]);
    });

    it("are joined with what they follow from when they are appended several at a time, and the result says so", async () => {
      const { store } = current();
      const events = ["a", "b"].map((accountId) => createdEvent(accountId, baseMs, { name: accountId }));
      const appended = await store.appendEvents(
        events.map((event) => ({ event, digest: digestOf(event), handling: { followUpMs } })),
        baseMs,
      );
      expect(appended.map(({ followedUp }) => followedUp)).toEqual(
        appended.map(({ eventId }) => [{ followUp: FollowUp.BYPASSED, eventId, caseId: expect.any(String) }]),
      );
    });

    it("are appended several at a time with what rules flag in each", async () => {
      const { store } = current();
      const event = createdEvent("a", baseMs);
      const flag = () => sampleDecision();
      await store.appendEvents([{ event, digest: digestOf(event), handling: { flag } }], baseMs);
      const [appended] = (await store.listAccountEvents(appId, "a", { size: 10 })).items;
      const { items: flagged } = await store.listDecisions({}, { size: 10 });
      expect(flagged.map(({ eventId }) => eventId)).toEqual([appended?.eventId]);
    });

    it("are not listed after a position that the store cannot have given", async () => {
      const { store } = current();
      await append(store, createdEvent("a", baseMs));
      await expectMalformedPositionsRefused((page) => store.listAccountEvents(appId, "a", page));
    });
  });
}

async function append(store: Store, event: Event): Promise<string> {
  const { eventId, duplicate } = await appendEvent(store, event);
  expect(duplicate).toBe(false);
  return eventId;
}

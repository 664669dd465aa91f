// What the contract says of the subscriptions that events make.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AccountState } from "../../../gen/gatehouse/v1/account_service_pb.ts";
import type { Store } from "../../../src/storage/storage.ts";
import { accountIds, deliverTo, shuffledDeliveries, userIds } from "../deliveries.ts";
import { appId, baseMs, confusableIds, createdEvent, destroyedEvent, maxAppId, subscribersEvent } from "../samples.ts";
import { appendEvent, eachWithStore, factsAt, type OpenStore } from "./opened-store.ts";

export function subscriptionsConformance(open: OpenStore): void {
  describe("subscriptions", () => {
    const current = eachWithStore(open);

    it("are what the latest event says, whatever came before and after it", async () => {
      const { store } = current();
      expect(await known(store, appId, ["a"], ["s"])).toEqual({ subscribed: [], subscribers: { a: 0 }, subscriptions: { s: 0 } });
      await appendEvent(store, subscribersEvent("added", "a", baseMs, ["s", "t"]));
      await appendEvent(store, subscribersEvent("added", "b", baseMs, ["s"]));
      const added = { subscribed: ["a s", "a t", "b s"], subscribers: { a: 2, b: 1 }, subscriptions: { s: 2, t: 1 } };
      expect(await known(store, appId, ["a", "b"], ["s", "t"])).toEqual(added);
      await appendEvent(store, subscribersEvent("removed", "a", baseMs - 1, ["s", "t"]));
      expect(await known(store, appId, ["a", "b"], ["s", "t"])).toEqual(added);
      await appendEvent(store, subscribersEvent("removed", "a", baseMs + 1, ["s", "nobody"]));
      const removed = { subscribed: ["a t", "b s"], subscribers: { a: 1, b: 1 }, subscriptions: { s: 1, t: 1 } };
      expect(await known(store, appId, ["a", "b"], ["s", "t"])).toEqual(removed);
      expect(await known(await current().reopen(), appId, ["a", "b"], ["s", "t"])).toEqual(removed);
    });

    it.each([
      ["addition first", ["added", "removed"] as const],
      ["removal first", ["removed", "added"] as const],
    ])("are not there after a removal and an addition of the same time: %s", async (_name, changes) => {
      const { store } = current();
      for (const change of changes) await appendEvent(store, subscribersEvent(change, "a", baseMs, ["s"]));
      expect(await known(store, appId, ["a"], ["s"])).toEqual({ subscribed: [], subscribers: { a: 0 }, subscriptions: { s: 0 } });
    });

    it("count each user once, however often an event names them and events say so", async () => {
      const { store } = current();
      await appendEvent(store, subscribersEvent("added", "a", baseMs, ["s", "s"]));
      await appendEvent(store, subscribersEvent("added", "a", baseMs, ["s", "s"]));
      await appendEvent(store, subscribersEvent("added", "a", baseMs + 1, ["s"]));
      expect(await known(store, appId, ["a"], ["s"])).toMatchObject({ subscribers: { a: 1 }, subscriptions: { s: 1 } });
      await appendEvent(store, subscribersEvent("removed", "a", baseMs + 2, ["s", "s"]));
      await appendEvent(store, subscribersEvent("removed", "a", baseMs + 3, ["s"]));
      expect(await known(store, appId, ["a"], ["s"])).toMatchObject({ subscribers: { a: 0 }, subscriptions: { s: 0 } });
    });

    it("are of one app, one account and one user, byte for byte", async () => {
      const { store } = current();
      await Promise.all(
        [appId, maxAppId].flatMap((app) =>
          confusableIds.map((id) => appendEvent(store, { ...subscribersEvent("added", id, baseMs, [id]), appId: app })),
        ),
      );
      await appendEvent(store, { ...subscribersEvent("removed", "a", baseMs + 1, ["a"]), appId: maxAppId });
      const others = confusableIds.filter((id) => id !== "a");
      expect((await known(store, appId, confusableIds, confusableIds)).subscribed).toEqual(confusableIds.map((id) => `${id} ${id}`));
      expect((await known(store, maxAppId, confusableIds, confusableIds)).subscribed).toEqual(others.map((id) => `${id} ${id}`));
      expect(await known(store, maxAppId, ["a", "A"], ["a", "A"])).toMatchObject({
        subscribers: { a: 0, A: 1 },
        subscriptions: { a: 0, A: 1 },
      });
    });

    it("are the same whatever the order and number of deliveries, also when those overlap, and are counted as they are", async () => {
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
          const actual = await known(store, shuffled, accountIds, userIds);
          expect(actual).toEqual(await known(store, inOrder, accountIds, userIds));
          for (const id of accountIds)
            expect(actual.subscribers[id]).toBe(actual.subscribed.filter((one) => one.startsWith(`${id} `)).length);
          for (const id of userIds) expect(actual.subscriptions[id]).toBe(actual.subscribed.filter((one) => one.endsWith(` ${id}`)).length);
        }),
        { numRuns: 60 },
      );
    });

    it("of one event are there all or not at all", async () => {
      const { store } = current();
      const users = Array.from({ length: 100 }, (_, index) => `u${index}`);
      let running = true;
      const writing = (async () => {
        for (let i = 0; i < 20; i += 1)
          await appendEvent(store, subscribersEvent(i % 2 === 0 ? "added" : "removed", "a", baseMs + i, users));
        running = false;
      })();
      while (running) {
        const { subscribed, subscribers } = await known(store, appId, ["a"], users);
        expect([0, 100]).toContain(subscribed.length);
        expect(subscribers.a).toBe(subscribed.length);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await writing;
    });

    it("stay when their account is destroyed", async () => {
      const { store } = current();
      await appendEvent(store, createdEvent("a", baseMs));
      await appendEvent(store, subscribersEvent("added", "a", baseMs + 1, ["s"]));
      await appendEvent(store, destroyedEvent("a", baseMs + 2));
      expect(await known(store, appId, ["a"], ["s"])).toEqual({ subscribed: ["a s"], subscribers: { a: 1 }, subscriptions: { s: 1 } });
    });

    it("make an account known, and change nothing of it but the times of its events", async () => {
      const { store } = current();
      await appendEvent(store, subscribersEvent("added", "a", baseMs, ["s"]));
      expect(await store.getAccount(appId, "a")).toMatchObject({ partial: true, state: AccountState.LIVE, owner: "", name: "" });
      await appendEvent(store, createdEvent("a", baseMs - 2));
      await appendEvent(store, destroyedEvent("a", baseMs - 1));
      const before = await store.getAccount(appId, "a");
      expect(before).toMatchObject({ partial: false, state: AccountState.DESTROYED, owner: "ann", name: "News" });
      const removal = subscribersEvent("removed", "a", baseMs + 9, ["s"]);
      await appendEvent(store, removal);
      expect(await store.getAccount(appId, "a")).toEqual({ ...before, lastEventTime: removal.eventTime });
      expect((await store.listAccountEvents(appId, "a", { size: 10 })).items.map(({ event }) => event.case)).toEqual([
        "subscribersAdded",
        "accountCreated",
        "accountDestroyed",
        "subscribersRemoved",
      ]);
    });
  });
}

/** What the facts know: who subscribes to what, as `account user`, and the counts. */
function known(store: Store, app: number, accounts: readonly string[], users: readonly string[]) {
  return factsAt(store, baseMs, (facts) => ({
    subscribed: accounts.flatMap((id) => users.filter((user) => facts.isSubscribed(app, id, user)).map((user) => `${id} ${user}`)),
    subscribers: Object.fromEntries(accounts.map((id) => [id, facts.subscribers(app, id)])),
    subscriptions: Object.fromEntries(users.map((user) => [user, facts.subscriptions(app, user)])),
  }));
}

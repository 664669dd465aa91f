// What the contract says of several processes over the same data: stores that are open at the same time stand for them.
import { describe, expect, it, vi } from "vitest";
import { CaseState } from "../../../gen/gatehouse/v1/case_service_pb.ts";
import { Verdict } from "../../../gen/gatehouse/v1/decision_pb.ts";
import type { Event } from "../../../gen/gatehouse/v1/event_pb.ts";
import { FollowUp } from "../../../gen/gatehouse/v1/follow_up_pb.ts";
import type { FeedChange, Store } from "../../../src/storage/storage.ts";
import { added as addedEvent, ask, follow as followParts, say } from "../parts.ts";
import {
  appId,
  baseMs,
  createdEvent,
  listEntry,
  messageEvent,
  roomOf,
  sampleDecision,
  sampleKey,
  samplePolicy,
  sha256,
  subscribersEvent,
} from "../samples.ts";
import {
  append,
  appendAsIs,
  appendEvent,
  eachWithStore,
  factsAt,
  follow,
  goLive,
  makeLists,
  type OpenStore,
  removal,
} from "./opened-store.ts";

/** Checks several stores over the same data, three in each test. */
export function replicasConformance(open: OpenStore): void {
  describe("several stores over the same data", () => {
    const current = eachWithStore(open);

    async function openThree(): Promise<[Store, Store, Store]> {
      const { store, openAnother } = current();
      if (openAnother === undefined) throw new Error("This store cannot be open more than once.");
      return [store, await openAnother(), await openAnother()];
    }

    it("allow together as many as there is room for, however many overlap", async () => {
      const stores = await openThree();
      for (const limit of [1, 7, 20]) {
        const owner = `owner of ${limit}`;
        const results = await Promise.all(
          Array.from({ length: 90 }, (_, index) =>
            stores[index % 3]?.appendDecision(baseMs, (facts) => {
              const isAllowed = facts.liveAccounts(appId, owner) < limit;
              const decision = sampleDecision({
                action: { case: "createAccount", value: { operator: owner, owner, name: `${index}` } },
                verdict: isAllowed ? Verdict.ALLOW : Verdict.DENY,
              });
              return { decision, actionDigest: sha256(""), counts: [], ...(isAllowed && { creation: roomOf(owner, `${limit} ${index}`) }) };
            }),
          ),
        );
        const allowed = results.filter((result) => result?.kind === "appended" && result.decision.verdict === Verdict.ALLOW);
        expect(allowed).toHaveLength(limit);
        for (const store of stores) expect(await factsAt(store, baseMs, (facts) => facts.liveAccounts(appId, owner))).toBe(limit);
      }
    });

    it("count together: as many pass as may", async () => {
      const stores = await openThree();
      const counter = { appId, action: "create_account", windowMs: 60_000 };
      const passed = await Promise.all(
        Array.from({ length: 60 }, async (_, index) => {
          let mayPass = false;
          await stores[index % 3]?.appendDecision(baseMs, (facts) => {
            mayPass = facts.rate(counter, "ann") < 10;
            return { decision: sampleDecision(), actionDigest: sha256(""), counts: mayPass ? [{ counter, key: "ann" }] : [] };
          });
          return mayPass;
        }),
      );
      expect(passed.filter(Boolean)).toHaveLength(10);
    });

    it("append one of several with the same request_id, and one of several deliveries of an event", async () => {
      const stores = await openThree();
      for (let round = 0; round < 10; round += 1) {
        const decision = sampleDecision({ requestId: `r${round}` });
        const results = await Promise.all(Array.from({ length: 9 }, (_, index) => appendAsIs(stores[index % 3] ?? stores[0], decision)));
        expect(results.map(({ kind }) => kind).toSorted()).toEqual(["appended", ...Array.from({ length: 8 }, () => "repeat")]);
        const event = createdEvent(`a${round}`, baseMs);
        const events = await Promise.all(Array.from({ length: 9 }, (_, index) => appendEvent(stores[index % 3] ?? stores[0], event)));
        expect(events.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
        expect(new Set(events.map(({ eventId }) => eventId)).size).toBe(1);
      }
    });

    it("keep one registry, with every count exact, whichever of them an event came to", async () => {
      const stores = await openThree();
      const events = Array.from({ length: 60 }, (_, index) => [
        subscribersEvent("added", "a", baseMs + index, [`u${index % 20}`, "always"]),
        messageEvent("a", `m${index % 30}`, baseMs + index, "x"),
      ]).flat();
      await Promise.all(events.map((event, index) => appendEvent(stores[index % 3] ?? stores[0], event)));
      for (const store of stores) {
        const facts = await factsAt(store, baseMs, (stored) => [stored.subscribers(appId, "a"), stored.messagesSent(appId, "a")]);
        expect(facts).toEqual([21, 30]);
        expect((await store.getAccount(appId, "a"))?.messagesSent).toBe(30);
      }
    });

    it("join decisions and events that came to different ones", async () => {
      const [first, second, third] = await openThree();
      const decisions = await Promise.all(
        Array.from({ length: 20 }, (_, index) => append(first, sampleDecision(), { creation: roomOf("ann", `name ${index}`) })),
      );
      const results = await Promise.all(
        decisions.map((_, index) => follow(index % 2 ? second : third, createdEvent(`a${index}`, baseMs, { name: `name ${index}` }))),
      );
      expect(results.map(({ followedUp }) => followedUp?.[0]?.decisionId)).toEqual(decisions);
    });

    it("join subscriptions and messages that were asked at one and have happened at another, each with one", async () => {
      const [first, second, third] = await openThree();
      const subscribers = Array.from({ length: 20 }, (_, index) => `u${index}`);
      const asked = await Promise.all(subscribers.map((subscriber, index) => ask(index % 2 ? first : third, [subscriber])));
      const said = await Promise.all(subscribers.map((text, index) => say(index % 2 ? first : third, text)));
      const [added, sent] = await Promise.all([
        Promise.all(subscribers.map((subscriber) => outcomeOf(second, addedEvent([subscriber], 5)))),
        Promise.all(subscribers.map((text, index) => outcomeOf(index % 2 ? second : third, messageEvent("a", text, baseMs + 5, text)))),
      ]);
      expect(added).toEqual(asked.map((decisionId) => [FollowUp.CONFIRMED, decisionId]));
      expect(sent).toEqual(said.map((decisionId) => [FollowUp.CONFIRMED, decisionId]));
      // What is said to have happened once more has nothing left to follow from, whoever hears of it.
      const again = await Promise.all([first, second, third].map((store, index) => outcomeOf(store, addedEvent(["u0"], 6 + index))));
      expect(again).toEqual(again.map(() => [FollowUp.BYPASSED, undefined]));
    });

    it("join a decision with one of the events about it that several hear of at the same time as it is made", async () => {
      const stores = await openThree();
      for (let round = 0; round < 15; round += 1) {
        const account = `account ${round}`;
        const [decisionId] = await Promise.all([
          ask(stores[round % 3] ?? stores[0], ["s"], { account }),
          ...stores.map((store, index) => outcomeOf(store, addedEvent(["s"], 5 + index, account))),
        ]);
        const events = (await stores[1].listAccountEvents(appId, account, { size: 10 })).items;
        const inTime = events.toSorted((a, b) => (a.eventTime?.nanos ?? 0) - (b.eventTime?.nanos ?? 0));
        expect(inTime.map((event) => [event.followUp, event.decisionId])).toEqual([
          [FollowUp.CONFIRMED, decisionId],
          [FollowUp.BYPASSED, ""],
          [FollowUp.BYPASSED, ""],
        ]);
        const open = (await stores[2].listCases({ accountId: account, state: CaseState.OPEN }, { size: 10 })).items;
        expect(new Set(open.map(({ eventId }) => eventId))).toEqual(new Set(inTime.slice(1).map(({ eventId }) => eventId)));
        expect(await stores[0].getDecision(decisionId)).toMatchObject({ followUpEventId: inTime[0]?.eventId });
      }
    });

    it("name the right decisions and events, whatever others commit meanwhile on other accounts", async () => {
      const stores = await openThree();
      const onAccounts = <T>(tell: (store: Store, account: string) => Promise<T>) =>
        Promise.all(Array.from({ length: 45 }, (_, index) => tell(stores[index % 3] ?? stores[0], `account ${index}`)));
      const joined = await onAccounts(async (store, account) => {
        const asked = [ask(store, ["s"], { account }), ask(store, ["t"], { account })];
        const { eventId } = await followParts(store, addedEvent(["s", "t", "u"], 6, account));
        return { account, eventId, decisionIds: await Promise.all(asked) };
      });
      for (const { account, eventId, decisionIds } of joined) {
        const [event] = (await stores[0].listAccountEvents(appId, account, { size: 1 })).items;
        expect(event?.subscriberFollowUps.map(({ decisionId }) => decisionId)).toEqual([...decisionIds, ""]);
        const decisions = await Promise.all(decisionIds.map((id) => stores[1].getDecision(id)));
        const events = decisions.map((decision) => decision?.subscriberFollowUps.map((known) => known.eventId));
        expect(events).toEqual([[eventId], [eventId]]);
      }
      // The reason for which a case is closed names the decision that has proved it wrong.
      await onAccounts((store, account) => followParts(store, addedEvent(["v"], 7, account)));
      const mended = await onAccounts(async (store, account) => ({ account, decisionId: await ask(store, ["v"], { account }) }));
      for (const { account, decisionId } of mended) {
        const { items } = await stores[2].listCases({ accountId: account, state: CaseState.CLOSED }, { size: 10 });
        expect(items.map(({ closeReason }) => closeReason)).toEqual([`The event follows from ${decisionId}, as became known later.`]);
      }
    });

    it("know what another has committed with the very next question: entries, accounts, and where the pointers point", async () => {
      const [first, second] = await openThree();
      await makeLists(first, "staff");
      for (let round = 0; round < 50; round += 1) {
        await first.addEntries("staff", [listEntry("a")]);
        const policy = samplePolicy(`name: p${round}`);
        await goLive(first, policy);
        const ask = () =>
          factsAt(second, baseMs, (facts) => [facts.inList("staff", "a"), facts.listValues("staff"), facts.pointedVersion?.("live")]);
        expect(await ask()).toEqual([true, ["a"], policy.version]);
        await first.removeEntries("staff", ["a"], removal);
        expect(await ask()).toEqual([false, [], policy.version]);
      }
    });

    it("give one log in the order of commits: whoever has seen a change finds none before it later", async () => {
      const stores = await openThree();
      await makeLists(stores[0], "staff");
      let running = true;
      const reading = stores.map(async (store) => {
        const seen: FeedChange[] = [];
        let next = 0;
        for (let isLast = false; !isLast; ) {
          isLast = !running;
          const read = await store.readChanges(next, {}, 1000);
          seen.push(...read.changes);
          next = read.next;
        }
        return seen;
      });
      const writing = stores.map(async (store, replica) => {
        for (let i = 0; i < 40; i += 1) {
          await Promise.all([
            append(store, sampleDecision()),
            append(store, sampleDecision(), { creation: roomOf("ann", `${replica} ${i}`) }),
            appendEvent(store, createdEvent(`${replica}-${i}`, baseMs)),
            store.addEntries("staff", [listEntry(`${replica}-${i}`)]),
          ]);
        }
      });
      await Promise.all(writing);
      running = false;
      const [seen, ...others] = await Promise.all(reading);
      const all = await stores[0].readChanges(0, {}, 10_000);
      expect(all.changes).toHaveLength(1 + 3 * 40 * 4);
      expect(seen).toEqual(all.changes);
      for (const other of others) expect(other).toEqual(all.changes);
    });

    it("tell of what another has written soon, of changes, of keys and of pointers to policies", async () => {
      const [first, second] = await openThree();
      const told = { changes: 0, keys: 0, pointers: 0 };
      const stopChanges = second.onChange(() => {
        told.changes += 1;
      });
      const stopKeys = second.onKeyChange(() => {
        told.keys += 1;
      });
      const stopPointers = second.onPointerChange?.(() => {
        told.pointers += 1;
      });
      const before = { ...told };
      await append(first, sampleDecision());
      await first.createKey(sampleKey("k1"));
      await goLive(first, samplePolicy("name: told"));
      await vi.waitUntil(() => told.changes > before.changes && told.keys > before.keys && told.pointers > before.pointers, {
        timeout: 5000,
      });
      stopChanges();
      stopKeys();
      stopPointers?.();
    });

    it("go on when one of them is closed", async () => {
      const [first, second, third] = await openThree();
      await append(first, sampleDecision());
      await first.close();
      await append(second, sampleDecision());
      expect(await third.latestPosition()).toBe(2);
    });
  });
}

/** What is known of an event about subscribers or a message, and the decision that it follows from. */
async function outcomeOf(store: Store, event: Event): Promise<[FollowUp | undefined, string | undefined]> {
  const { followedUp } = await followParts(store, event);
  return [followedUp?.[0]?.followUp, followedUp?.[0]?.decisionId];
}

// What the contract says of what follows from decisions on subscribers and on messages.
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CaseKind, CaseState } from "../../../gen/gatehouse/v1/case_service_pb.ts";
import {
  type Decision,
  DegradedCause,
  ElementChange,
  type MessageRewrite,
  MessageRewriteSchema,
  Verdict,
} from "../../../gen/gatehouse/v1/decision_pb.ts";
import type { Event } from "../../../gen/gatehouse/v1/event_pb.ts";
import { FollowUp } from "../../../gen/gatehouse/v1/follow_up_pb.ts";
import { completeElement, textElementJson } from "../../../src/elements/complete-element.ts";
import type { AppendedEvent, FollowUpRules, Store } from "../../../src/storage/storage.ts";
import {
  appId,
  baseMs,
  confusableIds,
  digestOf,
  followUpMs,
  followUpRules,
  messageEvent,
  sampleDecision,
  subscribersEvent,
  withdrawnEvent,
} from "../samples.ts";
import { newErasure } from "./erasures.ts";
import { appendEvent, eachWithStore, type OpenStore, walk } from "./opened-store.ts";

const sweep = { reservationMs: followUpRules.reservationMs, keepMs: followUpMs };
const none = { createAccount: 0, addSubscribers: 0, sendMessage: 0 };

export function partFollowUpsConformance(open: OpenStore): void {
  describe("follow-ups of subscribers", () => {
    const current = eachWithStore(open);

    it("are confirmed for each who was allowed and added: on the decision, on the event, and told to the caller", async () => {
      const { store } = current();
      const decisionId = await ask(store, ["s", "t"]);
      const { eventId, followedUp } = await follow(store, added(["t", "s"], 5), baseMs + 7);
      expect(followedUp).toEqual([{ followUp: FollowUp.CONFIRMED, eventId, decisionId }]);
      const known = { followUp: FollowUp.CONFIRMED, eventId, followUpTime: timestampFromMs(baseMs + 7), decisionId: "" };
      const expected = {
        followUp: FollowUp.CONFIRMED,
        followUpEventId: eventId,
        followUpTime: timestampFromMs(baseMs + 7),
        subscriberFollowUps: [
          { subscriber: "s", ...known },
          { subscriber: "t", ...known },
        ],
      };
      expect(await store.getDecision(decisionId)).toMatchObject(expected);
      expect((await store.listDecisions({ followUp: FollowUp.CONFIRMED }, { size: 2 })).items).toMatchObject([expected]);
      expect(await eventsOf(store)).toMatchObject([{ followUp: FollowUp.CONFIRMED, decisionId }]);
      expect(await ofEvent(store)).toEqual([
        ["t", FollowUp.CONFIRMED, decisionId],
        ["s", FollowUp.CONFIRMED, decisionId],
      ]);
      expect(await casesOf(store)).toEqual([]);
      expect(await (await current().reopen()).getDecision(decisionId)).toMatchObject(expected);
    });

    it("are leaked for those who were refused, and so is the whole, with one case about the event", async () => {
      const { store } = current();
      const decisionId = await ask(store, ["s", "t", "u"], { refused: ["t", "u"] });
      const { eventId, followedUp } = await follow(store, added(["s", "t", "u"], 5));
      const [opened] = (await store.listCases({}, { size: 10 })).items;
      expect(followedUp).toEqual([{ followUp: FollowUp.LEAKED, eventId, decisionId, caseId: opened?.caseId }]);
      expect(opened).toMatchObject({ kind: CaseKind.LEAK, state: CaseState.OPEN, decisionId, eventId, accountId: "a", user: "op", appId });
      expect(await casesOf(store)).toHaveLength(1);
      const of = [FollowUp.CONFIRMED, FollowUp.LEAKED, FollowUp.LEAKED];
      expect((await store.getDecision(decisionId))?.subscriberFollowUps.map(({ followUp }) => followUp)).toEqual(of);
      expect((await ofEvent(store)).map(([, followUp]) => followUp)).toEqual(of);
      expect(await store.getDecision(decisionId)).toMatchObject({ followUp: FollowUp.LEAKED });
    });

    it("are leaked for all when all was denied", async () => {
      const { store } = current();
      const decisionId = await ask(store, ["s"], { verdict: Verdict.DENY });
      expect(await outcome(store, added(["s"], 5))).toBe(FollowUp.LEAKED);
      expect(await store.getDecision(decisionId)).toMatchObject({ subscriberFollowUps: [{ followUp: FollowUp.LEAKED }] });
    });

    it("are bypassed for those about whom nobody had asked, with one case for the event and not one for each", async () => {
      const { store } = current();
      const decisionId = await ask(store, ["s"]);
      const { eventId, followedUp } = await follow(store, added(["s", "t", "u"], 5));
      expect(followedUp).toMatchObject([{ followUp: FollowUp.BYPASSED, eventId, caseId: expect.stringContaining("case-") }]);
      expect(followedUp?.[0]?.decisionId).toBeUndefined();
      expect(await ofEvent(store)).toEqual([
        ["s", FollowUp.CONFIRMED, decisionId],
        ["t", FollowUp.BYPASSED, ""],
        ["u", FollowUp.BYPASSED, ""],
      ]);
      expect(await casesOf(store)).toEqual([[CaseKind.BYPASS, CaseState.OPEN, "op"]]);
      expect(await store.getDecision(decisionId)).toMatchObject({ followUp: FollowUp.CONFIRMED });
    });

    it("of one decision make it confirmed with the first who was allowed, and leaked with the first who was refused, event by event", async () => {
      const { store } = current();
      const decisionId = await ask(store, ["s", "t", "u"], { refused: ["u"] });
      const of = async () => {
        const { followUp, followUpEventId, subscriberFollowUps = [] } = (await store.getDecision(decisionId)) ?? {};
        return [followUp, followUpEventId, subscriberFollowUps.map(({ subscriber }) => subscriber).join("")];
      };
      const first = await follow(store, added(["t"], 5));
      expect(await of()).toEqual([FollowUp.CONFIRMED, first.eventId, "t"]);
      const leak = await follow(store, added(["u"], 6));
      expect(await of()).toEqual([FollowUp.LEAKED, leak.eventId, "tu"]);
      await follow(store, added(["s"], 7));
      expect(await of()).toEqual([FollowUp.LEAKED, leak.eventId, "stu"]);
      expect(await casesOf(store)).toHaveLength(1);
    });

    it("count a user who is named twice once", async () => {
      const { store } = current();
      const decisionId = await ask(store, ["s", "s", "t"]);
      await follow(store, added(["t", "s", "s"], 5));
      expect((await store.getDecision(decisionId))?.subscriberFollowUps.map(({ subscriber }) => subscriber)).toEqual(["s", "t"]);
      expect((await ofEvent(store)).map(([subscriber]) => subscriber)).toEqual(["t", "s"]);
      expect(await outcome(store, added(["s"], 6))).toBe(FollowUp.BYPASSED);
    });

    it("change nothing when an event with the same digest comes again", async () => {
      const { store } = current();
      await ask(store, ["s", "t"], { refused: ["t"] });
      const event = added(["s", "t", "u"], 5);
      await follow(store, event);
      const before = await everything(store);
      for (let again = 0; again < 2; again++) expect((await follow(store, event)).followedUp).toBeUndefined();
      expect(await everything(store)).toEqual(before);
    });

    it("compare app, account and subscriber byte for byte", async () => {
      const { store } = current();
      for (const id of confusableIds) await ask(store, [id], { account: "x" });
      for (const id of confusableIds) await ask(store, ["s"], { account: id });
      for (const id of confusableIds) {
        expect(await outcome(store, added([id], 5, "x")), id).toBe(FollowUp.CONFIRMED);
        expect(await outcome(store, added(["s"], 5, id)), id).toBe(FollowUp.CONFIRMED);
      }
      await ask(store, ["s"]);
      expect(await outcome(store, { ...added(["s"], 5), appId: appId + 1 })).toBe(FollowUp.BYPASSED);
      expect(await outcome(store, added(confusableIds, 6, "x"))).toBe(FollowUp.BYPASSED);
    });

    it("are of the oldest allow that still stood, else of the last that was said", async () => {
      const { store } = current();
      const lapsed = await ask(store, ["s"], { decidedMs: 0 });
      const standing = [await ask(store, ["s"], { decidedMs: 2000 }), await ask(store, ["s"], { decidedMs: 2001 })];
      const denied = await ask(store, ["s"], { decidedMs: 2002, verdict: Verdict.DENY });
      for (const [index, expected] of [...standing, denied, lapsed].entries()) {
        const { followedUp } = await follow(store, added(["s"], 2500 + index));
        expect(followedUp?.[0]?.decisionId).toBe(expected);
      }
      expect((await follow(store, added(["s"], 2600))).followedUp?.[0]?.decisionId).toBeUndefined();
    });

    it("are joined within the window, and not known of events that come too late to tell, or are not to be followed up", async () => {
      const { store } = current();
      await ask(store, ["kept", "late"], { decidedMs: 0 });
      expect(await outcome(store, added(["kept"], followUpMs), baseMs + 2 * followUpMs)).toBe(FollowUp.CONFIRMED);
      expect(await outcome(store, added(["late"], followUpMs + 1))).toBe(FollowUp.BYPASSED);
      const unknown = added(["too late"], 0, "b");
      expect((await follow(store, unknown, baseMs + followUpMs + 1)).followedUp).toBeUndefined();
      expect((await appendEvent(store, added(["s"], 0, "c"))).followedUp).toBeUndefined();
      expect((await follow(store, subscribersEvent("removed", "d", baseMs, ["s"]))).followedUp).toBeUndefined();
      for (const account of ["b", "c", "d"]) {
        expect(await eventsOf(store, account), account).toMatchObject([{ followUp: FollowUp.UNSPECIFIED, subscriberFollowUps: [] }]);
      }
    });

    it("are of the latest of many decisions on an account, and not known when too many came in between", async () => {
      const { store } = current();
      await ask(store, ["early"]);
      await Promise.all(Array.from({ length: 31 }, (_, index) => ask(store, [`other ${index}`])));
      expect(await outcome(store, added(["early"], 5))).toBe(FollowUp.CONFIRMED);
      await Promise.all(Array.from({ length: 2000 }, (_, index) => ask(store, [`more ${index}`])));
      expect((await follow(store, added(["never asked"], 6))).followedUp).toBeUndefined();
      expect(await outcome(store, added(["more 1999"], 7))).toBe(FollowUp.CONFIRMED);
      expect(await outcome(store, added(["never asked"], 6, "quiet"))).toBe(FollowUp.BYPASSED);
    });

    it("are mended by a decision that is recorded after its event: the case about it is closed", async () => {
      const { store } = current();
      await follow(store, added(["s", "t"], 100));
      const first = await asked(store, ["s"], { askedMs: 50 });
      expect(first.followedUp).toBeUndefined();
      expect(await ofEvent(store)).toMatchObject([
        ["s", FollowUp.CONFIRMED, first.decision.decisionId],
        ["t", FollowUp.BYPASSED, ""],
      ]);
      const second = await asked(store, ["t", "u"], { askedMs: 60 });
      expect(second.followedUp).toMatchObject([{ followUp: FollowUp.CONFIRMED, decisionId: first.decision.decisionId }]);
      expect(await casesOf(store)).toEqual([[CaseKind.BYPASS, CaseState.CLOSED, "op"]]);
      expect((await store.listCases({}, { size: 1 })).items[0]).toMatchObject({ closedBy: "gatehouse" });
      expect(await store.getDecision(second.decision.decisionId)).toMatchObject({ subscriberFollowUps: [{ subscriber: "t" }] });
    });

    it("go by what a fallback answered instead of the decision, also when that is known after the event", async () => {
      const { store } = current();
      const allowed = { cause: DegradedCause.DEADLINE, verdict: Verdict.ALLOW, code: 0, answerTimeMs: baseMs + 900 };
      const refused = await ask(store, ["s", "t"], { refused: ["t"] });
      expect(await outcome(store, added(["s", "t"], 5))).toBe(FollowUp.LEAKED);
      const marked = await store.markDegraded(refused, allowed, undefined, followUpRules);
      expect(marked?.followedUp).toMatchObject([{ followUp: FollowUp.CONFIRMED, decisionId: refused }]);
      expect(marked?.decision).toMatchObject({ degraded: true, followUp: FollowUp.CONFIRMED });
      expect(marked?.decision.subscriberFollowUps.map(({ followUp }) => followUp)).toEqual([FollowUp.CONFIRMED, FollowUp.CONFIRMED]);
      expect(await casesOf(store)).toEqual([[CaseKind.LEAK, CaseState.CLOSED, "op"]]);

      const stopped = await ask(store, ["u"]);
      expect(await store.markDegraded(stopped, { ...allowed, verdict: Verdict.DENY, code: 1 }, undefined, followUpRules)).toMatchObject({
        marked: true,
      });
      expect(await outcome(store, added(["u"], 5))).toBe(FollowUp.LEAKED);
    });

    it("of an allow are abandoned once it has lapsed for those of whom no event came, and confirmed by one that comes late", async () => {
      const { store } = current();
      const [half, whole] = [await ask(store, ["s", "t"]), await ask(store, ["u", "v"], { refused: ["v"] })];
      const others = [await ask(store, ["w"], { verdict: Verdict.DENY }), await ask(store, ["x"], { refused: ["x"] })];
      await follow(store, added(["s"], 5));
      expect(await store.sweepFollowUps(baseMs + 999, sweep)).toEqual({ abandoned: none, done: true });
      expect(await store.sweepFollowUps(baseMs + 1000, sweep)).toEqual({ abandoned: { ...none, addSubscribers: 1 }, done: true });
      expect(await store.sweepFollowUps(baseMs + 1001, sweep)).toEqual({ abandoned: none, done: true });
      const of = async (id: string) => {
        const { followUp, subscriberFollowUps = [] } = (await store.getDecision(id)) ?? {};
        return [followUp, ...subscriberFollowUps.map((known) => [known.subscriber, known.followUp])];
      };
      expect(await of(half)).toEqual([FollowUp.CONFIRMED, ["s", FollowUp.CONFIRMED], ["t", FollowUp.ABANDONED]]);
      expect(await of(whole)).toEqual([FollowUp.ABANDONED, ["u", FollowUp.ABANDONED]]);
      for (const other of others) expect(await of(other)).toEqual([FollowUp.UNSPECIFIED]);
      expect(await store.getDecision(whole)).toMatchObject({ followUpEventId: "", followUpTime: timestampFromMs(baseMs + 1000) });
      expect(await outcome(store, added(["u"], 20), baseMs + 2000)).toBe(FollowUp.CONFIRMED);
      expect(await of(whole)).toEqual([FollowUp.CONFIRMED, ["u", FollowUp.CONFIRMED]]);
      expect(await casesOf(store)).toEqual([]);
    });

    it("are swept a bounded part at a time, and go on after reopening", async () => {
      const { store } = current();
      await Promise.all(Array.from({ length: 700 }, (_, index) => ask(store, ["s"], { account: `account ${index}` })));
      const first = await store.sweepFollowUps(baseMs + 1000, sweep);
      expect(first.done).toBe(false);
      const again = await current().reopen();
      let abandoned = first.abandoned.addSubscribers;
      for (let done = false; !done; ) {
        const part = await again.sweepFollowUps(baseMs + 1000, sweep);
        abandoned += part.abandoned.addSubscribers;
        done = part.done;
      }
      expect(abandoned).toBe(700);
      expect(await walk((page) => again.listDecisions({ followUp: FollowUp.ABANDONED }, page), 100)).toHaveLength(700);
    });

    it("are not in the feed, and stay joined when their events are deleted", async () => {
      const { store } = current();
      const decisionId = await ask(store, ["s"]);
      await follow(store, added(["s"], 5));
      const { changes } = await store.readChanges(0, {}, 10);
      expect(changes).toMatchObject([
        { decision: { followUp: FollowUp.UNSPECIFIED, subscriberFollowUps: [] } },
        { event: { followUp: FollowUp.UNSPECIFIED, subscriberFollowUps: [] } },
      ]);
      while (!(await store.deleteOld("subscriptionEvents", baseMs + 1)).done);
      expect(await eventsOf(store)).toEqual([]);
      expect(await outcome(store, added(["s"], 6))).toBe(FollowUp.BYPASSED);
      expect(await store.getDecision(decisionId)).toMatchObject({
        followUp: FollowUp.CONFIRMED,
        subscriberFollowUps: [{ subscriber: "s" }],
      });
    });

    it("name the pseudonym of a user who was erased", async () => {
      const { store } = current();
      const decisionId = await ask(store, ["s", "ann"], { refused: ["ann"] });
      await follow(store, added(["ann", "s", "new"], 5));
      await store.beginErasure(newErasure({ user: "ann" }));
      while ((await store.continueErasure(baseMs)).kind === "more");
      const { pseudonym } = newErasure();
      expect((await store.getDecision(decisionId))?.subscriberFollowUps).toMatchObject([
        { subscriber: "s", followUp: FollowUp.CONFIRMED },
        { subscriber: pseudonym, followUp: FollowUp.LEAKED },
      ]);
      expect(await ofEvent(store)).toEqual([
        [pseudonym, FollowUp.LEAKED, decisionId],
        ["s", FollowUp.CONFIRMED, decisionId],
        ["new", FollowUp.BYPASSED, ""],
      ]);
    });
  });

  describe("follow-ups of messages", () => {
    const current = eachWithStore(open);

    it.each([
      ["allowed, and sent as it came", {}, "hello", FollowUp.CONFIRMED],
      ["denied, and sent all the same", { verdict: Verdict.DENY }, "hello", FollowUp.LEAKED],
      ["discarded, and sent all the same", { verdict: Verdict.DISCARD }, "hello", FollowUp.LEAKED],
      ["rewritten, and sent so", { rewritten: "h****" }, "h****", FollowUp.CONFIRMED],
      ["rewritten, and sent as it came", { rewritten: "h****" }, "hello", FollowUp.LEAKED],
      ["allowed, and another sent", {}, "goodbye", FollowUp.BYPASSED],
    ])("that was %s", async (_name, said, sent, followUp) => {
      const { store } = current();
      const decisionId = await say(store, "hello", said);
      const { eventId, followedUp } = await follow(store, messageEvent("a", "k", baseMs + 5, sent));
      expect(followedUp).toMatchObject([{ followUp, eventId }]);
      expect(await store.getDecision(decisionId)).toMatchObject(
        followUp === FollowUp.BYPASSED
          ? { followUp: FollowUp.UNSPECIFIED }
          : { followUp, followUpEventId: eventId, subscriberFollowUps: [] },
      );
      const opened = followUp === FollowUp.LEAKED ? [[CaseKind.LEAK, CaseState.OPEN, ""]] : [];
      expect(await casesOf(store)).toEqual(opened);
    });

    it("are bypassed with a case only where that is wanted", async () => {
      const { store } = current();
      const { followedUp } = await follow(store, messageEvent("a", "k", baseMs, "x"), baseMs, {
        ...followUpRules,
        messageBypassCases: true,
      });
      expect(followedUp).toMatchObject([{ followUp: FollowUp.BYPASSED, caseId: expect.stringContaining("case-") }]);
      expect(await casesOf(store)).toEqual([[CaseKind.BYPASS, CaseState.OPEN, ""]]);
    });

    it("tell messages apart by their elements, in order, and their custom data, whoever wrote the JSON", async () => {
      const { store } = current();
      const elements = ['{"MsgType":"TIMFaceElem","MsgContent":{"Index":1,"Data":"d"}}', textElementJson("x")];
      const action = {
        case: "sendMessage" as const,
        value: { accountId: "a", elements: elements.map((rawJson) => ({ rawJson })), customData: "c" },
      };
      await append(store, sampleDecision({ action }));
      const sent = (key: string, json: readonly string[], customData: string) => {
        const event = messageEvent("a", key, baseMs, "");
        if (event.event.case === "messageSent") {
          Object.assign(event.event.value, { elements: json.map((rawJson) => completeElement({ rawJson })), customData });
        }
        return outcome(store, event);
      };
      expect(await sent("1", elements.toReversed(), "c")).toBe(FollowUp.BYPASSED);
      expect(await sent("2", elements, "")).toBe(FollowUp.BYPASSED);
      expect(await sent("3", elements.slice(0, 1), "c")).toBe(FollowUp.BYPASSED);
      const anew = '{ "MsgContent": {"Data":"\\u0064", "Index":1.0}, "MsgType":"TIMFaceElem" }';
      expect(await sent("4", [anew, elements[1] ?? ""], "c")).toBe(FollowUp.CONFIRMED);
    });

    it("are of one sending each: the same words again, without being asked, are bypassed", async () => {
      const { store } = current();
      await say(store, "hello");
      expect(await outcome(store, messageEvent("a", "k1", baseMs + 1, "hello"))).toBe(FollowUp.CONFIRMED);
      expect(await outcome(store, messageEvent("a", "k2", baseMs + 2, "hello"))).toBe(FollowUp.BYPASSED);
    });

    it("have nothing to do with subscriptions that are named alike, and withdrawing changes nothing", async () => {
      const { store } = current();
      const decisionId = await say(store, "s");
      expect(await outcome(store, added(["s"], 5))).toBe(FollowUp.BYPASSED);
      expect((await follow(store, withdrawnEvent("a", baseMs, ["k"]))).followedUp).toBeUndefined();
      expect(await outcome(store, messageEvent("a", "k", baseMs + 5, "s"))).toBe(FollowUp.CONFIRMED);
      expect((await follow(store, withdrawnEvent("a", baseMs + 9, ["k"]))).followedUp).toBeUndefined();
      expect(await store.getDecision(decisionId)).toMatchObject({ followUp: FollowUp.CONFIRMED });
    });

    it("are abandoned when they are not sent, and mended by a decision that is recorded after its event", async () => {
      const { store } = current();
      const left = await say(store, "left");
      expect(await store.sweepFollowUps(baseMs + 1000, sweep)).toEqual({ abandoned: { ...none, sendMessage: 1 }, done: true });
      expect(await store.getDecision(left)).toMatchObject({ followUp: FollowUp.ABANDONED });
      await follow(store, messageEvent("a", "k", baseMs + 5, "hello"));
      const denied = await say(store, "hello", { verdict: Verdict.DENY });
      expect(await store.getDecision(denied)).toMatchObject({ followUp: FollowUp.LEAKED });
      expect(await casesOf(store)).toEqual([[CaseKind.LEAK, CaseState.OPEN, ""]]);
    });

    it("that a rule would have rewritten, and a fallback let pass, are confirmed as they came", async () => {
      const { store } = current();
      const decisionId = await say(store, "hello", { rewritten: "h****" });
      expect(await outcome(store, messageEvent("a", "k", baseMs + 5, "hello"))).toBe(FollowUp.LEAKED);
      const answer = { cause: DegradedCause.DEADLINE, verdict: Verdict.ALLOW, code: 0, answerTimeMs: baseMs + 9 };
      const marked = await store.markDegraded(decisionId, answer, undefined, followUpRules);
      expect(marked?.followedUp).toMatchObject([{ followUp: FollowUp.CONFIRMED, decisionId }]);
      expect(await casesOf(store)).toEqual([[CaseKind.LEAK, CaseState.CLOSED, ""]]);
    });
  });

  describe("follow-ups of subscribers and messages", () => {
    const current = eachWithStore(open);

    it("end the same in whatever order and number decisions and events come", async () => {
      const { store } = current();
      let run = 0;
      await fc.assert(
        fc.asyncProperty(shuffled(), async ({ things, orders }) => {
          const ends: unknown[] = [];
          for (const order of orders) {
            run += 1;
            const account = `account ${run}`;
            const decisionIds = new Map<string, number>();
            for (const index of order) {
              const thing = things[index];
              if (thing === undefined) continue;
              const decision = decisionOf(thing, account);
              if (decision === undefined) await follow(store, eventOf(thing, account));
              else if (![...decisionIds.values()].includes(index)) decisionIds.set(await append(store, decision), index);
            }
            while (!(await store.sweepFollowUps(baseMs + 60_000, sweep)).done);
            ends.push(await endOf(store, account, decisionIds));
          }
          for (const end of ends) expect(end).toEqual(ends[0]);
        }),
        { numRuns: 100 },
      );
    });
  });
}

type Thing = { atMs: number } & (
  | { kind: "ask"; subscribers: string[]; refused: string[]; denied: boolean }
  | { kind: "say"; text: string; rewritten: string; denied: boolean }
  | { kind: "added" | "removed"; subscribers: string[]; timed: boolean }
  | { kind: "sent"; text: string; key: string; timed: boolean }
  | { kind: "withdrawn"; key: string }
);

/** Decisions and events about one account, and two orders in which they come, some more than once. */
function shuffled(): fc.Arbitrary<{ things: Thing[]; orders: number[][] }> {
  // Different for each: of the same moment, the order of the log breaks ties.
  const atMs = fc.integer({ min: 1, max: 14 }).map((seconds) => seconds * 1000);
  const subscribers = fc.uniqueArray(fc.constantFrom("s", "S", "t"), { minLength: 1, maxLength: 3 });
  const text = fc.constantFrom("x", "y");
  const key = fc.constantFrom("k", "K");
  const denied = fc.boolean();
  const kindOf = <Kind extends Thing["kind"]>(kind: Kind) => fc.constant(kind);
  const timed = fc.constant(true);
  const thing: fc.Arbitrary<Thing> = fc.oneof(
    fc.record({ kind: kindOf("ask"), atMs, subscribers, refused: fc.subarray(["s", "t"]), denied }),
    fc.record({ kind: kindOf("say"), atMs, text, rewritten: text, denied }),
    fc.record({ kind: kindOf("added"), atMs, subscribers, timed }),
    fc.record({ kind: kindOf("removed"), atMs, subscribers, timed }),
    fc.record({ kind: kindOf("sent"), atMs, text, key, timed }),
    fc.record({ kind: kindOf("withdrawn"), atMs, key }),
  );
  return fc
    .uniqueArray(thing, { minLength: 2, maxLength: 9, selector: (one) => one.atMs })
    .chain((things) => fc.tuple(fc.constant(things), fc.option(fc.nat(things.length - 1))))
    .chain(([things, untimed]) => {
      // One event may be without a time; it was received at baseMs, which is before all others.
      const all = things.map((one, index) => ("timed" in one && index === untimed ? { ...one, timed: false } : one));
      const order = fc
        .subarray(all.map((_, index) => index))
        .chain((again) => fc.shuffledSubarray([...all.keys(), ...again], { minLength: all.length + again.length }));
      return fc.record({ things: fc.constant(all), orders: fc.tuple(order, order) });
    });
}

function decisionOf(thing: Thing, accountId: string): Decision | undefined {
  const at = { eventTime: timestampFromMs(baseMs + thing.atMs), decideTime: timestampFromMs(baseMs + thing.atMs) };
  switch (thing.kind) {
    case "ask": {
      const refused = thing.subscribers.filter((one) => thing.refused.includes(one));
      const verdict = thing.denied ? Verdict.DENY : Verdict.ALLOW;
      return subscription(thing.subscribers, { account: accountId, verdict, refused: thing.denied ? [] : refused }, at);
    }
    case "say": {
      const rewritten = thing.rewritten === thing.text ? {} : { rewritten: thing.rewritten };
      return message(thing.text, { account: accountId, ...(thing.denied ? { verdict: Verdict.DENY } : rewritten) }, at);
    }
    default:
      return undefined;
  }
}

function eventOf(thing: Thing, accountId: string): Event {
  const timeMs = "timed" in thing && !thing.timed ? undefined : baseMs + thing.atMs;
  switch (thing.kind) {
    case "added":
    case "removed":
      return subscribersEvent(thing.kind, accountId, timeMs, thing.subscribers);
    case "sent":
      return messageEvent(accountId, thing.key, timeMs, thing.text);
    case "withdrawn":
      return withdrawnEvent(accountId, timeMs, [thing.key]);
    default:
      throw new Error(`${thing.kind} is no event.`);
  }
}

/** Everything that is known of an account at the end, in terms that do not depend on the order. */
async function endOf(store: Store, account: string, decisionIds: ReadonlyMap<string, number>) {
  const events = await eventsOf(store, account);
  const nameOf = (id: string) => String(events.find(({ eventId }) => eventId === id)?.eventTime?.seconds);
  const decisions = [];
  for (const [id, index] of decisionIds) {
    const { followUp, followUpEventId = "", subscriberFollowUps = [] } = (await store.getDecision(id)) ?? {};
    const subscribers = subscriberFollowUps.map((known) => [known.subscriber, known.followUp, nameOf(known.eventId)]);
    decisions.push([index, followUp, nameOf(followUpEventId), subscribers] as const);
  }
  const open = await walk((page) => store.listCases({ accountId: account, state: CaseState.OPEN }, page), 10);
  return {
    decisions: decisions.sort(([a], [b]) => a - b),
    events: events
      .map(({ eventId, event, followUp, decisionId, subscriberFollowUps }) => [
        `${nameOf(eventId)} ${event.case}`,
        followUp,
        decisionIds.get(decisionId),
        subscriberFollowUps.map((known) => [known.subscriber, known.followUp, decisionIds.get(known.decisionId)]),
      ])
      .sort(([a], [b]) => String(a).localeCompare(String(b))),
    cases: open.map(({ kind, decisionId, eventId }) => [nameOf(eventId), kind, decisionIds.get(decisionId)].join()).sort(),
  };
}

/** What is asked; times are milliseconds after baseMs. */
interface Asked {
  account?: string;
  verdict?: Verdict;
  refused?: readonly string[];
  askedMs?: number;
  decidedMs?: number;
}

/** When a decision was asked and made. */
type Times = Partial<Pick<Decision, "eventTime" | "decideTime">>;

function subscription(subscribers: string[], said: Pick<Asked, "account" | "verdict" | "refused">, times: Times): Decision {
  const { account = "a", verdict = Verdict.ALLOW, refused = [] } = said;
  return sampleDecision({
    action: { case: "addSubscribers", value: { accountId: account, operator: "op", subscribers } },
    verdict,
    refused: refused.map((subscriber) => ({ subscriber, rule: "r" })),
    ...defined(times),
  });
}

/** What is said; `rewritten` is what it becomes. */
interface Said {
  account?: string;
  verdict?: Verdict;
  rewritten?: string;
}

function message(text: string, { account = "a", verdict = Verdict.ALLOW, rewritten }: Said, times: Times): Decision {
  return sampleDecision({
    action: { case: "sendMessage", value: { accountId: account, elements: [{ rawJson: textElementJson(text) }] } },
    verdict,
    ...(rewritten !== undefined && { rewrite: rewriteTo(rewritten) }),
    ...defined(times),
  });
}

function defined({ eventTime, decideTime }: Times) {
  return { ...(eventTime && { eventTime }), ...(decideTime && { decideTime }) };
}

function rewriteTo(text: string): MessageRewrite {
  return create(MessageRewriteSchema, { elements: [{ change: ElementChange.CHANGED, rawJson: textElementJson(text) }] });
}

/** Appends a decision on subscribers, asked and decided so long after baseMs. */
function asked(store: Store, subscribers: string[], { askedMs, decidedMs = 0, ...said }: Asked = {}) {
  const decideTime = timestampFromMs(baseMs + decidedMs);
  const eventTime = timestampFromMs(baseMs + (askedMs ?? decidedMs));
  return appended(store, subscription(subscribers, said, { decideTime, eventTime }));
}

async function ask(store: Store, subscribers: string[], said: Asked = {}): Promise<string> {
  return (await asked(store, subscribers, said)).decision.decisionId;
}

function say(store: Store, text: string, said: Said = {}): Promise<string> {
  return append(store, message(text, said, {}));
}

async function append(store: Store, decision: Decision): Promise<string> {
  return (await appended(store, decision)).decision.decisionId;
}

async function appended(store: Store, decision: Decision) {
  const nowMs = Number(decision.decideTime?.seconds ?? 0n) * 1000;
  const made = { decision, actionDigest: new Uint8Array(), counts: [], followUp: followUpRules };
  const result = await store.appendDecision(nowMs, () => made);
  if (result.kind !== "appended") throw new Error(`It was not appended: ${result.kind}.`);
  return result;
}

function added(subscribers: string[], afterMs: number, accountId = "a"): Event {
  const event = subscribersEvent("added", accountId, baseMs + afterMs, subscribers);
  if (event.event.case === "subscribersAdded") event.event.value.operator = "op";
  return event;
}

/** Appends an event at `nowMs`, joined with what it follows from. */
function follow(store: Store, event: Event, nowMs = baseMs, followUp: FollowUpRules = followUpRules): Promise<AppendedEvent> {
  return store.appendEvent(event, digestOf(event), nowMs, { followUp });
}

async function outcome(store: Store, event: Event, nowMs?: number): Promise<FollowUp | undefined> {
  return (await follow(store, event, nowMs)).followedUp?.[0]?.followUp;
}

async function eventsOf(store: Store, accountId = "a"): Promise<Event[]> {
  return (await store.listAccountEvents(appId, accountId, { size: 100 })).items;
}

/** What is known of each subscriber of the account's first event. */
async function ofEvent(store: Store): Promise<[string, FollowUp, string][]> {
  const [event] = await eventsOf(store);
  return event?.subscriberFollowUps.map(({ subscriber, followUp, decisionId }) => [subscriber, followUp, decisionId]) ?? [];
}

async function casesOf(store: Store): Promise<[CaseKind, CaseState, string][]> {
  return (await store.listCases({}, { size: 10 })).items.map(({ kind, state, user }) => [kind, state, user]);
}

async function everything(store: Store): Promise<unknown> {
  const decisions: Decision[] = (await store.listDecisions({}, { size: 100 })).items;
  return { decisions, events: await eventsOf(store), cases: await casesOf(store), end: await store.latestPosition() };
}

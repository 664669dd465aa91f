// What the contract says of what follows from decisions on subscribers.
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { CaseKind, CaseState } from "../../../gen/gatehouse/v1/case_service_pb.ts";
import { DegradedCause, Verdict } from "../../../gen/gatehouse/v1/decision_pb.ts";
import { FollowUp } from "../../../gen/gatehouse/v1/follow_up_pb.ts";
import { added, ask, asked, casesOf, eventsOf, everything, follow, none, ofEvent, outcome, sweep } from "../parts.ts";
import { appId, baseMs, confusableIds, followUpMs, followUpRules, subscribersEvent } from "../samples.ts";
import { newErasure } from "./erasures.ts";
import { appendEvent, eachWithStore, type OpenStore, walk } from "./opened-store.ts";

export function subscriberFollowUpsConformance(open: OpenStore): void {
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

    it.each([
      ["with a time of its own", 100],
      ["without one, by when it was received", undefined],
    ])("are mended after the store was opened again, for an event %s", async (_name, afterMs) => {
      await follow(current().store, subscribersEvent("added", "a", afterMs && baseMs + afterMs, ["s"]));
      const store = await current().reopen();
      const { followedUp } = await asked(store, ["s"], { askedMs: -50, verdict: Verdict.DENY });
      expect(followedUp).toMatchObject([{ followUp: FollowUp.LEAKED }]);
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

    it("go by what a fallback answered when that and the events become known at once", async () => {
      const { store } = current();
      const allowed = { cause: DegradedCause.DEADLINE, verdict: Verdict.ALLOW, code: 0, answerTimeMs: baseMs + 900 };
      for (let round = 0; round < 20; round += 1) {
        const account = `account ${round}`;
        const decisionId = await ask(store, ["s", "t"], { account, refused: ["t"] });
        await Promise.all([
          follow(store, added(["s"], 5, account)),
          store.markDegraded(decisionId, allowed, undefined, followUpRules),
          follow(store, added(["t"], 6, account)),
        ]);
        const { followUp, subscriberFollowUps = [] } = (await store.getDecision(decisionId)) ?? {};
        expect(followUp).toBe(FollowUp.CONFIRMED);
        expect(subscriberFollowUps.map((known) => known.followUp)).toEqual([FollowUp.CONFIRMED, FollowUp.CONFIRMED]);
        expect((await eventsOf(store, account)).map((event) => event.followUp)).toEqual([FollowUp.CONFIRMED, FollowUp.CONFIRMED]);
      }
      expect((await store.listCases({ state: CaseState.OPEN }, { size: 1 })).items).toEqual([]);
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
}

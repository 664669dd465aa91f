// What the contract says of what follows from decisions.
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CaseKind, CaseState } from "../../../gen/gatehouse/v1/case_service_pb.ts";
import { type Decision, DegradedCause, Verdict } from "../../../gen/gatehouse/v1/decision_pb.ts";
import type { Event } from "../../../gen/gatehouse/v1/event_pb.ts";
import { FollowUp } from "../../../gen/gatehouse/v1/follow_up_pb.ts";
import type { Store } from "../../../src/storage/storage.ts";
import {
  appId,
  askedFor,
  baseMs,
  confusableIds,
  createdEvent,
  digestOf,
  followUpMs,
  followUpRules,
  roomOf,
  sampleDecision,
  sampleEvent,
} from "../samples.ts";
import { append, appendEvent, eachWithStore, factsAt, follow, type OpenStore, walk } from "./opened-store.ts";

const sweep = { reservationMs: 1000, keepMs: 10_000 };

export function followUpsConformance(open: OpenStore): void {
  describe("follow-ups", () => {
    const current = eachWithStore(open);

    it("of an allow are confirmed: on the decision, on the event, and told to the caller", async () => {
      const { store } = current();
      const decisionId = await allow(store, "ann", "News");
      expect(await store.getDecision(decisionId)).toMatchObject({ followUp: FollowUp.UNSPECIFIED, followUpEventId: "" });
      const { eventId, followedUp } = await follow(store, created("a", 5), baseMs + 7);
      expect(followedUp).toEqual([{ followUp: FollowUp.CONFIRMED, eventId, decisionId }]);
      const followUp = { followUp: FollowUp.CONFIRMED, followUpEventId: eventId, followUpTime: timestampFromMs(baseMs + 7) };
      expect(await store.getDecision(decisionId)).toMatchObject(followUp);
      expect((await store.listDecisions({}, { size: 1 })).items).toMatchObject([followUp]);
      expect(await eventsOf(store, "a")).toMatchObject([{ followUp: FollowUp.CONFIRMED, decisionId }]);
      expect((await store.listCases({}, { size: 1 })).items).toEqual([]);
      expect(await (await current().reopen()).getDecision(decisionId)).toMatchObject(followUp);
    });

    it("of a denial are leaked, with a case about the event and the decision", async () => {
      const { store } = current();
      const decisionId = await deny(store, "ann", "News");
      const { eventId, followedUp } = await follow(store, created("a", 5));
      const [opened] = (await store.listCases({}, { size: 10 })).items;
      expect(followedUp).toEqual([{ followUp: FollowUp.LEAKED, eventId, decisionId, caseId: opened?.caseId }]);
      expect(opened).toMatchObject({ kind: CaseKind.LEAK, state: CaseState.OPEN, decisionId, eventId, accountId: "a", user: "ann", appId });
      expect(await store.getDecision(decisionId)).toMatchObject({ followUp: FollowUp.LEAKED, followUpEventId: eventId });
    });

    it("of nothing are bypassed, with a case about the event", async () => {
      const { store } = current();
      const { eventId, followedUp } = await follow(store, created("a", 5));
      const [opened] = (await store.listCases({}, { size: 10 })).items;
      expect(followedUp).toEqual([{ followUp: FollowUp.BYPASSED, eventId, caseId: opened?.caseId }]);
      expect(opened).toMatchObject({ kind: CaseKind.BYPASS, decisionId: "", eventId, accountId: "a", user: "ann" });
      expect(await eventsOf(store, "a")).toMatchObject([{ followUp: FollowUp.BYPASSED, decisionId: "" }]);
    });

    it("of a creation are what they are, also where the caller says how subscriptions and messages are followed up", async () => {
      const { store } = current();
      const action = { case: "createAccount", value: { operator: "ann", owner: "ann", name: "News" } } as const;
      const decisionId = await append(store, sampleDecision({ action }), { creation: roomOf("ann", "News"), followUp: followUpRules });
      expect(await factsAt(store, baseMs, (facts) => facts.liveAccounts(appId, "ann"))).toBe(1);
      const event = created("a", 5);
      const handling = { followUpMs, followUp: followUpRules };
      expect((await store.appendEvent(event, digestOf(event), baseMs, handling)).followedUp).toMatchObject([{ decisionId }]);
    });

    it("change nothing when an event with the same digest comes again", async () => {
      const { store } = current();
      await deny(store, "ann", "News");
      await allow(store, "ann", "News");
      const event = created("a", 5);
      await follow(store, event);
      const before = await everything(store);
      for (let again = 0; again < 2; again++) expect((await follow(store, event)).followedUp).toBeUndefined();
      expect(await everything(store)).toEqual(before);
    });

    it("compare app, operator, owner and name byte for byte", async () => {
      const { store } = current();
      for (const id of confusableIds) await allow(store, id, "News");
      for (const id of confusableIds) await allow(store, "ann", `of ${id}`);
      for (const [index, id] of confusableIds.entries()) {
        expect(await outcome(store, created(`o${index}`, 5, { owner: id })), id).toBe(FollowUp.CONFIRMED);
        expect(await outcome(store, created(`n${index}`, 5, { name: `of ${id}` })), id).toBe(FollowUp.CONFIRMED);
      }
      await allow(store, "ann", "News");
      expect(await outcome(store, { ...created("x", 5), appId: appId + 1 })).toBe(FollowUp.BYPASSED);
      const value = { accountId: "y", operator: "bob", owner: "ann", name: "News" };
      expect(await outcome(store, sampleEvent({ case: "accountCreated", value }, baseMs))).toBe(FollowUp.BYPASSED);
    });

    it("are of the oldest allow that still stood, else of the last that was said", async () => {
      const { store } = current();
      const lapsed = await allow(store, "ann", "News", 0, 1000);
      const standing = [await allow(store, "ann", "News", 2000), await allow(store, "ann", "News", 2001)];
      const denied = await deny(store, "ann", "News", 2002);
      const early = await deny(store, "ann", "News", -1);
      for (const [index, expected] of [...standing, denied, lapsed, early].entries()) {
        const { followedUp } = await follow(store, created(`a${index}`, 3000 + index));
        expect(followedUp?.[0]?.decisionId).toBe(expected);
      }
      expect((await follow(store, created("one more", 3010))).followedUp?.[0]?.decisionId).toBeUndefined();
    });

    it("are joined within the window, and a little before by clocks that differ", async () => {
      const { store } = current();
      await allow(store, "ann", "Old", 0);
      await allow(store, "ann", "Older", -1);
      await allow(store, "ann", "Ahead", 5000);
      await allow(store, "ann", "Too far ahead", 5001);
      const names: [string, number][] = [
        ["Old", followUpMs],
        ["Older", followUpMs],
        ["Ahead", 0],
        ["Too far ahead", 0],
      ];
      const outcomes = [];
      for (const [name, afterMs] of names) outcomes.push(await outcome(store, created(name, afterMs, { name })));
      expect(outcomes).toEqual([FollowUp.CONFIRMED, FollowUp.BYPASSED, FollowUp.CONFIRMED, FollowUp.BYPASSED]);
    });

    it("are not known of events that come too late to tell, that have no name, that are no creations, or that are not to be followed up", async () => {
      const { store } = current();
      await follow(store, created("late", 0), baseMs + followUpMs + 1);
      await follow(store, created("nameless", 0, { name: "" }));
      await follow(store, sampleEvent({ case: "accountDestroyed", value: { accountId: "destroyed" } }, baseMs));
      await appendEvent(store, created("unfollowed", 0));
      for (const accountId of ["late", "nameless", "destroyed", "unfollowed"]) {
        expect(await eventsOf(store, accountId), accountId).toMatchObject([{ followUp: FollowUp.UNSPECIFIED }]);
      }
      expect((await store.listCases({}, { size: 10 })).items).toEqual([]);
      expect(await outcome(store, created("in time", 0), baseMs + followUpMs)).toBe(FollowUp.BYPASSED);
      await allow(store, "ann", "Kept");
      expect(await outcome(store, created("kept", 0, { name: "Kept" }), baseMs + 2 * followUpMs)).toBe(FollowUp.CONFIRMED);
    });

    it("of an event without a time go by when it was received", async () => {
      const { store } = current();
      const decisionId = await allow(store, "ann", "News");
      expect((await follow(store, created("a", undefined))).followedUp?.[0]).toMatchObject({ followUp: FollowUp.CONFIRMED, decisionId });
    });

    it("are mended by a decision that is recorded after its event: the case about it is closed", async () => {
      const { store } = current();
      const names = ["Allowed", "Denied", "Unrelated"];
      for (const name of names) await follow(store, created(name, 100, { name }));
      const { followedUp } = await appended(store, Verdict.ALLOW, "ann", "Allowed", 50);
      const leaked = await appended(store, Verdict.DENY, "ann", "Denied", 50);
      expect(followedUp).toMatchObject([{ followUp: FollowUp.CONFIRMED }]);
      expect(leaked.followedUp).toMatchObject([{ followUp: FollowUp.LEAKED, decisionId: leaked.decision.decisionId }]);
      const cases = await walk((page) => store.listCases({}, page), 10);
      expect(cases.map(({ accountId, kind, state, closedBy }) => [accountId, kind, state, closedBy])).toEqual([
        ["Denied", CaseKind.LEAK, CaseState.OPEN, ""],
        ["Unrelated", CaseKind.BYPASS, CaseState.OPEN, ""],
        ["Denied", CaseKind.BYPASS, CaseState.CLOSED, "gatehouse"],
        ["Allowed", CaseKind.BYPASS, CaseState.CLOSED, "gatehouse"],
      ]);
      expect(cases.at(-1)?.closeReason).toContain("dec-");
      expect(await eventsOf(store, "Denied")).toMatchObject([{ followUp: FollowUp.LEAKED, decisionId: leaked.decision.decisionId }]);
    });

    it("go by what a fallback answered instead of the decision, also when that is known after the event", async () => {
      const { store } = current();
      const allowed = { cause: DegradedCause.DEADLINE, verdict: Verdict.ALLOW, code: 0, answerTimeMs: baseMs + 1500 };
      const denied = { ...allowed, verdict: Verdict.DENY, code: 1 };
      const as = (name: string, verdict: Verdict) => (verdict === Verdict.ALLOW ? roomOf("ann", name) : askedFor("ann", name));
      const before = await deny(store, "ann", "Let pass");
      expect(await store.markDegraded(before, allowed, as("Let pass", Verdict.ALLOW))).toMatchObject({ marked: true });
      expect(await factsAt(store, baseMs, (facts) => facts.liveAccounts(appId, "ann"))).toBe(1);
      expect(await outcome(store, created("a", 10, { name: "Let pass" }))).toBe(FollowUp.CONFIRMED);

      const leak = await deny(store, "ann", "No leak");
      expect(await outcome(store, created("b", 10, { name: "No leak" }))).toBe(FollowUp.LEAKED);
      const mended = await store.markDegraded(leak, allowed, as("No leak", Verdict.ALLOW));
      expect(mended?.followedUp).toMatchObject([{ followUp: FollowUp.CONFIRMED, decisionId: leak }]);
      expect(mended?.decision).toMatchObject({ degraded: true, followUp: FollowUp.CONFIRMED });
      expect((await store.listCases({}, { size: 10 })).items).toMatchObject([{ state: CaseState.CLOSED, closedBy: "gatehouse" }]);

      const stopped = await allow(store, "ann", "Stopped");
      await store.markDegraded(stopped, denied, as("Stopped", Verdict.DENY));
      expect(await outcome(store, created("c", 10, { name: "Stopped" }))).toBe(FollowUp.LEAKED);
      const same = await allow(store, "ann", "Same");
      expect((await store.markDegraded(same, allowed, as("Same", Verdict.ALLOW)))?.followedUp).toBeUndefined();
      expect(await outcome(store, created("d", 10, { name: "Same" }))).toBe(FollowUp.CONFIRMED);
    });

    it("of an allow that nothing follows are abandoned once it has lapsed, and confirmed by an event that comes late", async () => {
      const { store } = current();
      const [kept, late] = [await allow(store, "ann", "Kept", 0, 1000), await allow(store, "ann", "Late", 0, 1000)];
      const denied = await deny(store, "ann", "Denied");
      await follow(store, created("k", 10, { name: "Kept" }));
      expect(await store.sweepFollowUps(baseMs + 999, sweep)).toEqual({
        abandoned: { createAccount: 0, addSubscribers: 0, sendMessage: 0 },
        done: true,
      });
      expect(await store.sweepFollowUps(baseMs + 1000, sweep)).toEqual({
        abandoned: { createAccount: 1, addSubscribers: 0, sendMessage: 0 },
        done: true,
      });
      expect(await store.sweepFollowUps(baseMs + 1001, sweep)).toEqual({
        abandoned: { createAccount: 0, addSubscribers: 0, sendMessage: 0 },
        done: true,
      });
      const of = async (id: string) => (await store.getDecision(id))?.followUp;
      expect([await of(kept), await of(late), await of(denied)]).toEqual([FollowUp.CONFIRMED, FollowUp.ABANDONED, FollowUp.UNSPECIFIED]);
      expect(await store.getDecision(late)).toMatchObject({ followUpEventId: "", followUpTime: timestampFromMs(baseMs + 1000) });
      expect(await outcome(store, created("l", 20, { name: "Late" }), baseMs + 2000)).toBe(FollowUp.CONFIRMED);
      expect(await of(late)).toBe(FollowUp.CONFIRMED);
      expect((await store.listCases({}, { size: 10 })).items).toEqual([]);
    });

    it("are swept a bounded part at a time, in any number of parts, and go on after reopening", async () => {
      const { store } = current();
      await Promise.all(Array.from({ length: 700 }, (_, index) => allow(store, `owner ${index}`, "News", 0, 1000)));
      const first = await store.sweepFollowUps(baseMs + 1000, sweep);
      expect(first.done).toBe(false);
      expect(first.abandoned.createAccount).toBeLessThan(700);
      const again = await current().reopen();
      let abandoned = first.abandoned.createAccount;
      for (let done = false; !done; ) {
        const part = await again.sweepFollowUps(baseMs + 1000, sweep);
        abandoned += part.abandoned.createAccount;
        done = part.done;
      }
      expect(abandoned).toBe(700);
      expect(await walk((page) => again.listDecisions({ followUp: FollowUp.ABANDONED }, page), 100)).toHaveLength(700);
    });

    it("are forgotten when they are too old: no event is joined with them", async () => {
      const { store } = current();
      await deny(store, "ann", "Denied");
      await allow(store, "ann", "Allowed", 0, 1000);
      await allow(store, "ann", "Joined");
      await follow(store, created("j", 5, { name: "Joined" }));
      await follow(store, created("b", 5, { name: "Bypassed" }));
      await store.sweepFollowUps(baseMs + 9_999, sweep);
      expect(await outcome(store, created("d1", 5, { name: "Denied" }))).toBe(FollowUp.LEAKED);
      await store.sweepFollowUps(baseMs + 10_000, sweep);
      expect(await outcome(store, created("a1", 5, { name: "Allowed" }))).toBe(FollowUp.BYPASSED);
      expect((await appended(store, Verdict.ALLOW, "ann", "Bypassed")).followedUp).toBeUndefined();
      expect(await eventsOf(store, "j")).toMatchObject([{ followUp: FollowUp.CONFIRMED }]);
    });

    it("filter decisions", async () => {
      const { store } = current();
      const [confirmed, leaked, nothing] = [
        await allow(store, "ann", "A"),
        await deny(store, "ann", "B"),
        await append(store, sampleDecision()),
      ];
      await follow(store, created("a", 5, { name: "A" }));
      await follow(store, created("b", 5, { name: "B" }));
      const listed = async (followUp: FollowUp, user?: string) =>
        (await store.listDecisions({ followUp, ...(user !== undefined && { user }) }, { size: 10 })).items.map(
          ({ decisionId }) => decisionId,
        );
      expect(await listed(FollowUp.CONFIRMED)).toEqual([confirmed]);
      expect(await listed(FollowUp.LEAKED)).toEqual([leaked]);
      expect(await listed(FollowUp.LEAKED, "ann")).toEqual([leaked]);
      expect(await listed(FollowUp.LEAKED, "bob")).toEqual([]);
      expect([await listed(FollowUp.BYPASSED), await listed(FollowUp.ABANDONED)]).toEqual([[], []]);
      expect((await store.listDecisions({}, { size: 10 })).items.map(({ decisionId }) => decisionId)).toEqual([nothing, leaked, confirmed]);
    });

    it("are not in the feed: decisions and events come as they were, cases as changes of their own", async () => {
      const { store } = current();
      await deny(store, "ann", "News");
      const before = await store.readChanges(0, {}, 10);
      await follow(store, created("a", 5));
      const { changes } = await store.readChanges(0, {}, 10);
      expect(changes.slice(0, 1)).toEqual(before.changes);
      expect(changes.map(({ kind }) => kind)).toEqual(["decision", "event", "case"]);
      expect(changes[1]).toMatchObject({ event: { followUp: FollowUp.UNSPECIFIED, decisionId: "" } });
    });

    it("leave the count of an owner's accounts quick and right however often the owner was denied", async () => {
      const { store } = current();
      await Promise.all(Array.from({ length: 2000 }, () => deny(store, "ann", "News")));
      await append(store, sampleDecision(), { creation: roomOf("ann", "Other") });
      expect(await factsAt(store, baseMs, (facts) => facts.liveAccounts(appId, "ann"))).toBe(1);
      expect(await outcome(store, created("a", 5))).toBe(FollowUp.LEAKED);
    });

    it("end the same in whatever order and number decisions and events come", async () => {
      const { store } = current();
      let run = 0;
      await fc.assert(
        fc.asyncProperty(shuffled(), async ({ things, orders }) => {
          const ends: unknown[] = [];
          for (const order of orders) {
            run += 1;
            const decisionIds = new Map<string, number>();
            for (const index of order) {
              const thing = things[index];
              if (thing === undefined) continue;
              const owner = `owner ${run}`;
              if (thing.kind === "event") {
                await follow(store, created(`${run}-${thing.account}`, thing.atMs, { owner }));
              } else if (![...decisionIds.values()].includes(index)) {
                const lapseMs = thing.kind === "allow" ? 3000 : undefined;
                const verdict = thing.kind === "allow" ? Verdict.ALLOW : Verdict.DENY;
                const { decision } = await appended(store, verdict, owner, "News", thing.atMs, lapseMs);
                decisionIds.set(decision.decisionId, index);
              }
            }
            ends.push(await endOf(store, run, decisionIds));
          }
          for (const end of ends) expect(end).toEqual(ends[0]);
        }),
        { numRuns: 60 },
      );
    });
  });
}

interface Thing {
  kind: "allow" | "deny" | "event";
  /** Different for each thing: of the same moment, the order of the log breaks ties. */
  atMs: number;
  account: string;
}

/** Decisions and events on one thing, and two orders in which they come, some more than once. */
function shuffled(): fc.Arbitrary<{ things: Thing[]; orders: number[][] }> {
  const thing = fc.record({
    kind: fc.constantFrom<Thing["kind"]>("allow", "deny", "event", "event"),
    atMs: fc.constantFrom(...Array.from({ length: 12 }, (_, index) => index * 1000)),
    account: fc.constantFrom("a", "b", "c"),
  });
  return fc.uniqueArray(thing, { minLength: 2, maxLength: 7, selector: ({ atMs }) => atMs }).chain((things) => {
    const all = things.map((_, index) => index);
    const order = fc.subarray(all).chain((again) => fc.shuffledSubarray([...all, ...again], { minLength: all.length + again.length }));
    return fc.record({ things: fc.constant(things), orders: fc.tuple(order, order) });
  });
}

/** Everything that is known at the end, in terms that do not depend on the order. */
async function endOf(store: Store, run: number, decisionIds: ReadonlyMap<string, number>) {
  const events: Event[] = [];
  for (const account of ["a", "b", "c"]) events.push(...(await eventsOf(store, `${run}-${account}`)));
  const nameOf = (id: string) => events.find(({ eventId }) => eventId === id)?.eventTime?.seconds;
  const decisions = [];
  for (const [id, index] of decisionIds) {
    const { followUp = 0, followUpEventId = "" } = (await store.getDecision(id)) ?? {};
    decisions.push([index, followUp, nameOf(followUpEventId)] as const);
  }
  const cases = [];
  for (const account of ["a", "b", "c"]) {
    const open = await walk((page) => store.listCases({ accountId: `${run}-${account}`, state: CaseState.OPEN }, page), 10);
    cases.push(...open.map(({ kind, decisionId, eventId }) => [String(nameOf(eventId)), kind, decisionIds.get(decisionId)] as const));
  }
  return {
    decisions: decisions.sort(([a], [b]) => a - b),
    events: events
      .map(({ eventTime, followUp, decisionId }) => [String(eventTime?.seconds), followUp, decisionIds.get(decisionId)] as const)
      .sort(([a], [b]) => a.localeCompare(b)),
    cases: cases.sort(([a], [b]) => a.localeCompare(b)),
  };
}

function created(accountId: string, afterMs: number | undefined, fields: { owner?: string; name?: string } = {}): Event {
  return createdEvent(accountId, afterMs === undefined ? undefined : baseMs + afterMs, fields);
}

/** Appends a decision on a creation, asked so long after baseMs; an allow lapses so long after baseMs, in an hour unless it says. */
async function appended(store: Store, verdict: Verdict, owner: string, name: string, afterMs = 0, lapseAfterMs = 3_600_000) {
  const action = { case: "createAccount" as const, value: { operator: "", owner, name } };
  const asked = askedFor(owner, name, baseMs + afterMs);
  const creation = verdict === Verdict.ALLOW ? { ...roomOf(owner, name, baseMs + lapseAfterMs), askMs: asked.askMs } : asked;
  const result = await store.appendDecision(baseMs, () => ({
    decision: sampleDecision({ action, verdict }),
    actionDigest: new Uint8Array(),
    counts: [],
    creation,
  }));
  if (result.kind !== "appended") throw new Error(`It was not appended: ${result.kind}.`);
  return result;
}

async function allow(store: Store, owner: string, name: string, afterMs?: number, lapseAfterMs?: number): Promise<string> {
  return (await appended(store, Verdict.ALLOW, owner, name, afterMs, lapseAfterMs)).decision.decisionId;
}

async function deny(store: Store, owner: string, name: string, afterMs?: number): Promise<string> {
  return (await appended(store, Verdict.DENY, owner, name, afterMs)).decision.decisionId;
}

async function outcome(store: Store, event: Event, nowMs?: number): Promise<FollowUp | undefined> {
  return (await follow(store, event, nowMs)).followedUp?.[0]?.followUp;
}

async function eventsOf(store: Store, accountId: string): Promise<Event[]> {
  return (await store.listAccountEvents(appId, accountId, { size: 100 })).items;
}

async function everything(store: Store): Promise<unknown> {
  const decisions: Decision[] = (await store.listDecisions({}, { size: 100 })).items;
  return { decisions, cases: (await store.listCases({}, { size: 100 })).items, end: await store.latestPosition() };
}

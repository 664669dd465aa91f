// What the contract says of deleting what is old.
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { CaseKind } from "../../../gen/gatehouse/v1/case_service_pb.ts";
import { type Decision, DegradedCause, Effect, RuleMode, Verdict } from "../../../gen/gatehouse/v1/decision_pb.ts";
import type { Event } from "../../../gen/gatehouse/v1/event_pb.ts";
import { type RetentionClass, retentionClasses, type Store } from "../../../src/storage/storage.ts";
import {
  appId,
  baseMs,
  changedEvent,
  createdEvent,
  listEntry,
  roomOf,
  sampleAuditEntry,
  sampleCase,
  sampleDecision,
  sampleEvent,
  samplePolicy,
  subscribersEvent,
} from "../samples.ts";
import { append, appendEvent, eachWithStore, factsAt, goLive, type OpenStore, removal } from "./opened-store.ts";

const dayMs = 86_400_000;

const match = (effect: Effect, mode: RuleMode = RuleMode.ENFORCE) => ({ rule: "r", effect, mode });

/** Decisions, each with the class it is of. */
const decisionCases: Record<string, { of: RetentionClass; init: Parameters<typeof sampleDecision>[0] }> = {
  allowed: { of: "allowedDecisions", init: {} },
  "allowed by a rule": { of: "allowedDecisions", init: { matches: [match(Effect.ALLOW)] } },
  denied: { of: "flaggedDecisions", init: { verdict: Verdict.DENY, code: 1 } },
  discarded: { of: "flaggedDecisions", init: { verdict: Verdict.DISCARD, code: 2 } },
  refused: { of: "flaggedDecisions", init: { refused: [{ subscriber: "s", rule: "r" }] } },
  flagged: { of: "flaggedDecisions", init: { matches: [match(Effect.ALLOW), match(Effect.FLAG)] } },
  "denied on trial": { of: "flaggedDecisions", init: { matches: [match(Effect.DENY, RuleMode.SHADOW)] } },
  degraded: { of: "flaggedDecisions", init: { degraded: true } },
};

/** Deletes until nothing is left to do. Results in how many. */
export async function deleteAllOld(store: Store, oldClass: RetentionClass, beforeMs: number): Promise<number> {
  let count = 0;
  while (true) {
    const { deleted, done } = await store.deleteOld(oldClass, beforeMs);
    count += deleted;
    if (done) return count;
  }
}

function decisionAt(timeMs: number, init: Parameters<typeof sampleDecision>[0] = {}): Decision {
  return sampleDecision({ ...init, decideTime: timestampFromMs(timeMs) });
}

function eventAt(timeMs: number, event: Event): Event {
  return { ...event, receiveTime: timestampFromMs(timeMs) };
}

async function idsKept(store: Store): Promise<string[]> {
  return (await store.listDecisions({}, { size: 1000 })).items.map(({ decisionId }) => decisionId).reverse();
}

export function retentionConformance(open: OpenStore): void {
  describe("deleting what is old", () => {
    const current = eachWithStore(open);

    it("deletes the decisions of the class that are from before the time, and no other", async () => {
      const { store } = current();
      const names = Object.keys(decisionCases);
      const old = new Map<string, string>();
      for (const name of names) old.set(await append(store, decisionAt(baseMs, decisionCases[name]?.init)), name);
      const atTheTime = await append(store, decisionAt(baseMs + 1));
      const left = (oldClass: RetentionClass) => names.filter((name) => decisionCases[name]?.of !== oldClass);

      expect(await deleteAllOld(store, "allowedDecisions", baseMs + 1)).toBe(2);
      expect((await idsKept(store)).map((id) => old.get(id))).toEqual([...left("allowedDecisions"), undefined]);
      expect(await deleteAllOld(store, "flaggedDecisions", baseMs + 1)).toBe(names.length - 2);
      expect(await idsKept(store)).toEqual([atTheTime]);
      expect(await deleteAllOld(store, "allowedDecisions", baseMs + 2)).toBe(1);
      expect(await idsKept(store)).toEqual([]);
    });

    it("deletes the events of the class that are from before the time, and no other", async () => {
      const { store } = current();
      const events = [
        createdEvent("a", baseMs),
        changedEvent("a", baseMs, { name: "b" }),
        subscribersEvent("added", "a", baseMs, ["s"]),
        subscribersEvent("removed", "a", baseMs + 1, ["s"]),
        sampleEvent({ case: "messageSent", value: { accountId: "a", messageKey: "k" } }, baseMs),
        sampleEvent({ case: "messagesWithdrawn", value: { accountId: "a", messageKeys: ["k"] } }, baseMs + 1),
      ];
      for (const event of [...events.map((one) => eventAt(baseMs, one)), eventAt(baseMs + 1, createdEvent("a", baseMs + 9))])
        await appendEvent(store, event);
      const kinds = async () => (await store.listAccountEvents(appId, "a", { size: 10 })).items.map(({ event }) => event.case);

      expect(await deleteAllOld(store, "subscriptionEvents", baseMs + 1)).toBe(2);
      const messages = ["messageSent", "messagesWithdrawn"];
      expect(await kinds()).toEqual(["accountCreated", "accountProfileChanged", ...messages, "accountCreated"]);
      expect(await deleteAllOld(store, "messageEvents", baseMs + 1)).toBe(2);
      expect(await kinds()).toEqual(["accountCreated", "accountProfileChanged", "accountCreated"]);
      expect(await deleteAllOld(store, "accountEvents", baseMs + 1)).toBe(2);
      expect(await kinds()).toEqual(["accountCreated"]);
    });

    it("deletes everything that it may, however much there is and whatever was deleted before, also after a new start", async () => {
      const { store } = current();
      const fill = (target: Store, fromMs: number) =>
        Promise.all(
          Array.from({ length: 1200 }, (_, i) => append(target, decisionAt(fromMs + i, i % 3 === 0 ? { verdict: Verdict.DENY } : {}))),
        );
      await fill(store, baseMs);
      expect(await deleteAllOld(store, "allowedDecisions", baseMs + 600)).toBe(400);
      const again = await current().reopen();
      await fill(again, baseMs + dayMs);
      expect(await deleteAllOld(again, "allowedDecisions", baseMs + 2 * dayMs)).toBe(1200);
      expect(await deleteAllOld(again, "flaggedDecisions", baseMs + dayMs)).toBe(400);
      expect(await idsKept(again)).toHaveLength(400);
    });

    it("comes back to what was younger than what stands around it", async () => {
      const { store } = current();
      await append(store, decisionAt(baseMs));
      const ahead = await append(store, decisionAt(baseMs + dayMs));
      await append(store, decisionAt(baseMs + 1));
      expect(await deleteAllOld(store, "allowedDecisions", baseMs + 10)).toBe(2);
      expect(await idsKept(store)).toEqual([ahead]);
      expect(await deleteAllOld(store, "allowedDecisions", baseMs + dayMs)).toBe(0);
      expect(await deleteAllOld(store, "allowedDecisions", baseMs + dayMs + 1)).toBe(1);
    });

    it("raises the earliest position to that of the latest change that was deleted, and gives its number to no other", async () => {
      const { store } = current();
      const positions: number[] = [];
      for (const [i, verdict] of [Verdict.DENY, Verdict.ALLOW, Verdict.DENY, Verdict.ALLOW].entries()) {
        await append(store, decisionAt(baseMs + i, { verdict }));
        positions.push(await store.latestPosition());
      }
      await deleteAllOld(store, "allowedDecisions", baseMs + 2);
      expect(await store.earliestPosition()).toBe(positions[1]);
      await deleteAllOld(store, "allowedDecisions", baseMs + 9);
      await deleteAllOld(store, "flaggedDecisions", baseMs + 9);
      expect(await store.earliestPosition()).toBe(positions[3]);
      expect(await store.latestPosition()).toBe(positions[3]);
      const again = await current().reopen();
      await append(again, decisionAt(baseMs));
      expect(await again.latestPosition()).toBeGreaterThan(positions[3] ?? 0);
    });

    it("leaves accounts with their revisions, subscriptions, lists, policies and the audit log as they are, and what rules read", async () => {
      const { store } = current();
      await goLive(store, samplePolicy("name: kept"), ["staff"]);
      await store.addEntries("staff", [listEntry("a"), listEntry("b")]);
      await store.removeEntries("staff", ["a"], removal);
      const created = eventAt(baseMs, createdEvent("acc", baseMs));
      const added = eventAt(baseMs, subscribersEvent("added", "acc", baseMs, ["s", "t"]));
      for (const event of [created, added, eventAt(baseMs, changedEvent("acc", baseMs + 5, { name: "New" }))])
        await appendEvent(store, event);
      const creation = roomOf("bob", "taken", baseMs + 10 * dayMs);
      const counter = { appId, action: "create_account", windowMs: dayMs };
      await append(store, decisionAt(baseMs + dayMs, { requestId: "kept" }), { creation });
      await append(store, decisionAt(baseMs), { counts: [{ counter, key: "bob" }] });
      await store.beginAuditEntry(sampleAuditEntry());

      const everything = async (of: Store) => ({
        account: await of.getAccount(appId, "acc"),
        revisions: await of.listAccountRevisions(appId, "acc", { size: 10 }),
        edits: await of.listEdits("staff", undefined, { size: 10 }),
        entries: await of.listEntries("staff", {}, { size: 10 }),
        policies: await of.listPolicies({ size: 10 }),
        activations: await of.listActivations({ size: 10 }),
        audit: await of.listAuditEntries({}, { size: 10 }),
        facts: await factsAt(of, baseMs, (facts) => [
          facts.inList("staff", "b"),
          facts.liveAccounts(appId, "ann"),
          facts.liveAccounts(appId, "bob"),
          facts.nameInUse(appId, "taken"),
          facts.subscribers(appId, "acc"),
          facts.isSubscribed(appId, "acc", "s"),
          facts.rate(counter, "bob"),
        ]),
      });
      const before = await everything(store);
      let deleted = 0;
      for (const oldClass of retentionClasses) deleted += await deleteAllOld(store, oldClass, baseMs + dayMs);
      expect(deleted).toBe(4);
      expect(await everything(store)).toEqual(before);
      expect((await store.listTimeline({ appId, user: "s" }, { size: 10 })).items).toEqual([]);

      // A late repeat of what is not kept any more changes nothing either, but that it is kept again.
      for (const event of [added, created]) expect((await appendEvent(store, event)).duplicate).toBe(false);
      expect((await everything(store)).account).toEqual(before.account);
      expect((await everything(store)).facts).toEqual(before.facts);
      expect((await everything(await current().reopen())).revisions).toEqual(before.revisions);
    });

    it("deletes with a decision what the shadow policy said of it", async () => {
      const { store } = current();
      const shadow = samplePolicy("name: shadow");
      await store.publishPolicy(shadow);
      const decisionId = await append(store, decisionAt(baseMs), { creation: roomOf("ann", "n", baseMs + 5) });
      await store.appendShadowOutcome({ decisionId, version: shadow.version, outcome: undefined });
      const counted = () => store.countShadow({ startMs: 0, endMs: baseMs + 9, shadowVersion: shadow.version });
      expect(await counted()).toMatchObject({ decisions: 1, shadowed: 1 });
      expect(await deleteAllOld(store, "allowedDecisions", baseMs + 1)).toBe(1);
      expect(await store.getDecision(decisionId)).toBeUndefined();
      expect(await counted()).toMatchObject({ decisions: 0, shadowed: 0 });
    });

    it("leaves what an open case names, and deletes it when the case is closed", async () => {
      const { store } = current();
      const decisionId = await append(store, decisionAt(baseMs));
      await append(store, decisionAt(baseMs));
      const { eventId } = await appendEvent(store, eventAt(baseMs, changedEvent("acc", baseMs, { name: "x" })));
      const opened = [
        await store.openCase(sampleCase({ decisionId })),
        await store.openCase(sampleCase({ kind: CaseKind.BYPASS, decisionId: "", eventId })),
      ];
      const deleteBoth = async () => [
        await deleteAllOld(store, "allowedDecisions", baseMs + 1),
        await deleteAllOld(store, "accountEvents", baseMs + 1),
      ];
      expect(await deleteBoth()).toEqual([1, 0]);
      expect(await idsKept(store)).toEqual([decisionId]);
      expect(await deleteBoth()).toEqual([0, 0]);
      for (const { caseId } of opened) await store.closeCase({ caseId, author: "ann", reason: "seen", timeMs: baseMs });
      expect(await deleteBoth()).toEqual([1, 1]);
      expect(await idsKept(store)).toEqual([]);
      for (const { caseId } of opened) expect(await store.getCase(caseId)).toBeDefined();
    });

    it("takes a decision for one that is not allowed when a fallback answered for it", async () => {
      const { store } = current();
      const decisionId = await append(store, decisionAt(baseMs));
      await store.markDegraded(decisionId, { cause: DegradedCause.DEADLINE, verdict: Verdict.ALLOW, code: 0, answerTimeMs: baseMs + 9 });
      expect(await deleteAllOld(store, "allowedDecisions", baseMs + 1)).toBe(0);
      expect(await deleteAllOld(store, "flaggedDecisions", baseMs + 1)).toBe(1);
    });

    it("forgets the request_id of a decision that it deletes", async () => {
      const { store } = current();
      const first = await append(store, decisionAt(baseMs, { requestId: "r" }));
      await deleteAllOld(store, "allowedDecisions", baseMs + 1);
      expect(await store.findDecisionByRequestId(appId, "r")).toBeUndefined();
      expect(await append(store, decisionAt(baseMs + 9, { requestId: "r" }))).not.toBe(first);
    });

    it("works in steps between which others write", async () => {
      const { store } = current();
      await Promise.all(Array.from({ length: 3000 }, () => append(store, decisionAt(baseMs))));
      let steps = 0;
      let isDone = false;
      while (!isDone) {
        const { done, busyMs } = await store.deleteOld("allowedDecisions", baseMs + 1);
        expect(busyMs).toBeGreaterThan(0);
        isDone = done;
        steps += 1;
        await append(store, decisionAt(baseMs + 5));
      }
      expect(steps).toBeGreaterThan(1);
      expect(await idsKept(store)).toHaveLength(steps);
    });
  });
}

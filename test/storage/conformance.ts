// One suite for every store: what src/storage/storage.ts says that a store must do, in its words.
import { describe, expect, it } from "vitest";
import { DegradedCause, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import type { Store } from "../../src/storage/storage.ts";
import { accountsConformance } from "./conformance/accounts.ts";
import { auditConformance } from "./conformance/audit.ts";
import { casesConformance } from "./conformance/cases.ts";
import { decisionsConformance } from "./conformance/decisions.ts";
import { degradedConformance } from "./conformance/degraded.ts";
import { erasuresConformance, newErasure } from "./conformance/erasures.ts";
import { eventsConformance } from "./conformance/events.ts";
import { factsConformance } from "./conformance/facts.ts";
import { feedConformance } from "./conformance/feed.ts";
import { flaggedEventsConformance } from "./conformance/flagged-events.ts";
import { followUpsConformance } from "./conformance/follow-ups.ts";
import { keysConformance } from "./conformance/keys.ts";
import { listsConformance } from "./conformance/lists.ts";
import { messageFollowUpsConformance } from "./conformance/message-follow-ups.ts";
import { messagesConformance } from "./conformance/messages.ts";
import {
  append,
  appendAsIs,
  appendEvent,
  appendEvents,
  eachWithStore,
  expectReason,
  goLive,
  makeLists,
  type OpenStore,
  removal,
} from "./conformance/opened-store.ts";
import { partFollowUpsConformance } from "./conformance/part-follow-ups.ts";
import { policiesConformance } from "./conformance/policies.ts";
import { ratesConformance } from "./conformance/rates.ts";
import { reservationsConformance } from "./conformance/reservations.ts";
import { retentionConformance } from "./conformance/retention.ts";
import { shadowConformance } from "./conformance/shadow.ts";
import { subscriberFollowUpsConformance } from "./conformance/subscriber-follow-ups.ts";
import { subscriptionsConformance } from "./conformance/subscriptions.ts";
import { timelineConformance } from "./conformance/timeline.ts";
import {
  appId,
  baseMs,
  createdEvent,
  listEntry,
  richDecision,
  sampleAuditEntry,
  sampleCase,
  sampleDecision,
  sampleKey,
  samplePolicy,
} from "./samples.ts";

/** Checks a store. `open` makes a new and empty one each time. */
export function storeConformance(name: string, open: OpenStore): void {
  describe(`${name} keeps the contract of a store`, () => {
    decisionsConformance(open);
    reservationsConformance(open);
    ratesConformance(open);
    shadowConformance(open);
    degradedConformance(open);
    eventsConformance(open);
    accountsConformance(open);
    timelineConformance(open);
    flaggedEventsConformance(open);
    followUpsConformance(open);
    subscriberFollowUpsConformance(open);
    messageFollowUpsConformance(open);
    partFollowUpsConformance(open);
    casesConformance(open);
    subscriptionsConformance(open);
    messagesConformance(open);
    listsConformance(open);
    factsConformance(open);
    policiesConformance(open);
    feedConformance(open);
    retentionConformance(open);
    erasuresConformance(open);
    keysConformance(open);
    auditConformance(open);

    describe("the whole", () => {
      const current = eachWithStore(open);

      it("has everything that was answered when it is opened again", async () => {
        const { store } = current();
        const policy = samplePolicy("name: kept");
        const decision = richDecision();
        const event = createdEvent("a", baseMs);
        await goLive(store, policy, ["staff"]);
        await store.addEntries("staff", [listEntry("a", "why"), listEntry("b")]);
        await store.removeEntries("staff", ["b"], removal);
        const decisionId = await append(store, decision);
        const { eventId } = await appendEvent(store, event);
        const account = await store.getAccount(appId, "a");

        const again = await current().reopen();
        expect(await again.getDecision(decisionId)).toEqual({ ...decision, decisionId });
        expect(await appendAsIs(again, decision)).toEqual({ kind: "repeat", decision: { ...decision, decisionId } });
        expect(await appendEvent(again, event)).toEqual({ eventId, duplicate: true });
        expect(await again.getAccount(appId, "a")).toEqual(account);
        expect(await again.getPointedPolicy("live")).toEqual(policy);
        expect((await again.listEntries("staff", {}, { size: 10 }))?.items).toEqual([listEntry("a", "why")]);
        expect(await again.withFacts(baseMs, (facts) => [facts.inList("staff", "a"), facts.inList("staff", "b")])).toEqual([true, false]);
      });

      it("shows a write to every read that begins after it was answered", async () => {
        const { store } = current();
        await Promise.all(
          Array.from({ length: 200 }, async (_, index) => {
            const decision = sampleDecision({ requestId: `r${index}` });
            const decisionId = await append(store, decision);
            expect((await store.getDecision(decisionId))?.requestId).toBe(`r${index}`);
            const event = createdEvent(`a${index}`, baseMs);
            await appendEvent(store, event);
            expect((await store.getAccount(appId, `a${index}`))?.accountId).toBe(`a${index}`);
          }),
        );
      });

      it("can be checked", async () => {
        await current().store.check();
      });

      it("waits for the writes that were begun when it is closed, and closing it again does nothing", async () => {
        const { store } = current();
        const decision = sampleDecision({ requestId: "r" });
        const writes = Array.from({ length: 100 }, () => appendAsIs(store, decision));
        const closing = store.close();
        const results = await Promise.all(writes);
        expect(results.filter(({ kind }) => kind === "appended")).toHaveLength(1);
        await closing;
        await store.close();
        expect(await (await current().reopen()).findDecisionByRequestId(appId, "r")).toBeDefined();
      });

      it("rejects every call with STORE_UNAVAILABLE after it was closed", async () => {
        const { store } = current();
        await makeLists(store, "staff");
        await store.withFacts(baseMs, (facts) => facts.inList("staff", "a"));
        await store.close();
        for (const call of Object.values(everyCall(store))) await expectReason(call, ErrorReason.STORE_UNAVAILABLE);
      });
    });
  });
}

function everyCall(store: Store): Record<Exclude<keyof Store, "close" | "isRemote">, () => unknown> {
  const page = { size: 10 };
  return {
    withFacts: () => store.withFacts(baseMs, (facts) => facts.inList("staff", "a")),
    check: () => store.check(),
    appendDecision: () => appendAsIs(store, sampleDecision()),
    getDecision: () => store.getDecision("dec-000000000001"),
    findDecisionByRequestId: () => store.findDecisionByRequestId(appId, "r"),
    listDecisions: () => store.listDecisions({}, page),
    appendEvent: () => appendEvent(store, createdEvent("a", baseMs)),
    appendEvents: () => appendEvents(store, [createdEvent("a", baseMs)]),
    sweepFollowUps: () => store.sweepFollowUps(baseMs, { reservationMs: 1000, keepMs: 1000 }),
    openCase: () => store.openCase(sampleCase()),
    getCase: () => store.getCase("case-000000000001"),
    listCases: () => store.listCases({}, page),
    closeCase: () => store.closeCase({ caseId: "case-000000000001", author: "", reason: "", timeMs: baseMs }),
    countOpenCases: () => store.countOpenCases(),
    listAccountEvents: () => store.listAccountEvents(appId, "a", page),
    listMessages: () => store.listMessages(appId, "a", page),
    getAccount: () => store.getAccount(appId, "a"),
    listAccounts: () => store.listAccounts({}, page),
    listAccountRevisions: () => store.listAccountRevisions(appId, "a", page),
    listTimeline: () => store.listTimeline({ appId, user: "ann" }, page),
    addEntries: () => store.addEntries("staff", [listEntry("a")]),
    removeEntries: () => store.removeEntries("staff", ["a"], removal),
    listEntries: () => store.listEntries("staff", {}, page),
    listEdits: () => store.listEdits("staff", undefined, page),
    listLists: () => store.listLists(),
    publishPolicy: () => store.publishPolicy(samplePolicy("x")),
    pointPolicy: () => store.pointPolicy({ pointer: "live", version: undefined, author: "", reason: "", timeMs: baseMs }, []),
    getPolicy: () => store.getPolicy("x"),
    getPointedPolicy: () => store.getPointedPolicy("live"),
    listPolicies: () => store.listPolicies(page),
    listActivations: () => store.listActivations(page),
    appendShadowOutcome: () => store.appendShadowOutcome({ decisionId: "dec-000000000001", version: "x", outcome: undefined }),
    readChanges: () => store.readChanges(0, {}, 10),
    latestPosition: () => store.latestPosition(),
    earliestPosition: () => store.earliestPosition(),
    partingBefore: () => store.partingBefore(1),
    onChange: () => store.onChange(() => {}),
    deleteOld: () => store.deleteOld("allowedDecisions", baseMs),
    beginErasure: () => store.beginErasure(newErasure()),
    continueErasure: () => store.continueErasure(baseMs),
    getErasure: () => store.getErasure("era-000000000001"),
    createKey: () => store.createKey(sampleKey("k1")),
    getKey: () => store.getKey("k1"),
    listKeys: () => store.listKeys(page),
    revokeKey: () => store.revokeKey("k1", { revoker: "", timeMs: baseMs }),
    noteKeyUse: () => store.noteKeyUse("k1", baseMs),
    onKeyChange: () => store.onKeyChange(() => {}),
    // Where no other process can set a pointer, nothing tells of it.
    onPointerChange: () => (store.onPointerChange === undefined ? store.check() : store.onPointerChange(() => {})),
    beginAuditEntry: () => store.beginAuditEntry(sampleAuditEntry()),
    endAuditEntry: () => store.endAuditEntry("aud-000000000001", { afterJson: "", outcome: "OK" }),
    listAuditEntries: () => store.listAuditEntries({}, page),
    markDegraded: () =>
      store.markDegraded("dec-000000000001", { cause: DegradedCause.DEADLINE, verdict: Verdict.ALLOW, code: 0, answerTimeMs: baseMs }),
    countShadow: () => store.countShadow({ startMs: 0, endMs: baseMs, shadowVersion: undefined }),
  };
}

// Fallbacks that callers answered by themselves, recorded through every door.

import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CaseKind, CaseService, CaseState } from "../../gen/gatehouse/v1/case_service_pb.ts";
import { DegradedCause, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { DecisionService } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { FollowUp } from "../../gen/gatehouse/v1/follow_up_pb.ts";
import { ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { startGatehouse, type TestGatehouse, testApp } from "../gatehouse.ts";
import { requestOf, rpcTransports } from "./doors.ts";
import { failureOf } from "./reason-of.ts";

const policy = `
name: test
rules:
  - { id: own, on: [create_account], when: name == "bad", then: { deny: { code: 120001, message: no } } }
  - { id: odd, on: [add_subscribers], when: subscriber == "odd", then: { refuse: {} } }
`;

describe.each(Object.entries(rpcTransports))("through %s", (_name, transport) => {
  let gatehouse: TestGatehouse;
  beforeAll(async () => {
    gatehouse = await startGatehouse({ policy });
  });
  afterAll(() => gatehouse[Symbol.asyncDispose]());
  const clients = () => ({
    moderation: createClient(ModerationService, transport(gatehouse)),
    decisions: createClient(DecisionService, transport(gatehouse)),
  });
  const fallback = { answered: Verdict.ALLOW, cause: DegradedCause.DEADLINE };

  it("a fallback is recorded as a decision with what was answered and what the policy says late, once", async () => {
    const { moderation, decisions } = clients();
    const request = { ...requestOf({ name: "bad" }), requestId: "late-1" };
    const answerTime = timestampFromMs(1_700_000_000_123);
    const first = await moderation.recordFallback({ ...fallback, request, answerTime });
    expect(first.decision).toMatchObject({
      degraded: true,
      degradedCause: DegradedCause.DEADLINE,
      verdict: Verdict.ALLOW,
      code: 0,
      message: "",
      lateVerdict: Verdict.DENY,
      matches: [{ rule: "own" }],
      requestId: "late-1",
      answerTime,
    });
    expect(await moderation.recordFallback({ ...fallback, request, answered: Verdict.DENY })).toEqual(first);
    expect((await moderation.decide(request)).decision).toEqual(first.decision);
    expect((await decisions.listDecisions({ pageSize: 10 })).decisions.filter(({ requestId }) => requestId === "late-1")).toEqual([
      first.decision,
    ]);
  });

  it("a decision that came too late is marked, by its id or that of its request", async () => {
    const { moderation, decisions } = clients();
    const action = requestOf({ account_id: "a", subscribers: ["even", "odd"] });
    for (const [by, decided] of [
      ["decision_id", await moderation.decide(action)],
      ["request_id", await moderation.decide({ ...action, requestId: "late-2" })],
    ] as const) {
      const { decisionId = "", requestId = "", refused = [] } = decided.decision ?? {};
      const named = by === "decision_id" ? { decisionId, request: action } : { request: { ...action, requestId } };
      const before = Date.now();
      const { decision } = await moderation.recordFallback({ ...fallback, ...named, answered: Verdict.DENY });
      expect(decision).toMatchObject({
        decisionId,
        verdict: Verdict.DENY,
        code: 1,
        refused: [],
        lateVerdict: Verdict.ALLOW,
        lateRefused: refused,
      });
      expect(timestampMs(decision?.answerTime ?? timestampFromMs(0))).toBeGreaterThanOrEqual(before);
      expect((await decisions.getDecision({ decisionId })).decision).toEqual(decision);
      expect((await moderation.recordFallback({ ...fallback, ...named })).decision).toEqual(decision);
    }
  });

  it("a decision_id that is not there is no hindrance: the action is decided now", async () => {
    const { decision } = await clients().moderation.recordFallback({
      ...fallback,
      request: { ...requestOf({ name: "fine" }), requestId: "late-3" },
      decisionId: "dec-ffffffffffff",
    });
    expect(decision).toMatchObject({ degraded: true, requestId: "late-3", lateVerdict: Verdict.ALLOW });
  });

  it("what cannot be is refused, and says why", async () => {
    const { moderation } = clients();
    const request = requestOf({ name: "x" });
    const other = (await moderation.decide(requestOf({ name: "y" }))).decision?.decisionId ?? "";
    await moderation.decide({ ...requestOf({ name: "z" }), requestId: "taken" });
    const refusals: [object, string, string[]][] = [
      [
        { ...fallback, request: { ...request, preview: true } },
        "INVALID_REQUEST",
        ["request.preview: must be false: a preview is not answered to anybody"],
      ],
      [
        { ...fallback, request, decisionId: other },
        "INVALID_REQUEST",
        [`decision_id: must name a decision on this action, and ${other} is on another`],
      ],
      [{ ...fallback, request: { ...request, requestId: "taken" } }, "REQUEST_ID_REUSED", []],
      [{ ...fallback, request: { ...request, appId: 7 } }, "UNKNOWN_APP", []],
    ];
    for (const [call, reason, fields] of refusals) {
      expect(await failureOf(moderation.recordFallback(call))).toMatchObject({ reason, fields });
    }
    const incomplete: Parameters<typeof moderation.recordFallback>[0][] = [
      fallback,
      { ...fallback, request: {} },
      { ...fallback, request, answered: Verdict.UNSPECIFIED },
      { ...fallback, request, cause: DegradedCause.UNSPECIFIED },
    ];
    for (const call of incomplete) expect((await failureOf(moderation.recordFallback(call))).reason).toBe("INVALID_REQUEST");
  });
});

it("a decision of another app is as if it were not there", async () => {
  await using gatehouse = await startGatehouse({ policy, env: { GATEHOUSE_APPS: "1400000000,1400000001" } });
  const { decide, recordFallback } = createClient(ModerationService, gatehouse.server.localDoor);
  const request = requestOf({ name: "x" });
  const decisionId = (await decide({ ...request, appId: 1400000001 })).decision?.decisionId ?? "";
  const fallback = { answered: Verdict.ALLOW, cause: DegradedCause.OVERLOAD };
  const { decision } = await recordFallback({ ...fallback, request, decisionId });
  expect(decision).toMatchObject({ appId: 1400000000, degraded: true });
  expect(decision?.decisionId).not.toBe(decisionId);
  const { getDecision } = createClient(DecisionService, gatehouse.server.localDoor);
  expect((await getDecision({ decisionId })).decision?.degraded).toBe(false);
});

it("messages are judged late as well: the same message by its request_id, a rewrite as what would have been made of it", async () => {
  await using gatehouse = await startGatehouse({
    policy: "name: t\nrules:\n  - { id: hide, on: [send_message], then: { rewrite: { remove: { custom_data: true } } } }\n",
  });
  const { decide, recordFallback } = createClient(ModerationService, gatehouse.server.localDoor);
  const rawJson = '{"MsgType":"TIMTextElem","MsgContent":{"Text":"hi"}}';
  const value = { accountId: "a", operator: "o", elements: [{ rawJson }], customData: "x" };
  const request = { appId: 1400000000, requestId: "m", action: { case: "sendMessage" as const, value } };
  const fallback = { answered: Verdict.DISCARD, cause: DegradedCause.DEADLINE };
  const decided = (await decide(request)).decision;
  expect(decided?.rewrite?.customData).toBe("");
  const marked = (await recordFallback({ ...fallback, request })).decision;
  expect(marked).toMatchObject({ decisionId: decided?.decisionId, verdict: Verdict.DISCARD, code: 2, lateVerdict: Verdict.ALLOW });
  expect([marked?.rewrite, marked?.lateRewrite]).toEqual([undefined, decided?.rewrite]);
  const byId = await recordFallback({ ...fallback, request: { ...request, requestId: "" }, decisionId: decided?.decisionId ?? "" });
  expect(byId.decision).toEqual(marked);
  const late = (await recordFallback({ ...fallback, request: { ...request, requestId: "n" } })).decision;
  expect(late).toMatchObject({ requestId: "n", verdict: Verdict.DISCARD, lateRewrite: decided?.rewrite });
  expect((await recordFallback({ ...fallback, request: { ...request, requestId: "n" } })).decision).toEqual(late);
});

it("an allow that was answered takes its room, from the answer on", async () => {
  await using gatehouse = await startGatehouse({
    policy: "name: t\nrules:\n  - { id: quota, on: [create_account], when: liveAccounts(owner) >= 1, then: { deny: {} } }\n",
  });
  const { decide, recordFallback } = createClient(ModerationService, gatehouse.server.localDoor);
  const fallback = { answered: Verdict.ALLOW, cause: DegradedCause.OVERLOAD };
  const longAgo = timestampFromMs(Date.now() - 301_000);
  const verdictOf = async (owner: string) => (await decide(requestOf({ name: "next", owner }))).decision?.verdict;
  await recordFallback({ ...fallback, request: requestOf({ name: "x", owner: "now" }) });
  expect(await verdictOf("now")).toBe(Verdict.DENY);
  await recordFallback({ ...fallback, request: requestOf({ name: "x", owner: "lapsed" }), answerTime: longAgo });
  expect(await verdictOf("lapsed")).toBe(Verdict.ALLOW);
  await recordFallback({ ...fallback, answered: Verdict.DENY, request: requestOf({ name: "x", owner: "denied" }) });
  expect(await verdictOf("denied")).toBe(Verdict.ALLOW);
});

it("late denies open a case, once, and are counted and logged", async () => {
  await using gatehouse = await startGatehouse({ policy });
  const { recordFallback } = createClient(ModerationService, gatehouse.server.localDoor);
  const fallback = { answered: Verdict.ALLOW, cause: DegradedCause.UNAVAILABLE };
  await recordFallback({ ...fallback, request: requestOf({ name: "fine" }) });
  expect(gatehouse.log.join("")).not.toContain("would have stopped");
  await recordFallback({ ...fallback, request: requestOf({ name: "bad" }) });
  await recordFallback({ ...fallback, request: requestOf({ account_id: "a", subscribers: ["odd"] }) });
  expect(gatehouse.log.filter((line) => line.includes("would have stopped"))).toHaveLength(1);
  const again = { ...fallback, request: { ...requestOf({ name: "bad" }), requestId: "again" } };
  for (let i = 0; i < 3; i++) await recordFallback(again);
  await recordFallback({ ...again, answered: Verdict.DENY, request: { ...again.request, requestId: "denied" } });
  const { cases } = await createClient(CaseService, gatehouse.server.localDoor).listCases({ pageSize: 10 });
  expect(cases.map(({ kind, appId, accountId }) => [kind, appId, accountId])).toEqual([
    [CaseKind.LATE_DENY, 1400000000, ""],
    [CaseKind.LATE_DENY, 1400000000, "a"],
    [CaseKind.LATE_DENY, 1400000000, ""],
  ]);
  const metrics = await (await fetch(`${gatehouse.apiUrl}/metrics`)).text();
  expect(metrics).toContain('gatehouse_fallbacks_recorded_total{cause="unavailable",late_verdict="deny"} 3\n');
  expect(metrics).toContain('gatehouse_fallbacks_recorded_total{cause="unavailable",late_verdict="allow"} 2\n');
});

it("a creation is followed up by what was answered, also when its event comes before the record", async () => {
  await using gatehouse = await startGatehouse({ policy });
  const { decide, record, recordFallback } = createClient(ModerationService, gatehouse.server.localDoor);
  const { getDecision } = createClient(DecisionService, gatehouse.server.localDoor);
  const { listCases } = createClient(CaseService, gatehouse.server.localDoor);
  const fallback = { answered: Verdict.ALLOW, cause: DegradedCause.DEADLINE };
  const created = (accountId: string, owner: string) =>
    record({ appId: testApp, event: { case: "accountCreated", value: { accountId, owner, name: "bad" } } });
  const followUpOf = async (decisionId = "") => (await getDecision({ decisionId })).decision?.followUp;

  await created("a", "early");
  const early = await recordFallback({ ...fallback, request: requestOf({ owner: "early", name: "bad" }) });
  expect(await followUpOf(early.decision?.decisionId)).toBe(FollowUp.CONFIRMED);

  const marked = await decide(requestOf({ owner: "marked", name: "bad" }));
  await created("b", "marked");
  const decisionId = marked.decision?.decisionId ?? "";
  expect(await followUpOf(decisionId)).toBe(FollowUp.LEAKED);
  await recordFallback({ ...fallback, decisionId, request: requestOf({ owner: "marked", name: "bad" }) });
  expect(await followUpOf(decisionId)).toBe(FollowUp.CONFIRMED);

  const { cases } = await listCases({ state: CaseState.OPEN });
  expect(cases.map(({ kind }) => kind)).toEqual([CaseKind.LATE_DENY, CaseKind.LATE_DENY]);
});

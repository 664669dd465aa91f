// What the contract says of decisions that a fallback answered for.
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { type Decision, DegradedCause, RefusalSchema, Verdict } from "../../../gen/gatehouse/v1/decision_pb.ts";
import type { FallbackAnswer } from "../../../src/storage/storage.ts";
import { baseMs, richDecision, sampleDecision } from "../samples.ts";
import { append, appendAsIs, eachWithStore, type OpenStore } from "./opened-store.ts";

const denied: FallbackAnswer = { cause: DegradedCause.DEADLINE, verdict: Verdict.DENY, code: 1, answerTimeMs: baseMs + 1500 };
const allowed: FallbackAnswer = { cause: DegradedCause.UNAVAILABLE, verdict: Verdict.ALLOW, code: 0, answerTimeMs: baseMs + 7 };

const refused = create(RefusalSchema, { subscriber: "s", rule: "banned", message: "不" });

/** The decision as it must read when this was answered. */
function readsAs(decision: Decision, { cause, verdict, code, answerTimeMs }: FallbackAnswer): object {
  const { rewrite, ...rest } = decision;
  return {
    ...rest,
    degraded: true,
    degradedCause: cause,
    answerTime: timestampFromMs(answerTimeMs),
    verdict,
    code,
    message: "",
    refused: [],
    lateVerdict: decision.verdict,
    lateRefused: decision.refused,
    ...(rewrite && { lateRewrite: rewrite }),
  };
}

export function degradedConformance(open: OpenStore): void {
  describe("a degraded decision", () => {
    const current = eachWithStore(open);

    it("reads as answered by the fallback everywhere but in the feed, once it is marked", async () => {
      const { store } = current();
      const decision = sampleDecision({
        requestId: "r",
        verdict: Verdict.ALLOW,
        message: "hi",
        refused: [refused],
        matches: [{ rule: "x" }],
      });
      decision.decisionId = await append(store, decision);
      const want = readsAs(decision, denied);
      expect(await store.markDegraded(decision.decisionId, denied)).toEqual({ decision: want, marked: true });
      expect(await store.getDecision(decision.decisionId)).toEqual(want);
      expect((await store.findDecisionByRequestId(decision.appId, "r"))?.decision).toEqual(want);
      expect((await store.listDecisions({ user: "ann" }, { size: 9 })).items).toEqual([want]);
      expect(await appendAsIs(store, { ...decision, decisionId: "" })).toEqual({ kind: "repeat", decision: want });
      const { changes } = await store.readChanges(0, {}, 10);
      expect(changes).toMatchObject([{ kind: "decision", decision: { ...decision, degraded: false } }]);
      expect(await (await current().reopen()).getDecision(decision.decisionId)).toEqual(want);
    });

    it("of a message keeps what rules would have made of it, and goes out as it came", async () => {
      const { store } = current();
      const decision = sampleDecision({ rewrite: { customData: "x" } });
      decision.decisionId = await append(store, decision);
      const marked = await store.markDegraded(decision.decisionId, allowed);
      expect(marked?.decision).toEqual(readsAs(decision, allowed));
      expect(marked?.decision.lateRewrite?.customData).toBe("x");
      expect(await store.getDecision(decision.decisionId)).toEqual(marked?.decision);
    });

    it("is listed by the verdict that was answered", async () => {
      const { store } = current();
      const marked = await append(store, sampleDecision());
      const usual = await append(store, sampleDecision());
      await store.markDegraded(marked, denied);
      const idsOf = async (verdict: Verdict) =>
        (await store.listDecisions({ verdict }, { size: 9 })).items.map(({ decisionId }) => decisionId);
      expect(await idsOf(Verdict.DENY)).toEqual([marked]);
      expect(await idsOf(Verdict.ALLOW)).toEqual([usual]);
    });

    it("stays as it is when it is marked again, also by marks that overlap", async () => {
      const { store } = current();
      const decisionId = await append(store, sampleDecision());
      const marks = await Promise.all([denied, allowed, allowed].map((answer) => store.markDegraded(decisionId, answer)));
      expect(marks.filter((mark) => mark?.marked)).toHaveLength(1);
      const first = await store.getDecision(decisionId);
      expect(await store.markDegraded(decisionId, denied)).toEqual({ decision: first, marked: false });
      expect(await store.markDegraded(decisionId, allowed)).toEqual({ decision: first, marked: false });
    });

    it("is not marked when it does not exist", async () => {
      const { store } = current();
      for (const unknown of ["", "dec-ffffffffffff", "evt-000000000001"]) expect(await store.markDegraded(unknown, denied)).toBeUndefined();
    });

    it("that is appended with its answer is so from the beginning, in the feed too, and takes no mark", async () => {
      const { store } = current();
      const { appId, ...rest } = richDecision();
      const decision = sampleDecision({ ...rest, appId, requestId: "late", verdict: Verdict.ALLOW, degraded: false });
      const appended = await appendAsIs(store, decision, { answer: allowed });
      const want = readsAs({ ...decision, decisionId: appended.kind === "appended" ? appended.decision.decisionId : "" }, allowed);
      expect(appended).toEqual({ kind: "appended", decision: want });
      const { decisionId } = want as Decision;
      expect(await store.getDecision(decisionId)).toEqual(want);
      expect(await store.readChanges(0, {}, 10)).toMatchObject({ changes: [{ decision: want }] });
      expect(await store.markDegraded(decisionId, denied)).toEqual({ decision: want, marked: false });
      expect(await appendAsIs(store, decision, { answer: denied })).toEqual({ kind: "repeat", decision: want });
    });
  });
}

// What the contract says of the log of decisions.
import { describe, expect, it } from "vitest";
import type { Decision } from "../../../gen/gatehouse/v1/decision_pb.ts";
import { Verdict } from "../../../gen/gatehouse/v1/decision_pb.ts";
import type { DecisionFilter, Store } from "../../../src/storage/storage.ts";
import { appId, baseMs, confusableIds, digestOf, maxAppId, richDecision, sampleDecision, sha256 } from "../samples.ts";
import { append, appendAsIs, eachWithStore, expectMalformedPositionsRefused, type OpenStore, walk } from "./opened-store.ts";

export function decisionsConformance(open: OpenStore): void {
  describe("decisions", () => {
    const current = eachWithStore(open);

    it("are read as they were appended, under the id that the store gave", async () => {
      const { store } = current();
      for (const decision of [richDecision(), sampleDecision()]) {
        decision.decisionId = "is ignored";
        const decisionId = await append(store, decision);
        expect(decisionId).not.toBe("is ignored");
        expect(await store.getDecision(decisionId)).toEqual({ ...decision, decisionId });
      }
    });

    it("are the result of appending, as they were made and with their ids", async () => {
      const { store } = current();
      const result = await appendAsIs(store, { ...richDecision(), decisionId: "is ignored" });
      const { items } = await store.listDecisions({}, { size: 1 });
      expect(result).toEqual({ kind: "appended", decision: items[0] });
    });

    it("have ids that sort in the order of appending, also after reopening", async () => {
      let { store } = current();
      const ids: string[] = [];
      for (let round = 0; round < 3; round += 1) {
        for (let i = 0; i < 20; i += 1) ids.push(await append(store, sampleDecision()));
        store = await current().reopen();
      }
      expect([...ids].sort()).toEqual(ids);
      expect(new Set(ids).size).toBe(ids.length);
    });

    it("are undefined for an id that there is none of, whatever the string", async () => {
      const { store } = current();
      const id = await append(store, sampleDecision());
      for (const other of [
        "",
        "dec-",
        id.toUpperCase(),
        `${id} `,
        ` ${id}`,
        `${id}0`,
        id.slice(0, -1),
        "dec-ffffffffffff",
        "'; --",
        "😀",
        "1",
      ]) {
        expect(await store.getDecision(other)).toBeUndefined();
      }
    });

    it("are not appended again when the app has a decision with the same request_id and action: that decision is the result", async () => {
      const { store } = current();
      const first = sampleDecision({ requestId: "r" });
      const decisionId = await append(store, first);
      const again = sampleDecision({ requestId: "r", verdict: Verdict.DENY });
      expect(await appendAsIs(store, again, { actionDigest: digestOf(first) })).toEqual({
        kind: "repeat",
        decision: { ...first, decisionId },
      });
      expect(await listIds(store, {})).toEqual([decisionId]);
    });

    it("are not made when making throws: that very error, and nothing is kept", async () => {
      const { store } = current();
      const mistake = new Error("mistake");
      const failing = store.appendDecision(baseMs, () => {
        throw mistake;
      });
      await expect(failing).rejects.toBe(mistake);
      expect(await listIds(store, {})).toEqual([]);
      const id = await append(store, sampleDecision({ requestId: "r" }));
      expect(await listIds(store, {})).toEqual([id]);
    });

    it("are not appended when the request_id was used for another action: the result says for which", async () => {
      const { store } = current();
      const decisionId = await append(store, sampleDecision({ requestId: "r" }));
      const other = sampleDecision({ requestId: "r", verdict: Verdict.DENY });
      expect(await appendAsIs(store, other, { actionDigest: sha256("another action") })).toEqual({ kind: "reused", decisionId });
      expect(await listIds(store, {})).toEqual([decisionId]);
    });

    it("are appended once when appends with one request_id overlap", async () => {
      const { store } = current();
      const decision = sampleDecision({ requestId: "r" });
      const same = Array.from({ length: 20 }, () => appendAsIs(store, decision, { actionDigest: sha256("one") }));
      const others = Array.from({ length: 20 }, () => appendAsIs(store, decision, { actionDigest: sha256("two") }));
      const results = await Promise.all([...same, ...others]);
      const appended = results.filter((result) => result.kind === "appended");
      expect(appended).toHaveLength(1);
      expect(results.filter((result) => result.kind === "repeat")).toHaveLength(19);
      expect(results.filter((result) => result.kind === "reused")).toHaveLength(20);
      expect(await listIds(store, {})).toEqual(appended.map(({ decision: { decisionId } }) => decisionId));
    });

    it("are always appended when they have no request_id", async () => {
      const { store } = current();
      const digest = sha256("same");
      await Promise.all(Array.from({ length: 10 }, () => appendAsIs(store, sampleDecision(), { actionDigest: digest })));
      expect(await listIds(store, {})).toHaveLength(10);
      expect(await store.findDecisionByRequestId(appId, "")).toBeUndefined();
    });

    it("have request_ids that count within one app, byte for byte", async () => {
      const { store } = current();
      const keys = confusableIds.flatMap((requestId) => [appId, appId + 1, maxAppId].map((app) => ({ appId: app, requestId })));
      const ids = await Promise.all(keys.map((key) => append(store, sampleDecision(key))));
      for (const [index, key] of keys.entries()) {
        const decision = sampleDecision(key);
        const found = await store.findDecisionByRequestId(key.appId, key.requestId);
        expect(found).toEqual({ decision: { ...decision, decisionId: ids[index] }, actionDigest: digestOf(decision) });
      }
      expect(await store.findDecisionByRequestId(appId, "b")).toBeUndefined();
      expect(await store.findDecisionByRequestId(7, "a")).toBeUndefined();
    });

    it("keep the version of a policy that was never published", async () => {
      const { store } = current();
      const id = await append(store, sampleDecision({ policyVersion: "e".repeat(64) }));
      expect((await store.getDecision(id))?.policyVersion).toBe("e".repeat(64));
      expect(await store.getPolicy("e".repeat(64))).toBeUndefined();
    });

    it("are listed by every filter, the latest appended first, in pages that meet each exactly once", async () => {
      const { store } = current();
      const decisions: Decision[] = [];
      for (const app of [appId, appId + 1])
        for (const user of ["ann", "Ann", "bob"])
          for (const verdict of [Verdict.ALLOW, Verdict.DENY, Verdict.DISCARD])
            decisions.push(
              sampleDecision({
                appId: app,
                verdict,
                action: { case: "createAccount", value: { operator: user, owner: "ann", name: "x" } },
              }),
              sampleDecision({ appId: app, verdict, action: { case: "createAccount", value: { operator: "", owner: user, name: "x" } } }),
              sampleDecision({
                appId: app,
                verdict,
                action: { case: "addSubscribers", value: { accountId: user, operator: "ann", subscribers: ["s"] } },
              }),
            );
      for (const decision of decisions) decision.decisionId = await append(store, decision);
      for (const filter of allFilters()) {
        const expected = decisions.filter((decision) => passes(decision, filter)).map(({ decisionId }) => decisionId);
        for (const size of [1, 7, 1000]) expect(await listIds(store, filter, size), JSON.stringify(filter)).toEqual(expected.toReversed());
      }
    });

    it("are met exactly once in a walk during which others are appended", async () => {
      const { store } = current();
      const before = await Promise.all(Array.from({ length: 25 }, () => append(store, sampleDecision())));
      const met = await walk(async (page) => {
        await append(store, sampleDecision());
        return store.listDecisions({}, page);
      }, 4);
      const metIds = met.map(({ decisionId }) => decisionId);
      expect(metIds.filter((id) => before.includes(id))).toEqual(before.toSorted().toReversed());
    });

    it("have no next page after the last, however full that is", async () => {
      const { store } = current();
      expect(await store.listDecisions({}, { size: 3 })).toEqual({ items: [] });
      for (let i = 0; i < 3; i += 1) await append(store, sampleDecision());
      const page = await store.listDecisions({}, { size: 3 });
      expect(page.items).toHaveLength(3);
      expect(page.next).toBeUndefined();
    });

    it("are not listed after a position that the store cannot have given", async () => {
      const { store } = current();
      await append(store, sampleDecision());
      await expectMalformedPositionsRefused((page) => store.listDecisions({}, page));
    });
  });
}

async function listIds(store: Store, filter: DecisionFilter, size = 10): Promise<string[]> {
  const decisions = await walk((page) => store.listDecisions(filter, page), size);
  return decisions.map(({ decisionId }) => decisionId);
}

function allFilters(): DecisionFilter[] {
  const filters: DecisionFilter[] = [];
  for (const app of [undefined, appId, 7])
    for (const accountId of [undefined, "ann", "Ann "])
      for (const user of [undefined, "ann", "Ann", "ANN"])
        for (const verdict of [undefined, Verdict.DENY])
          filters.push({
            ...(app === undefined ? {} : { appId: app }),
            ...(accountId === undefined ? {} : { accountId }),
            ...(user === undefined ? {} : { user }),
            ...(verdict === undefined ? {} : { verdict }),
          });
  return filters;
}

function passes({ appId: app, action, verdict }: Decision, filter: DecisionFilter): boolean {
  const accountId = action.case === "addSubscribers" ? action.value.accountId : undefined;
  const users =
    action.case === "createAccount"
      ? [action.value.operator, action.value.owner]
      : action.case === "addSubscribers"
        ? [action.value.operator]
        : [];
  return (
    (filter.appId === undefined || filter.appId === app) &&
    (filter.accountId === undefined || filter.accountId === accountId) &&
    (filter.user === undefined || users.includes(filter.user)) &&
    (filter.verdict === undefined || filter.verdict === verdict)
  );
}

// What the contract says of what policies and rules on trial would have done.
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { Effect, RuleMode, type ShadowOutcome, ShadowOutcomeSchema, Verdict } from "../../../gen/gatehouse/v1/decision_pb.ts";
import type { ShadowCounts, Store } from "../../../src/storage/storage.ts";
import { baseMs, sampleDecision } from "../samples.ts";
import { append, eachWithStore, type OpenStore } from "./opened-store.ts";

const live = "a".repeat(64);
const trial = "b".repeat(64);
const wholeRange = { startMs: baseMs - 1000, endMs: baseMs + 1000, shadowVersion: trial };

export function shadowConformance(open: OpenStore): void {
  describe("shadow outcomes", () => {
    const current = eachWithStore(open);

    it("are read and listed with their decision when they differ", async () => {
      const { store } = current();
      const decisionId = await append(store, sampleDecision({ requestId: "r" }));
      const outcome = shadowOutcome({
        verdict: Verdict.DENY,
        code: 120_001,
        refused: [{ subscriber: "s", rule: "banned", message: "不" }],
        matches: [{ rule: "new", effect: Effect.DENY, mode: RuleMode.ENFORCE, labels: { a: "b" }, message: "No." }],
      });
      expect((await store.getDecision(decisionId))?.shadow).toBeUndefined();
      await store.appendShadowOutcome({ decisionId, version: trial, outcome });
      expect((await store.getDecision(decisionId))?.shadow).toEqual(outcome);
      expect((await store.listDecisions({ user: "ann" }, { size: 1 })).items[0]?.shadow).toEqual(outcome);
      expect((await (await current().reopen()).getDecision(decisionId))?.shadow).toEqual(outcome);
    });

    it("are not read when they do not differ", async () => {
      const { store } = current();
      const decisionId = await append(store, sampleDecision());
      await store.appendShadowOutcome({ decisionId, version: trial, outcome: undefined });
      expect((await store.getDecision(decisionId))?.shadow).toBeUndefined();
      expect(await store.countShadow(wholeRange)).toMatchObject({ decisions: 1, shadowed: 1, changed: [] });
    });

    it("of unknown decisions, and repeats, are passed over", async () => {
      const { store } = current();
      const decisionId = await append(store, sampleDecision());
      for (const unknown of ["", "dec-ffffffffffff", `${decisionId}0`]) {
        await store.appendShadowOutcome({ decisionId: unknown, version: trial, outcome: undefined });
      }
      const first = shadowOutcome({ verdict: Verdict.DENY, code: 1 });
      await Promise.all(
        [first, undefined, shadowOutcome({ verdict: Verdict.DISCARD })].map((outcome) =>
          store.appendShadowOutcome({ decisionId, version: trial, outcome }),
        ),
      );
      expect((await store.getDecision(decisionId))?.shadow).toEqual(first);
      expect(await store.countShadow(wholeRange)).toMatchObject({ decisions: 1, shadowed: 1 });
    });

    it("are counted for decisions of the range, and for the shadow policy that is asked for", async () => {
      const { store } = current();
      for (const [index, atMs] of [0, 5, 9, 10, 3].entries()) {
        const decisionId = await append(store, sampleDecision({ decideTime: timestampFromMs(baseMs + atMs) }));
        if (index > 0) await store.appendShadowOutcome({ decisionId, version: index === 1 ? live : trial, outcome: undefined });
      }
      const range = { startMs: baseMs + 3, endMs: baseMs + 10 };
      expect(await store.countShadow({ ...range, shadowVersion: trial })).toEqual({ decisions: 3, shadowed: 2, changed: [], rules: [] });
      expect(await store.countShadow({ ...range, shadowVersion: undefined })).toMatchObject({ decisions: 3, shadowed: 0 });
      expect(await store.countShadow({ ...range, shadowVersion: "c".repeat(64) })).toMatchObject({ decisions: 3, shadowed: 0 });
    });

    it("are changed by another verdict, code or set of refused, the latest first", async () => {
      const { store } = current();
      const ids: string[] = [];
      for (const outcome of [
        { verdict: Verdict.DENY, code: 1 },
        { verdict: Verdict.ALLOW, matches: [{ rule: "other" }] },
        { verdict: Verdict.ALLOW, code: 5 },
        { verdict: Verdict.ALLOW, refused: [{ subscriber: "s", rule: "x" }] },
      ]) {
        const decisionId = await append(store, sampleDecision());
        ids.push(decisionId);
        await store.appendShadowOutcome({ decisionId, version: trial, outcome: shadowOutcome(outcome) });
      }
      const refused = [
        { subscriber: "s", rule: "x" },
        { subscriber: "t", rule: "x" },
      ];
      const same = await append(store, sampleDecision({ refused }));
      const inOtherOrder = shadowOutcome({ verdict: Verdict.ALLOW, refused: refused.map((one) => ({ ...one, rule: "y" })).toReversed() });
      await store.appendShadowOutcome({ decisionId: same, version: trial, outcome: inOtherOrder });
      const { changed } = await store.countShadow(wholeRange);
      expect(changed.map(({ decisionId }) => decisionId)).toEqual([ids[3], ids[2], ids[0]]);
      expect(changed[2]).toMatchObject({
        live: { decisionId: ids[0], verdict: Verdict.ALLOW },
        shadow: { verdict: Verdict.DENY, code: 1 },
      });
    });

    it("count in how many decisions each rule of the shadow policy held, held anew and failed", async () => {
      const { store } = current();
      await trialOf(store, ["old"], undefined);
      await trialOf(store, ["old"], ["old", "new", "new"]);
      await trialOf(store, ["gone"], ["new"]);
      const failing = { rule: "new", error: "no such key", mode: RuleMode.ENFORCE };
      await trialOf(store, [], [failing, { ...failing, rule: "skipping", skipped: true }]);
      await append(store, sampleDecision({ policyVersion: live, matches: [{ rule: "new" }] }));
      expect(await rulesOf(store)).toEqual([
        { policyVersion: trial, rule: "new", held: 3, heldAnew: 3, errors: 1 },
        { policyVersion: trial, rule: "old", held: 2, heldAnew: 0, errors: 0 },
        { policyVersion: trial, rule: "skipping", held: 0, heldAnew: 0, errors: 1 },
      ]);
    });

    it("count the rules in shadow mode of every live policy too; what holds only on trial holds anew", async () => {
      const { store } = current();
      const onTrial = { rule: "r", mode: RuleMode.SHADOW };
      await append(
        store,
        sampleDecision({ policyVersion: live, matches: [onTrial, { ...onTrial, subscriber: "s" }, { rule: "enforced" }] }),
      );
      await append(store, sampleDecision({ policyVersion: "c".repeat(64), matches: [{ ...onTrial, error: "e", skipped: true }] }));
      await trialOf(store, [onTrial], undefined);
      await trialOf(store, [onTrial], ["r"]);
      expect(await rulesOf(store)).toEqual([
        { policyVersion: live, rule: "r", held: 3, heldAnew: 3, errors: 0 },
        { policyVersion: trial, rule: "r", held: 2, heldAnew: 2, errors: 0 },
        { policyVersion: "c".repeat(64), rule: "r", held: 0, heldAnew: 0, errors: 1 },
      ]);
      const { rules } = await store.countShadow({ ...wholeRange, shadowVersion: undefined });
      expect(rules.filter(({ policyVersion }) => policyVersion === trial)).toEqual([]);
    });

    it("count a rule once in a decision that has the policy both live and on trial", async () => {
      const { store } = current();
      const decisionId = await append(store, sampleDecision({ policyVersion: trial, matches: [{ rule: "r", mode: RuleMode.SHADOW }] }));
      await store.appendShadowOutcome({ decisionId, version: trial, outcome: undefined });
      expect(await rulesOf(store)).toEqual([{ policyVersion: trial, rule: "r", held: 1, heldAnew: 1, errors: 0 }]);
    });
  });
}

type MatchInit = NonNullable<MessageInitShape<typeof ShadowOutcomeSchema>["matches"]>[number];

/** A decision with these live matches, about which the shadow policy was asked; undefined: it said the same. */
async function trialOf(store: Store, matches: (string | MatchInit)[], others: (string | MatchInit)[] | undefined): Promise<void> {
  const decisionId = await append(store, sampleDecision({ policyVersion: live, matches: matches.map(matchOf) }));
  const outcome = others && shadowOutcome({ verdict: Verdict.ALLOW, matches: others.map(matchOf) });
  await store.appendShadowOutcome({ decisionId, version: trial, outcome });
}

function matchOf(match: string | MatchInit): MatchInit {
  return typeof match === "string" ? { rule: match, effect: Effect.FLAG, mode: RuleMode.ENFORCE } : match;
}

function shadowOutcome(init: MessageInitShape<typeof ShadowOutcomeSchema>): ShadowOutcome {
  return create(ShadowOutcomeSchema, { policyVersion: trial, ...init });
}

async function rulesOf(store: Store): Promise<ShadowCounts["rules"]> {
  const { rules } = await store.countShadow(wholeRange);
  const keyOf = ({ policyVersion, rule }: ShadowCounts["rules"][number]) => `${policyVersion} ${rule}`;
  return rules.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

// The trial of the shadow policy: it is asked the same question while the decision is on its way to disk; what it says is kept beside it.
import { setImmediate } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import {
  type Decision,
  type Match,
  type MessageRewrite,
  type Refusal,
  type ShadowOutcome,
  ShadowOutcomeSchema,
  Verdict,
} from "../../gen/gatehouse/v1/decision_pb.ts";
import type { CompiledPolicy } from "../policy/compile.ts";
import { evaluate, type Outcome, type Question } from "../policy/evaluate.ts";
import type { Facts } from "../policy/functions.ts";
import type { SignalAnswers } from "../policy/signal-answers.ts";
import { createLiveWorld } from "../policy/world.ts";
import type { Store, StoredFacts } from "../storage/storage.ts";
import { normalize } from "../text/normalize.ts";
import { type AskedSignals, askSignals } from "./ask-signals.ts";
import type { FactsOf } from "./facts.ts";
import type { PoliciesInForce } from "./policies-in-force.ts";
import { rateCounts } from "./rate-counts.ts";
import type { Signals } from "./signals.ts";

/** Asks the shadow policy about questions that the live one decided. */
export interface ShadowTrial {
  /** To be called before a decision, with what signals say for it; undefined when no policy is on trial. */
  begin(question: Question, signals: AskedSignals | undefined): OneTrial | undefined;
}

/** One question on trial. */
export interface OneTrial {
  /**
   * To be called when the live policy has decided and nothing is reserved yet. The shadow policy is asked in a later phase of the event loop, when
   * the write has been handed over: it holds no answer up. What is decided in that very turn besides this, it sees already; one that asks signals is
   * asked again when they have answered, and sees what was decided until then.
   */
  observe(stored: StoredFacts, decision: Decision): void;
  /** To be called when the decision is on disk: keeps what the shadow policy said of it. */
  keep(decision: Decision): void;
}

/** What became of a trial: what the shadow policy says, undefined when that is the same. */
type Tried = { outcome: ShadowOutcome | undefined } | "passed_over";

/** Questions that may wait for their turn, or for signals; with more, the trial passes over some rather than hold up answers. */
const maxWaiting = 1000;

/** What the trial needs. */
export interface ShadowTrialDeps {
  store: Store;
  policies: PoliciesInForce;
  factsOf: FactsOf;
  signals: Signals;
  /** Told of every trial: how it went, for counting and the log. */
  onTrial(result: "same" | "differs" | "passed_over" | "failed", error?: unknown): void;
}

export function createShadowTrial({ store, policies, factsOf, signals, onTrial }: ShadowTrialDeps): ShadowTrial {
  let waiting = 0;

  async function ask(
    policy: CompiledPolicy,
    question: Question,
    decision: Decision,
    nameWasInUse: boolean,
    earlier: AskedSignals | undefined,
  ): Promise<Tried> {
    const evaluateWith = (answers?: SignalAnswers) =>
      store.withFacts(question.nowMs, (stored) => {
        const facts = withoutOwnEffect(factsOf(stored, question.appId, policy), question, decision, nameWasInUse);
        return evaluate(policy, question, createLiveWorld(facts, [], answers));
      });
    const { asksSignals } = policy.programs[question.subject.case];
    const untilMs = Number.POSITIVE_INFINITY;
    const answers = asksSignals ? await askSignals({ signals, lane: "trial", untilMs, earlier, ask: evaluateWith }) : undefined;
    // The live policy would have got its answers: with values for failures in their place the trial would show what would never be.
    if (answers?.wasBusy()) return "passed_over";
    const outcome = await evaluateWith(answers);
    return { outcome: sameOutcome(outcome, decision) ? undefined : toShadowOutcome(policy.version, outcome) };
  }

  /** The decision has reserved and counted itself by now; the shadow policy is asked as if it had not. */
  function withoutOwnEffect(facts: Facts, question: Question, decision: Decision, nameWasInUse: boolean): Facts {
    const { action, verdict } = decision;
    const creation = action.case === "createAccount" && verdict === Verdict.ALLOW ? action.value : undefined;
    const counted = rateCounts(question, [policies.live(), policies.shadow()]);
    return {
      ...facts,
      liveAccounts: (owner) => facts.liveAccounts(owner) - (creation?.owner === owner ? 1 : 0),
      nameInUse: (name) => (creation !== undefined && normalize(creation.name) === normalize(name) ? nameWasInUse : facts.nameInUse(name)),
      rate(name, key, windowMs) {
        const own = counted.some(({ counter, key: counts }) => counter.action === name && counter.windowMs === windowMs && counts === key);
        return Math.max(0, facts.rate(name, key, windowMs) - (own ? 1 : 0));
      },
    };
  }

  return {
    begin(question, earlier) {
      const policy = policies.shadow();
      if (policy === undefined) return undefined;
      let asked: Promise<Tried> | undefined;
      let beginLater: (() => void) | undefined;
      return {
        observe(stored, decision) {
          if (waiting >= maxWaiting) return;
          const { subject, appId } = question;
          const nameWasInUse = subject.case === "createAccount" && stored.nameInUse(appId, normalize(subject.value.name));
          const beginAsking = () => {
            if (waiting >= maxWaiting) return;
            waiting++;
            asked = setImmediate().then(() => ask(policy, question, decision, nameWasInUse, earlier));
            // A decision that fails or is a repeat leaves its trial behind.
            asked.catch(() => undefined).finally(() => waiting--);
          };
          // What the decision reserves and counts is seen by a store on another machine when it is on disk there.
          if (store.isRemote) beginLater = beginAsking;
          else beginAsking();
        },
        keep({ decisionId }) {
          beginLater?.();
          if (asked === undefined) {
            onTrial("passed_over");
            return;
          }
          asked
            .then(async (tried) => {
              if (tried === "passed_over") {
                onTrial("passed_over");
                return;
              }
              const { outcome } = tried;
              await store.appendShadowOutcome({ decisionId, version: policy.version, outcome });
              onTrial(outcome === undefined ? "same" : "differs");
            })
            .catch((error) => onTrial("failed", error));
        },
      };
    },
  };
}

function toShadowOutcome(policyVersion: string, { verdict, code, refused, matches, rewrite }: Outcome): ShadowOutcome {
  return create(ShadowOutcomeSchema, { policyVersion, verdict, code, refused, matches, ...(rewrite && { rewrite }) });
}

/** Whether two outcomes are the same, matches included: then the decision's own matches stand for both. */
function sameOutcome(a: Outcome, b: Decision): boolean {
  return (
    a.verdict === b.verdict &&
    a.code === b.code &&
    refusalsOf(a.refused) === refusalsOf(b.refused) &&
    matchesOf(a.matches) === matchesOf(b.matches) &&
    rewriteOf(a.rewrite) === rewriteOf(b.rewrite)
  );
}

function refusalsOf(refused: readonly Refusal[]): string {
  return JSON.stringify(refused.map(({ subscriber }) => subscriber));
}

function rewriteOf(rewrite: MessageRewrite | undefined): string | undefined {
  return rewrite && JSON.stringify([rewrite.elements.map(({ rawJson }) => rawJson), rewrite.customData]);
}

function matchesOf(matches: readonly Match[]): string {
  return JSON.stringify(
    matches.map(({ rule, effect, mode, subscriber, error, skipped }) => [rule, effect, mode, subscriber, error, skipped]),
  );
}

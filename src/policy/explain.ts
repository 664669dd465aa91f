// Tells a decision again, rule by rule, from the policy and what the world answered then.
import { create } from "@bufbuild/protobuf";
import { type Effect, type Fact, RuleMode, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { type RuleExplanation, RuleExplanationSchema, RuleResult } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import type { CompiledPolicy } from "./compile.ts";
import { type AskedRule, evaluate, type Outcome, type Question, unsendableMessage } from "./evaluate.ts";
import type { CompiledRule } from "./program.ts";
import { effectNumber } from "./vocabulary.ts";
import { createNotedWorld } from "./world.ts";

/** What became of every rule, and how it ended. */
export interface Explanation {
  /** The rules for the subject in the policy's order; a rule that is asked for each user, once for each it was asked about. */
  rules: RuleExplanation[];
  outcome: Outcome;
  /** How it ended, in a sentence. */
  conclusion: string;
}

/** Asks the policy again as it was asked, and notes everything. `facts` is what the world answered other than false and 0. */
export function explain(policy: CompiledPolicy, question: Question, facts: readonly Fact[]): Explanation {
  const world = createNotedWorld(facts);
  const asked: RuleExplanation[] = [];
  const seen = new Set<CompiledRule>();
  const outcome = evaluate(policy, question, world, ({ rule, item, fields, held, error }: AskedRule) => {
    seen.add(rule);
    const values = rule.condition?.parts({ ...fields }, world) ?? [];
    asked.push(describe(policy, rule, { subscriber: item, result: resultOf(rule, held, error), values, error }));
  });
  const notAsked = policy.programs[question.subject.case].rules.filter((rule) => !seen.has(rule));
  const rules = [
    ...asked,
    ...notAsked.map((rule) => describe(policy, rule, { subscriber: "", result: RuleResult.NOT_ASKED, values: [], error: "" })),
  ];
  return { rules, outcome, conclusion: conclude(policy, question, outcome) };
}

function describe(
  policy: CompiledPolicy,
  rule: CompiledRule,
  asked: { subscriber: string; result: RuleResult; values: { expression: string; value: string }[]; error: string },
): RuleExplanation {
  return create(RuleExplanationSchema, {
    rule: rule.id,
    line: policy.positionOf(`rules[${rule.index}]`).line,
    condition: rule.condition?.text ?? "",
    effect: effectNumber[rule.effect.name],
    mode: rule.shadow ? RuleMode.SHADOW : RuleMode.ENFORCE,
    ...asked,
  });
}

function resultOf(rule: CompiledRule, held: boolean, error: string): RuleResult {
  if (error !== "") return rule.skipOnError ? RuleResult.SKIPPED_ON_ERROR : RuleResult.APPLIED_ON_ERROR;
  return held ? RuleResult.HELD : RuleResult.NOT_HELD;
}

/** The rule that settled it was the last enforced one to hold that ends the asking. */
function conclude(policy: CompiledPolicy, question: Question, outcome: Outcome): string {
  const program = policy.programs[question.subject.case];
  const counted = outcome.matches.filter((match) => match.mode === RuleMode.ENFORCE && !match.skipped);
  const settling: readonly Effect[] = [effectNumber.allow, effectNumber.deny, effectNumber.discard];
  const last = counted.findLast((match) => settling.includes(match.effect));
  const rewriters = counted.flatMap(({ effect, rule }) => (effect === effectNumber.rewrite ? [`"${rule}"`] : []));
  if (outcome.verdict === Verdict.DISCARD) return `Discarded, by the rule "${last?.rule}".`;
  if (outcome.verdict === Verdict.DENY) {
    if (last?.effect !== effectNumber.deny && outcome.message === unsendableMessage) {
      return `Denied with code ${outcome.code}: what ${rewriters.join(", ")} left of the message cannot be sent.`;
    }
    const why = last?.effect === effectNumber.deny ? `by the rule "${last.rule}"` : "by default: no rule settled it";
    return `Denied with code ${outcome.code}, ${why}.`;
  }
  if (outcome.refused.length > 0) {
    const refused = outcome.refused.map(({ subscriber, rule }) => `${subscriber} by "${rule}"`).join(", ");
    return `Allowed, but for those refused: ${refused}.`;
  }
  if (outcome.rewrite !== undefined) return `Allowed, rewritten by ${rewriters.join(", ")}.`;
  if (last !== undefined && last.subscriber === "") return `Allowed by the rule "${last.rule}".`;
  return program.rules.length === 0 ? "Allowed by default: the policy has no rule for it." : "Allowed by default: no rule settled it.";
}

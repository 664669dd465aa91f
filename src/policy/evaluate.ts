// Asks a compiled policy about one action. Pure: the same policy, question and facts give the same outcome.
import { create } from "@bufbuild/protobuf";
import {
  Effect,
  type Match,
  MatchSchema,
  type Refusal,
  RefusalSchema,
  RuleMode,
  Severity,
  Verdict,
} from "../../gen/gatehouse/v1/decision_pb.ts";
import type { Origin } from "../../gen/gatehouse/v1/origin_pb.ts";
import type { CompiledPolicy, CompiledRule } from "./compile.ts";
import { ConditionError, type Facts } from "./condition.ts";
import { type Action, type ActionCase, type ActionSpec, actionSpecs, readCommonFields } from "./vocabulary.ts";

/** What is asked. */
export interface Question {
  appId: number;
  origin: Origin | undefined;
  action: Action;
  /** When it is asked, in milliseconds since 1970. */
  nowMs: number;
}

/** What the policy says. */
export interface Outcome {
  verdict: Verdict;
  /** 0 for allow, otherwise what the deny says. */
  code: number;
  message: string;
  /** In the order of the request; empty unless the verdict is allow. */
  refused: Refusal[];
  /** Every rule that held, in the policy's order. */
  matches: Match[];
}

/** The code of a denial by default, which no rule words. */
const defaultDenyCode = 1;

/**
 * Asks the rules in order. The first enforced allow or deny that holds ends it; a refuse, or an allow of a rule that is asked for each user,
 * ends it for one user; a flag ends nothing; when nothing ended it, the default does. A rule in shadow mode is asked and noted, and changes
 * nothing. A condition that cannot be evaluated counts as held (`on_error: apply`) or is passed over (`skip`), and its match is marked.
 * Throws whatever `facts` throws.
 */
export function evaluate(policy: CompiledPolicy, question: Question, facts: Facts): Outcome {
  const { action } = question;
  const spec = actionSpecs[action.case] as ActionSpec<ActionCase>;
  const program = policy.programs[action.case];
  const fields = { ...readCommonFields(question.appId, question.origin, question.nowMs), ...spec.read(action.value as never) };
  const items = spec.each === undefined ? [] : [...new Set(spec.each.items(action.value as never))];
  const eachField = spec.each?.field ?? "";
  const settled = new Set<number>();
  const outcome: Outcome = { verdict: Verdict.ALLOW, code: 0, message: "", refused: [], matches: [] };

  for (const rule of program.rules) {
    if (!rule.forEach) {
      if (!asked(rule, fields, facts, "", outcome.matches)) continue;
      if (rule.effect.name === "allow") return finish(outcome, items);
      if (rule.effect.name === "deny") return deny(outcome, rule.effect.code, rule.effect.message);
      continue;
    }
    for (const [index, item] of items.entries()) {
      if (settled.has(index)) continue;
      fields[eachField] = item;
      if (!asked(rule, fields, facts, item, outcome.matches)) continue;
      if (rule.effect.name === "deny") return deny(outcome, rule.effect.code, rule.effect.message);
      if (rule.effect.name === "flag") continue;
      settled.add(index);
      if (rule.effect.name === "refuse") {
        outcome.refused.push(create(RefusalSchema, { subscriber: item, rule: rule.id, message: rule.effect.message }));
      }
    }
    if (items.length > 0 && settled.size === items.length) return finish(outcome, items);
  }
  return program.deniedByDefault ? deny(outcome, defaultDenyCode, "") : finish(outcome, items);
}

/** Asks one rule and notes a match. True when the rule takes effect. */
function asked(rule: CompiledRule, fields: Record<string, unknown>, facts: Facts, item: string, matches: Match[]): boolean {
  let error = "";
  try {
    if (rule.condition !== undefined && !rule.condition.holds(fields, facts)) return false;
  } catch (cause) {
    if (!(cause instanceof ConditionError)) throw cause;
    error = cause.message;
  }
  const skipped = error !== "" && rule.skipOnError;
  matches.push(
    create(MatchSchema, {
      rule: rule.id,
      effect: effectOf[rule.effect.name],
      mode: rule.shadow ? RuleMode.SHADOW : RuleMode.ENFORCE,
      subscriber: item,
      error,
      skipped,
      severity: rule.effect.name === "flag" ? rule.effect.severity : Severity.UNSPECIFIED,
      labels: rule.labels,
    }),
  );
  return !rule.shadow && !skipped;
}

const effectOf = { allow: Effect.ALLOW, deny: Effect.DENY, refuse: Effect.REFUSE, flag: Effect.FLAG } as const;

function deny(outcome: Outcome, code: number, message: string): Outcome {
  return { ...outcome, verdict: Verdict.DENY, code, message, refused: [] };
}

/** Refusals come rule by rule; the answer has them in the order of the request. */
function finish(outcome: Outcome, items: readonly string[]): Outcome {
  if (outcome.refused.length > 1) {
    const order = new Map(items.map((item, index) => [item, index]));
    outcome.refused.sort((a, b) => (order.get(a.subscriber) ?? 0) - (order.get(b.subscriber) ?? 0));
  }
  return outcome;
}

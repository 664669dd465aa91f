// What of a policy its tests reach: every rule held and not held on everything it is on, and every default.
import { Effect, RuleMode, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import type { CompiledPolicy } from "./compile.ts";
import type { AskedRule, Outcome, Question } from "./evaluate.ts";
import { type CompiledRule, settles } from "./program.ts";
import { type SubjectCase, type SubjectSpec, subjectSpecs } from "./vocabulary.ts";

/** What became of one rule on one subject, in all tests. */
export interface RuleCoverage {
  rule: string;
  /** The subject's name in a policy. */
  subject: string;
  line: number;
  /** How often it held, did not, and could not be evaluated. */
  held: number;
  notHeld: number;
  errors: number;
  /** False for a rule without a condition: it has but one outcome. */
  canFail: boolean;
}

/** How often nothing settled an action. */
export interface DefaultCoverage {
  action: string;
  line: number;
  reached: number;
}

/** What the tests reach. */
export interface Coverage {
  rules: RuleCoverage[];
  defaults: DefaultCoverage[];
  /** How many outcomes there are, and how many of them a test reached. */
  outcomes: number;
  reached: number;
  /** The others, in the policy's order. */
  missing: { line: number; message: string }[];
}

/** Counts the outcomes of rules as tests are run. */
export interface CoverageCounter {
  asked(asked: AskedRule): void;
  answered(question: Question, outcome: Outcome): void;
  coverage(): Coverage;
}

/** The coverage in per cent, rounded down: 100 is all. Nothing to cover is all. */
export function percentOf({ outcomes, reached }: Coverage): number {
  return outcomes === 0 ? 100 : Math.floor((100 * reached) / outcomes);
}

export function createCoverageCounter(policy: CompiledPolicy): CoverageCounter {
  const subjects = Object.entries(subjectSpecs) as [SubjectCase, SubjectSpec<SubjectCase>][];
  const rules = new Map<CompiledRule, RuleCoverage>();
  const defaults = new Map<SubjectCase, DefaultCoverage>();
  for (const [subject, spec] of subjects) {
    for (const rule of policy.programs[subject].rules) {
      const { line } = policy.positionOf(`rules[${rule.index}].id`);
      const canFail = rule.condition !== undefined && rule.condition.constant === undefined;
      rules.set(rule, { rule: rule.id, subject: spec.name, line, held: 0, notHeld: 0, errors: 0, canFail });
    }
    if (isDefaultReachable(policy, subject, spec)) {
      defaults.set(subject, { action: spec.name, line: policy.positionOf(`default.${spec.name}`).line, reached: 0 });
    }
  }
  return {
    asked({ rule, held, error }) {
      const counts = rules.get(rule);
      if (counts === undefined) return;
      if (error !== "") counts.errors++;
      else if (held) counts.held++;
      else counts.notHeld++;
    },
    answered({ subject }, outcome) {
      const counts = defaults.get(subject.case);
      const spec = subjectSpecs[subject.case] as SubjectSpec<SubjectCase>;
      const items = new Set(spec.each?.items(subject.value as never));
      if (counts !== undefined && isByDefault(outcome, items.size)) counts.reached++;
    },
    coverage: () => summarize([...rules.values()], [...defaults.values()]),
  };
}

/** Whether the policy speaks of the action, and has no rule that settles it always. */
function isDefaultReachable(policy: CompiledPolicy, subject: SubjectCase, spec: SubjectSpec<SubjectCase>): boolean {
  if (spec.isEvent) return false;
  const { rules } = policy.programs[subject];
  const verdicts: Record<string, unknown> = { ...policy.source.default };
  const isWritten = (verdicts[subject] ?? Verdict.UNSPECIFIED) !== Verdict.UNSPECIFIED;
  const always = (rule: CompiledRule) => rule.condition === undefined || rule.condition.constant === true;
  const settlesAll = rules.some((rule) => !rule.shadow && settles(rule.effect) && always(rule));
  return (isWritten || rules.length > 0) && !settlesAll;
}

/** Whether no rule settled the action, or not for all of its users. */
function isByDefault({ matches }: Outcome, itemCount: number): boolean {
  const counted = matches.filter(
    ({ mode, skipped, effect }) => mode === RuleMode.ENFORCE && !skipped && effect !== Effect.FLAG && effect !== Effect.REWRITE,
  );
  if (counted.some((match) => match.effect === Effect.DENY || match.subscriber === "")) return false;
  return itemCount === 0 || new Set(counted.map((match) => match.subscriber)).size < itemCount;
}

function summarize(rules: RuleCoverage[], defaults: DefaultCoverage[]): Coverage {
  const rulesMissing = rules.flatMap((counts) => missingOf(counts, rules.filter(({ rule }) => rule === counts.rule).length > 1));
  const defaultsMissing = defaults.flatMap(({ action, line, reached }) =>
    reached === 0 ? [{ line, message: `the default of ${action} was never reached.`, outcomes: 1 }] : [],
  );
  const missing = [...rulesMissing, ...defaultsMissing].sort((a, b) => a.line - b.line);
  const outcomes = rules.reduce((sum, { canFail }) => sum + (canFail ? 2 : 1), defaults.length);
  const reached = missing.reduce((rest, one) => rest - one.outcomes, outcomes);
  return { rules, defaults, outcomes, reached, missing: missing.map(({ line, message }) => ({ line, message })) };
}

/** What of a rule no test reached, and how many outcomes that is. */
function missingOf(
  { rule, subject, line, held, notHeld, errors, canFail }: RuleCoverage,
  isOnSeveral: boolean,
): { line: number; message: string; outcomes: number }[] {
  const outcomes = (held === 0 ? 1 : 0) + (canFail && notHeld === 0 ? 1 : 0);
  if (outcomes === 0) return [];
  let what = held === 0 ? "never held" : "always held";
  if (held + notHeld === 0) what = errors === 0 ? "was never asked" : "could never be evaluated";
  return [{ line, message: `rule "${rule}" ${what}${isOnSeveral ? ` on ${subject}` : ""}.`, outcomes }];
}

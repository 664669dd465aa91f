// Compiles a policy's text into what evaluate.ts runs: everything is checked once, here.
import { createHash } from "node:crypto";
import { RuleMode, Severity, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { OnError, type Rule, type Then } from "../../gen/gatehouse/v1/policy_pb.ts";
import { didYouMean } from "../nearest.ts";
import { type Condition, createConditionCompiler } from "./condition.ts";
import { type PolicyDocument, readPolicyDocument } from "./document.ts";
import type { PolicyProblem } from "./problems.ts";
import { type ActionCase, actionNames, actionSpecs, commonFields } from "./vocabulary.ts";

/** A policy that passed every check. Immutable. */
export interface CompiledPolicy {
  /** The lower-case hexadecimal SHA-256 of the text. */
  readonly version: string;
  readonly name: string;
  readonly text: string;
  /** The names of the lists that it declares. */
  readonly lists: readonly string[];
  readonly programs: Readonly<Record<ActionCase, ActionProgram>>;
}

/** What a policy says of one action. */
export interface ActionProgram {
  /** Whether an action that no rule settles is denied. */
  readonly deniedByDefault: boolean;
  /** The rules for this action, in the policy's order. */
  readonly rules: readonly CompiledRule[];
}

/** A rule for one action. */
export interface CompiledRule {
  readonly id: string;
  /** Undefined: always holds. */
  readonly condition: Condition | undefined;
  /** Whether it is asked for each of the action's users. */
  readonly forEach: boolean;
  readonly effect: CompiledEffect;
  readonly shadow: boolean;
  readonly skipOnError: boolean;
  readonly labels: Readonly<Record<string, string>>;
}

/** What a rule does when it holds. */
export type CompiledEffect =
  | { readonly name: "allow" }
  | { readonly name: "deny"; readonly code: number; readonly message: string }
  | { readonly name: "refuse"; readonly message: string }
  | { readonly name: "flag"; readonly severity: Severity };

/** What a policy's own codes must lie in. From "Before a Official Channel Is Created": 120001 to 130000, or 1. */
const ownCodes = { first: 120001, last: 130000 };

/** Compiles a text. Either a policy or at least one problem; all problems at once. */
export function compilePolicy(text: string): { policy: CompiledPolicy; problems: [] } | { policy: undefined; problems: PolicyProblem[] } {
  const { document, problems } = readPolicyDocument(text);
  if (document === undefined) return { policy: undefined, problems };
  const { policy } = document;
  const lists = new Set(Object.keys(policy.lists));
  problems.push(...duplicateIds(document));

  const programs = Object.fromEntries(
    Object.entries(actionSpecs).map(([action, spec]) => {
      const compiler = createConditionCompiler({ ...commonFields, ...spec.fields }, lists);
      const rules = policy.rules.flatMap((rule, index): CompiledRule[] => {
        if (!rule.on.includes(spec.name)) return [];
        const path = `rules[${index}]`;
        const complain = (place: string, message: string, offset?: number) =>
          problems.push({ ...document.positionOf(`${path}.${place}`, offset), rule: rule.id, message });
        const effect = compileEffect(rule.then);
        if (effect === undefined) return [];
        if (!spec.effects.includes(effect.name)) {
          complain("then", `${spec.name} cannot have the effect ${effect.name}; it can have ${spec.effects.join(", ")}.`);
        }
        let condition: Condition | undefined;
        if (rule.when !== "") {
          const compiled = compiler.compile(rule.when);
          for (const problem of compiled.problems) complain("when", problem.message, problem.offset);
          condition = compiled.condition;
        }
        return [compileRule(rule, effect, condition, spec.each?.field)];
      });
      return [action, { deniedByDefault: policy.default?.[action as ActionCase] === Verdict.DENY, rules }];
    }),
  ) as unknown as Record<ActionCase, ActionProgram>;

  for (const [index, rule] of policy.rules.entries()) problems.push(...checkRule(document, rule, index));
  if (problems.length > 0) return { policy: undefined, problems: withoutRepeats(problems) };
  const version = createHash("sha256").update(text).digest("hex");
  return { policy: { version, name: policy.name, text, lists: [...lists], programs }, problems: [] };
}

function compileRule(rule: Rule, effect: CompiledEffect, condition: Condition | undefined, eachField: string | undefined): CompiledRule {
  return {
    id: rule.id,
    condition,
    forEach: eachField !== undefined && (effect.name === "refuse" || condition?.reads(eachField) === true),
    effect,
    shadow: rule.mode === RuleMode.SHADOW,
    skipOnError: rule.onError === OnError.SKIP,
    labels: rule.labels,
  };
}

function compileEffect(then: Then | undefined): CompiledEffect | undefined {
  switch (then?.effect.case) {
    case "allow":
      return { name: "allow" };
    case "deny":
      return { name: "deny", code: then.effect.value.code || 1, message: then.effect.value.message };
    case "refuse":
      return { name: "refuse", message: then.effect.value.message };
    case "flag":
      return { name: "flag", severity: then.effect.value.severity || Severity.LOW };
    default:
      return undefined;
  }
}

function* duplicateIds({ policy, positionOf }: PolicyDocument): Generator<PolicyProblem> {
  const first = new Map<string, number>();
  for (const [index, { id }] of policy.rules.entries()) {
    const before = first.get(id);
    if (before === undefined) {
      first.set(id, index);
    } else {
      const { line } = positionOf(`rules[${before}].id`);
      yield { ...positionOf(`rules[${index}].id`), rule: id, message: `Another rule has this id already, on line ${line}.` };
    }
  }
}

/** What can be said of a rule without knowing an action. */
function* checkRule({ positionOf }: PolicyDocument, rule: Rule, index: number): Generator<PolicyProblem> {
  for (const [i, name] of rule.on.entries()) {
    if (actionNames.includes(name)) continue;
    const hint = didYouMean(name, actionNames) || ` There are: ${actionNames.join(", ")}.`;
    yield { ...positionOf(`rules[${index}].on[${i}]`), rule: rule.id, message: `There is no action "${name}".${hint}` };
  }
  const effect = rule.then?.effect;
  if (effect?.case === "deny") {
    const { code } = effect.value;
    if (code !== 0 && code !== 1 && (code < ownCodes.first || code > ownCodes.last)) {
      const message = `The code ${code} would not reach the client; use 1 or a code from ${ownCodes.first} to ${ownCodes.last}.`;
      yield { ...positionOf(`rules[${index}].then.deny.code`), rule: rule.id, message };
    }
  }
}

/** A rule on several actions is checked once for each; the same problem is told once. */
function withoutRepeats(problems: readonly PolicyProblem[]): PolicyProblem[] {
  const key = (p: PolicyProblem) => JSON.stringify([p.line, p.column, p.message]);
  return [...new Map(problems.map((p) => [key(p), p])).values()].sort((a, b) => a.line - b.line || a.column - b.column);
}

// Compiles a policy's text into what evaluate.ts runs: everything is checked once, here.
import { createHash } from "node:crypto";
import { RuleMode, Severity, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { ListKind } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { OnError, type Policy, type Rewrite, type Rule } from "../../gen/gatehouse/v1/policy_pb.ts";
import type { MessageEdit } from "../elements/rewrite-message.ts";
import { didYouMean } from "../nearest.ts";
import { compileRewrite } from "./compile-rewrite.ts";
import { type Condition, createConditionCompiler } from "./condition.ts";
import type { DeclaredLists, RateUse } from "./condition-calls.ts";
import { maxProblems, type PolicyDocument, type Position, readPolicyDocument } from "./document.ts";
import { compileMessage, type MessageOf, type MessageSource } from "./message.ts";
import type { PolicyProblem } from "./problems.ts";
import type { CompiledEffect, CompiledRule, Program } from "./program.ts";
import { unreachableRules } from "./reachable.ts";
import { runAtOnce, type Steps } from "./steps.ts";
import { commonFields, type EffectName, type FieldSpec, type SubjectCase, subjectNames, subjectSpecs } from "./vocabulary.ts";

/** A policy that passed every check. Immutable. */
export interface CompiledPolicy {
  /** The lower-case hexadecimal SHA-256 of the text. */
  readonly version: string;
  readonly name: string;
  readonly text: string;
  /** What the text says. */
  readonly source: Policy;
  /** Where the value at a path such as `rules[3].when` stands in the text. */
  positionOf(path: string): Position;
  /** The lists that it declares. */
  readonly lists: readonly { name: string; kind: ListKind }[];
  /** The kinds of those lists, by name. */
  readonly listKinds: DeclaredLists;
  readonly programs: Readonly<Record<SubjectCase, Program>>;
  /** Every distinct count that its rules ask rate() for. */
  readonly rates: readonly RateUse[];
  /** The signals that its rules name, with where they stand in the text. */
  readonly signals: readonly NamedSignal[];
  /** The functions by which its rules ask the world. */
  readonly asks: ReadonlySet<string>;
}

/** A signal that a rule names. */
export interface NamedSignal extends Position {
  signal: string;
  rule: string;
}

/** What a policy's own codes must lie in. From "Before a Official Channel Is Created": 120001 to 130000, or 1. */
const ownCodes = { first: 120001, last: 130000 };

/** What became of a text: either a policy or at least one problem; all problems at once. */
export type Compiled = { policy: CompiledPolicy; problems: [] } | { policy: undefined; problems: PolicyProblem[] };

/** Compiles a text at once, which can take a second for the largest. */
export function compilePolicy(text: string): Compiled {
  return runAtOnce(compileInSteps(text));
}

/** Compiles a text in steps. */
export function* compileInSteps(text: string): Steps<Compiled> {
  const { document, problems } = yield* readPolicyDocument(text);
  if (document === undefined) return { policy: undefined, problems };
  const { policy: source } = document;
  const lists: DeclaredLists = new Map(Object.entries(source.lists).map(([name, { kind }]) => [name, kind || ListKind.EXACT]));
  problems.push(...duplicateIds(document));
  const programs = {} as Record<SubjectCase, Program>;
  for (const subject of Object.keys(subjectSpecs) as SubjectCase[]) {
    const rules = yield* compileRules(document, subject, lists, problems);
    const asksSignals = rules.some(({ condition }) => condition !== undefined && condition.signals.length > 0);
    programs[subject] = { deniedByDefault: isDeniedByDefault(source, subject), rules, asksSignals };
  }
  for (const [index, rule] of source.rules.entries()) {
    problems.push(...checkRule(document, rule, index));
    yield;
  }
  if (problems.length === 0) problems.push(...unreachableRules(document, programs));
  if (problems.length > 0) return { policy: undefined, problems: withoutRepeats(problems).slice(0, maxProblems) };
  const policy: CompiledPolicy = {
    version: createHash("sha256").update(text).digest("hex"),
    name: source.name,
    text,
    source,
    positionOf: document.positionOf,
    lists: [...lists].map(([name, kind]) => ({ name, kind })),
    listKinds: lists,
    programs,
    rates: distinctRates(programs),
    signals: namedSignals(document, programs),
    asks: new Set(Object.values(programs).flatMap(({ rules }) => rules.flatMap((rule) => [...(rule.condition?.asks ?? [])]))),
  };
  return { policy, problems: [] };
}

/** The rules of a policy for one subject; what is wrong with them is added to `problems`. */
function* compileRules(
  document: PolicyDocument,
  subject: SubjectCase,
  lists: DeclaredLists,
  problems: PolicyProblem[],
): Steps<CompiledRule[]> {
  const spec = subjectSpecs[subject];
  const fields = { ...commonFields, ...spec.fields };
  const compiler = createConditionCompiler(fields, lists);

  function compileRule(rule: Rule, index: number): CompiledRule | undefined {
    const complain = (place: string, message: string, offset?: number) =>
      problems.push({ ...document.positionOf(`rules[${index}].${place}`, offset), rule: rule.id, message });
    let condition: Condition | undefined;
    if (rule.when !== "") {
      const compiled = compiler.compile(rule.when);
      for (const problem of compiled.problems) complain("when", problem.message + inWhich(rule, spec.name), problem.offset);
      condition = compiled.condition;
    }
    const { each } = spec;
    const forEach = each !== undefined && (rule.then?.effect.case === "refuse" || condition?.reads(each.field) === true);
    // A rule that is asked but once has nobody to name.
    const nameable = each === undefined || forEach || (rule.when !== "" && condition === undefined) ? fields : without(fields, each.field);
    const messageOf = (source: MessageSource, effect: string) => {
      const compiled = compileMessage(source, nameable);
      for (const problem of compiled.problems) complain(`then.${effect}.${problem.place}`, problem.message, problem.offset);
      return compiled.messageOf;
    };
    const editOf = (source: Rewrite) => {
      const { edit, problems: ofRewrite } = compileRewrite(source, lists);
      for (const { place, message } of ofRewrite) complain(place === "" ? "then.rewrite" : `then.rewrite.${place}`, message);
      return edit;
    };
    const effect = compileEffect(rule, spec.isEvent, messageOf, editOf);
    if (effect === undefined) return undefined;
    const written = rule.then?.effect.case as EffectName;
    if (!spec.effects.includes(written)) {
      complain("then", `${spec.name} cannot have the effect ${written}; it can have ${spec.effects.join(", ")}.`);
    }
    return {
      id: rule.id,
      index,
      condition,
      forEach,
      effect,
      shadow: rule.mode === RuleMode.SHADOW,
      skipOnError: rule.onError === OnError.SKIP,
      labels: rule.labels,
    };
  }

  const rules: CompiledRule[] = [];
  for (const [index, rule] of document.policy.rules.entries()) {
    if (!rule.on.includes(spec.name)) continue;
    const compiled = compileRule(rule, index);
    if (compiled !== undefined) rules.push(compiled);
    yield;
  }
  return rules;
}

function without(fields: Readonly<Record<string, FieldSpec>>, name: string): Record<string, FieldSpec> {
  return Object.fromEntries(Object.entries(fields).filter(([field]) => field !== name));
}

/** Says of which subject a problem is, where a rule is on several. */
function inWhich(rule: Rule, name: string): string {
  return rule.on.length > 1 ? ` (On ${name}.)` : "";
}

function compileEffect(
  rule: Rule,
  isEvent: boolean,
  messageOf: (source: MessageSource, effect: string) => MessageOf,
  editOf: (source: Rewrite) => MessageEdit,
): CompiledEffect | undefined {
  const effect = rule.then?.effect;
  switch (effect?.case) {
    case "allow":
      return { name: "allow" };
    case "deny":
      if (isEvent) return { name: "flag", severity: Severity.HIGH, messageOf: messageOf(effect.value, "deny") };
      return { name: "deny", code: effect.value.code || 1, messageOf: messageOf(effect.value, "deny") };
    case "refuse":
      return { name: "refuse", messageOf: messageOf(effect.value, "refuse") };
    case "discard":
      return isEvent ? { name: "flag", severity: Severity.HIGH, messageOf: undefined } : { name: "discard" };
    case "rewrite": {
      const edit = editOf(effect.value);
      return isEvent ? { name: "flag", severity: Severity.HIGH, messageOf: undefined } : { name: "rewrite", edit };
    }
    case "flag":
      return { name: "flag", severity: effect.value.severity || Severity.LOW, messageOf: undefined };
    default:
      return undefined;
  }
}

function isDeniedByDefault(policy: Policy, subject: SubjectCase): boolean {
  const verdicts: Record<string, unknown> = { ...policy.default };
  return verdicts[subject] === Verdict.DENY;
}

function distinctRates(programs: Readonly<Record<SubjectCase, Program>>): RateUse[] {
  const uses = Object.values(programs).flatMap(({ rules }) => rules.flatMap((rule) => rule.condition?.rates ?? []));
  return [...new Map(uses.map((use) => [JSON.stringify([use.action, use.windowMs]), use])).values()];
}

/** A rule on several subjects names its signals once. */
function namedSignals({ positionOf }: PolicyDocument, programs: Readonly<Record<SubjectCase, Program>>): NamedSignal[] {
  const rules = new Map(Object.values(programs).flatMap((program) => program.rules.map((rule) => [rule.index, rule])));
  return [...rules.values()].flatMap(({ id, index, condition }) =>
    (condition?.signals ?? []).map(({ signal, offset }) => ({ signal, rule: id, ...positionOf(`rules[${index}].when`, offset) })),
  );
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

/** What can be said of a rule without knowing a subject. */
function* checkRule({ positionOf }: PolicyDocument, rule: Rule, index: number): Generator<PolicyProblem> {
  for (const [i, name] of rule.on.entries()) {
    if (subjectNames.includes(name)) continue;
    const hint = didYouMean(name, subjectNames) || ` There are: ${subjectNames.join(", ")}.`;
    yield { ...positionOf(`rules[${index}].on[${i}]`), rule: rule.id, message: `There is no action or event "${name}".${hint}` };
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

/** A rule on several subjects is checked once for each; the same problem is told once. */
function withoutRepeats(problems: readonly PolicyProblem[]): PolicyProblem[] {
  const key = (p: PolicyProblem) => JSON.stringify([p.line, p.column, p.message]);
  return [...new Map(problems.map((p) => [key(p), p])).values()].sort((a, b) => a.line - b.line || a.column - b.column);
}

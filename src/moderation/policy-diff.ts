// Tells two policies apart, rule by rule.
import { create, type JsonValue, toJson } from "@bufbuild/protobuf";
import { RuleMode, Severity } from "../../gen/gatehouse/v1/decision_pb.ts";
import { OnError, type Policy, type Rule, RuleSchema } from "../../gen/gatehouse/v1/policy_pb.ts";
import { RuleChange, type RuleDifference, RuleDifferenceSchema } from "../../gen/gatehouse/v1/policy_service_pb.ts";
import { findChanges } from "../text/text-diff.ts";

/**
 * The rules that are not the same: in the order of `to`, then those that only `from` has. A rule that says something else and stands elsewhere
 * is there twice. What is written out and what is meant by leaving it out is the same.
 */
export function diffRules(from: Policy, to: Policy): RuleDifference[] {
  const before = new Map(from.rules.map((rule) => [rule.id, rule]));
  const after = new Map(to.rules.map((rule) => [rule.id, rule]));
  const moved = findMoved([...before.keys()], [...after.keys()]);
  const difference = (rule: string, change: RuleChange, keys: string[] = []) => create(RuleDifferenceSchema, { rule, change, keys });
  return [
    ...[...after].flatMap(([id, rule]) => {
      const earlier = before.get(id);
      if (earlier === undefined) return [difference(id, RuleChange.ADDED)];
      const keys = differingKeys(earlier, rule);
      return [
        ...(keys.length > 0 ? [difference(id, RuleChange.CHANGED, keys)] : []),
        ...(moved.has(id) ? [difference(id, RuleChange.MOVED)] : []),
      ];
    }),
    ...[...before.keys()].flatMap((id) => (after.has(id) ? [] : [difference(id, RuleChange.REMOVED)])),
  ];
}

/** As few ids as explain that those which both have stand in another order. */
function findMoved(before: readonly string[], after: readonly string[]): Set<string> {
  const inBefore = new Set(before);
  const inAfter = new Set(after);
  const common = after.filter((id) => inBefore.has(id));
  const { added } = findChanges(
    before.filter((id) => inAfter.has(id)),
    common,
  );
  return new Set(common.filter((_, index) => added[index] === 1));
}

/** The names of the keys that differ, in the order of the schema. */
function differingKeys(before: Rule, after: Rule): string[] {
  const [a, b] = [toKeys(before), toKeys(after)];
  return RuleSchema.fields.map((field) => field.name).filter((name) => canonical(a[name]) !== canonical(b[name]));
}

function toKeys(rule: Rule): Record<string, JsonValue> {
  return toJson(RuleSchema, spellOut(rule), { useProtoFieldName: true }) as Record<string, JsonValue>;
}

/** The rule with the defaults that it leaves out. */
function spellOut(rule: Rule): Rule {
  const mode = rule.mode || RuleMode.ENFORCE;
  const onError = rule.onError || OnError.APPLY;
  if (rule.then === undefined) return { ...rule, mode, onError };
  return { ...rule, mode, onError, then: { ...rule.then, effect: spellOutEffect(rule.then.effect) } };
}

function spellOutEffect(effect: NonNullable<Rule["then"]>["effect"]): NonNullable<Rule["then"]>["effect"] {
  if (effect.case === "deny") return { case: "deny", value: { ...effect.value, code: effect.value.code || 1 } };
  if (effect.case === "flag") return { case: "flag", value: { ...effect.value, severity: effect.value.severity || Severity.LOW } };
  return effect;
}

/** JSON in which the order of keys does not show. */
function canonical(value: JsonValue | undefined): string {
  return JSON.stringify(value ?? null, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

// Differences between policies, rule by rule.
import { describe, expect, it } from "vitest";
import { RuleChange } from "../../gen/gatehouse/v1/policy_service_pb.ts";
import { diffRules } from "../../src/moderation/policy-diff.ts";
import { readPolicyDocument } from "../../src/policy/document.ts";
import { runAtOnce } from "../../src/policy/steps.ts";

function parse(rules: readonly string[]) {
  const text = `name: t\nrules:\n${rules.map((rule) => `  - { ${rule} }\n`).join("")}`;
  const { document, problems } = runAtOnce(readPolicyDocument(rules.length === 0 ? "name: t\n" : text));
  if (document === undefined || problems.length > 0) throw new Error(JSON.stringify(problems));
  return document.policy;
}

const words = {
  [RuleChange.ADDED]: "added",
  [RuleChange.REMOVED]: "removed",
  [RuleChange.CHANGED]: "changed",
  [RuleChange.MOVED]: "moved",
};

function differences(from: readonly string[], to: readonly string[]): string[] {
  return diffRules(parse(from), parse(to)).map(
    ({ rule, change, keys }) => `${words[change as keyof typeof words]} ${rule}${keys.length === 0 ? "" : `: ${keys.join(", ")}`}`,
  );
}

const rule = (id: string, rest = "then: { allow: {} }") => `id: ${id}, on: [create_account], ${rest}`;

describe("the difference between two policies", () => {
  it.each<[string, string[], string[], string[]]>([
    ["the same rules", [rule("a"), rule("b")], [rule("a"), rule("b")], []],
    ["a rule that is new", [rule("a")], [rule("b"), rule("a")], ["added b"]],
    ["a rule that is gone", [rule("a"), rule("b")], [rule("b")], ["removed a"]],
    ["a condition", [rule("a")], [rule("a", 'when: name == "x", then: { allow: {} }')], ["changed a: when"]],
    [
      "several keys, in the order of the schema",
      [rule("a")],
      [rule("a", "on_error: skip, mode: shadow, then: { deny: {} }, description: d")],
      ["changed a: description, then, mode, on_error"],
    ],
    ["a rule that moved up", [rule("a"), rule("b"), rule("c")], [rule("c"), rule("a"), rule("b")], ["moved c"]],
    [
      "a rule that moved and changed",
      [rule("a"), rule("b"), rule("c")],
      [rule("c", "then: { deny: {} }"), rule("a"), rule("b")],
      ["changed c: then", "moved c"],
    ],
    [
      "rules around which others came and went",
      [rule("a"), rule("x"), rule("b")],
      [rule("a"), rule("y"), rule("b")],
      ["added y", "removed x"],
    ],
    [
      "defaults that are written out",
      [rule("a", "then: { deny: {} }")],
      [rule("a", "mode: enforce, on_error: apply, then: { deny: { code: 1 } }")],
      [],
    ],
    [
      "labels in another order",
      [rule("a", "then: { flag: {} }, labels: { x: a, y: b }")],
      [rule("a", "then: { flag: { severity: low } }, labels: { y: b, x: a }")],
      [],
    ],
    ["no rules", [], [], []],
    ["all rules", [], [rule("a"), rule("b")], ["added a", "added b"]],
  ])("of %s", (_name, from, to, wanted) => {
    expect(differences(from, to)).toEqual(wanted);
  });
});

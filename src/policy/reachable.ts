// Finds rules that can never take effect.

import type { PolicyDocument } from "./document.ts";
import type { PolicyProblem } from "./problems.ts";
import { type CompiledRule, type Program, settles } from "./program.ts";
import { type SubjectCase, subjectSpecs } from "./vocabulary.ts";

/** A problem for each rule that never holds, or that an earlier rule keeps from ever being asked on anything it is on. */
export function* unreachableRules(
  { policy, positionOf }: PolicyDocument,
  programs: Readonly<Record<SubjectCase, Program>>,
): Generator<PolicyProblem> {
  for (const [index, rule] of policy.rules.entries()) {
    const blockers = Object.entries(subjectSpecs).flatMap(([subject, spec]) =>
      rule.on.includes(spec.name) ? [blockerOf(programs[subject as SubjectCase].rules, index)] : [],
    );
    const [blocker] = blockers;
    if (blocker !== undefined && blockers.every((one) => one !== undefined)) {
      const { line } = positionOf(`rules[${blocker.index}].id`);
      const message = `This rule is never asked: "${blocker.id}" on line ${line} always holds and ends it before.`;
      yield { ...positionOf(`rules[${index}].id`), rule: rule.id, message };
    }
    const compiled = Object.values(programs).flatMap(({ rules }) => rules.filter((candidate) => candidate.index === index));
    if (compiled.some(({ condition }) => condition?.constant === false)) {
      yield { ...positionOf(`rules[${index}].when`), rule: rule.id, message: "This condition never holds; remove the rule." };
    }
  }
}

/** The first rule before `index` that always holds, counts, and ends what it is asked about. */
function blockerOf(rules: readonly CompiledRule[], index: number): CompiledRule | undefined {
  return rules.find(
    (rule) =>
      rule.index < index && !rule.shadow && settles(rule.effect) && (rule.condition === undefined || rule.condition.constant === true),
  );
}

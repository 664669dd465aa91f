// What holds for every policy, question and world.
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Fact, RuleMode, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import type { CompiledPolicy } from "../../src/policy/compile.ts";
import { type AskedRule, evaluate, type Outcome, type Question } from "../../src/policy/evaluate.ts";
import { explain } from "../../src/policy/explain.ts";
import type { Facts } from "../../src/policy/functions.ts";
import { subjectSpecs } from "../../src/policy/vocabulary.ts";
import { createLiveWorld } from "../../src/policy/world.ts";
import { compileRules, facts, question, type WrittenRule, writtenDefaults, writtenRule, writtenRules } from "./generated.ts";

function ask(policy: CompiledPolicy, asked: Question, world: Facts): { outcome: Outcome; noted: Fact[]; rules: AskedRule[] } {
  const noted: Fact[] = [];
  const rules: AskedRule[] = [];
  const outcome = evaluate(policy, asked, createLiveWorld(world, noted), (rule) => rules.push(rule));
  return { outcome, noted, rules };
}

/** What a caller is told. */
const answerOf = ({ verdict, code, message, refused, rewrite }: Outcome) => ({ verdict, code, message, refused, rewrite });

test("evidence is in the declared order, and only of rules on the subject", () => {
  fc.assert(
    fc.property(writtenRules, writtenDefaults, question, facts, (rules, defaults, asked, world) => {
      const { outcome } = ask(compileRules(rules, defaults), asked, world);
      const places = outcome.matches.map(({ rule }) => rules.findIndex(({ id }) => id === rule));
      expect(places).toEqual(places.toSorted((a, b) => a - b));
      for (const place of places) expect(rules[place]?.on).toContain(subjectSpecs[asked.subject.case].name);
    }),
  );
});

test("rules in shadow mode, wherever they are put, change no answer", () => {
  const shadowRule = fc.tuple(fc.nat(), writtenRule(fc.constant("shadow")));
  fc.assert(
    fc.property(writtenRules, fc.array(shadowRule, { minLength: 1, maxLength: 6 }), question, facts, (rules, added, asked, world) => {
      const withShadow: WrittenRule[] = [...rules];
      for (const [index, [place, rule]] of added.entries())
        withShadow.splice(place % (withShadow.length + 1), 0, { id: `s${index}`, ...rule });
      const before = ask(compileRules(rules), asked, world).outcome;
      const after = ask(compileRules(withShadow), asked, world).outcome;
      expect(answerOf(after)).toEqual(answerOf(before));
      expect(after.matches.filter(({ rule }) => !rule.startsWith("s"))).toEqual(before.matches);
      for (const match of after.matches) if (match.rule.startsWith("s")) expect(match.mode).toBe(RuleMode.SHADOW);
    }),
  );
});

test("rules that are not on the subject change nothing", () => {
  fc.assert(
    fc.property(writtenRules, writtenDefaults, question, facts, (rules, defaults, asked, world) => {
      const pruned = rules.filter(({ on }) => on.includes(subjectSpecs[asked.subject.case].name));
      expect(ask(compileRules(pruned, defaults), asked, world)).toMatchObject({
        outcome: ask(compileRules(rules, defaults), asked, world).outcome,
      });
    }),
  );
});

test("a rule that cannot be evaluated is never skipped in silence", () => {
  fc.assert(
    fc.property(writtenRules, question, facts, (written, asked, world) => {
      const { outcome, rules } = ask(compileRules(written), asked, world);
      for (const { rule, item, error } of rules) {
        if (error === "") continue;
        const match = outcome.matches.find((one) => one.rule === rule.id && one.subscriber === item);
        expect(match).toMatchObject({ error, skipped: rule.skipOnError });
      }
    }),
  );
});

test("what was noted explains the same outcome, and tells every rule on the subject", () => {
  fc.assert(
    fc.property(writtenRules, writtenDefaults, question, facts, (rules, defaults, asked, world) => {
      const policy = compileRules(rules, defaults);
      const { outcome, noted } = ask(policy, asked, world);
      const explanation = explain(policy, asked, noted);
      expect(explanation.outcome).toEqual(outcome);
      const on = rules.filter((rule) => rule.on.includes(subjectSpecs[asked.subject.case].name)).map(({ id }) => id);
      expect(new Set(explanation.rules.map(({ rule }) => rule))).toEqual(new Set(on));
    }),
  );
});

test("refusals are of those in the request, each once, in its order, and only under an allow", () => {
  fc.assert(
    fc.property(writtenRules, writtenDefaults, question, facts, (rules, defaults, asked, world) => {
      const { outcome } = ask(compileRules(rules, defaults), asked, world);
      const items = asked.subject.case === "addSubscribers" ? [...new Set(asked.subject.value.subscribers)] : [];
      const refused = outcome.refused.map(({ subscriber }) => subscriber);
      expect(refused).toEqual(items.filter((item) => refused.includes(item)));
      if (outcome.verdict !== Verdict.ALLOW) expect(refused).toEqual([]);
      expect(outcome.code === 0).toBe(outcome.verdict === Verdict.ALLOW);
    }),
  );
});

test("an event is always allowed", () => {
  fc.assert(
    fc.property(writtenRules, question, facts, (rules, asked, world) => {
      fc.pre(subjectSpecs[asked.subject.case].isEvent);
      expect(answerOf(ask(compileRules(rules), asked, world).outcome)).toEqual({
        verdict: Verdict.ALLOW,
        code: 0,
        message: "",
        refused: [],
      });
    }),
  );
});

// Runs the tests of a policy. Pure: the same policy and suite give the same results.

import { create } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Effect, type Fact, RuleMode, Severity, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { OriginSchema } from "../../gen/gatehouse/v1/origin_pb.ts";
import type { PolicyTest, SuiteWant, SuiteWorld } from "../../gen/gatehouse/v1/policy_suite_pb.ts";
import { messageText } from "../elements/element-texts.ts";
import { rewrittenElements } from "../elements/rewrite-message.ts";
import type { CompiledPolicy } from "./compile.ts";
import { evaluate, type Outcome, type Question } from "./evaluate.ts";
import { type Explanation, explain } from "./explain.ts";
import { type Suite, subjectOf } from "./suite.ts";
import { type Coverage, createCoverageCounter } from "./suite-coverage.ts";
import { createSuiteFacts, createSuiteSignals } from "./suite-facts.ts";
import { createLiveWorld } from "./world.ts";

/** A part of the answer that is not as wanted, both as text. */
export interface Difference {
  /** What of the answer, as the suite calls it, such as `verdict`. */
  part: string;
  want: string;
  got: string;
}

/** What became of one test. */
export interface TestResult {
  name: string;
  /** Where its name stands in the suite. */
  line: number;
  question: Question;
  outcome: Outcome;
  /** None: it passed. */
  differences: Difference[];
  /** Tells the decision rule by rule. */
  explain(): Explanation;
}

/** What became of a suite. */
export interface SuiteResult {
  tests: TestResult[];
  coverage: Coverage;
}

const defaults = { nowMs: Date.UTC(2026, 0, 1), appId: 1400000000 };

/** Runs the tests of a suite that fits the policy. */
export function runSuite(policy: CompiledPolicy, suite: Suite): SuiteResult {
  const factsOf = createSuiteFacts(policy.listKinds, suite.source.given);
  const signalsOf = createSuiteSignals(suite.source.given);
  const counter = createCoverageCounter(policy);
  const tests = suite.source.tests.map((test, index): TestResult => {
    const question = questionOf(test, suite.source.given);
    const noted: Fact[] = [];
    const world = createLiveWorld(factsOf(test.given), noted, signalsOf(test.given));
    const outcome = evaluate(policy, question, world, counter.asked);
    counter.answered(question, outcome);
    return {
      name: test.name,
      line: suite.positionOf(`tests[${index}].name`).line,
      question,
      outcome,
      differences: test.want === undefined ? [] : [...compare(test.want, outcome), ...compareMessage(test.want, question, outcome)],
      explain: () => explain(policy, question, noted),
    };
  });
  return { tests, coverage: counter.coverage() };
}

function questionOf(test: PolicyTest, suite: SuiteWorld | undefined): Question {
  const pick = <K extends keyof SuiteWorld>(key: K): SuiteWorld[K] | undefined => test.given?.[key] ?? suite?.[key];
  const now = pick("now");
  return {
    appId: pick("appId") ?? defaults.appId,
    locale: pick("locale") ?? "",
    origin: create(OriginSchema, { platform: pick("platform") ?? "", clientIp: pick("clientIp") ?? "" }),
    subject: subjectOf(test),
    nowMs: now === undefined ? defaults.nowMs : timestampMs(now),
  };
}

function compare(want: SuiteWant, outcome: Outcome): Difference[] {
  const differences: Difference[] = [];
  const expectNames = (part: string, wanted: readonly string[], got: readonly string[]) => {
    if (JSON.stringify(wanted) !== JSON.stringify(got)) differences.push({ part, want: listed(wanted), got: listed(got) });
  };
  const expect = (part: string, wanted: string, got: string) => {
    if (wanted !== got) differences.push({ part, want: wanted, got });
  };
  if (want.verdict !== Verdict.UNSPECIFIED) expect("verdict", word(Verdict, want.verdict), word(Verdict, outcome.verdict));
  if (want.code !== undefined) expect("code", String(want.code), String(outcome.code));
  if (want.message !== undefined) expect("message", JSON.stringify(want.message), JSON.stringify(outcome.message));
  if (want.refused !== undefined) {
    const refused = outcome.refused.map(({ subscriber }) => subscriber);
    expectNames("refused", [...new Set(want.refused.names)].toSorted(), refused.toSorted());
  }
  if (want.matches !== undefined) expectNames("matches", want.matches.names, labelsOf(outcome, want.matches.names));
  if (want.matchesInclude !== undefined) {
    const got = outcome.matches.flatMap(({ rule, subscriber }) => [rule, `${rule}/${subscriber}`]);
    const missing = want.matchesInclude.names.filter((name) => !got.includes(name));
    if (missing.length > 0) differences.push({ part: "matches_include", want: listed(missing), got: listed(labelsOf(outcome, missing)) });
  }
  if (want.flags !== undefined) {
    const wanted = Object.entries(want.flags.severities).map(([rule, severity]) => `${rule}: ${word(Severity, severity)}`);
    expectNames("flags", wanted.toSorted(), flagsOf(outcome).toSorted());
  }
  return differences;
}

/** What of the message that goes out is not as wanted; nothing goes out unless it is allowed. */
function compareMessage(want: SuiteWant, { subject }: Question, { verdict, rewrite }: Outcome): Difference[] {
  if (subject.case !== "sendMessage") return [];
  const goesOut = verdict === Verdict.ALLOW;
  const elements = goesOut ? rewrittenElements(subject.value.elements, rewrite) : [];
  const customData = goesOut ? (rewrite?.customData ?? subject.value.customData) : "";
  const differences: Difference[] = [];
  const expect = (part: string, wanted: string | undefined, got: string) => {
    if (wanted !== undefined && wanted !== got) differences.push({ part, want: wanted, got });
  };
  expect("text", quoted(want.text), JSON.stringify(messageText(elements)));
  expect("element_types", want.elementTypes && listed(want.elementTypes.names), listed(elements.map(({ type }) => type)));
  expect("custom_data", quoted(want.customData), JSON.stringify(customData));
  return differences;
}

function quoted(text: string | undefined): string | undefined {
  return text === undefined ? undefined : JSON.stringify(text);
}

/** The rules that held: each with its subscriber where the wanted names have that rule so, else once. */
function labelsOf({ matches }: Outcome, wanted: readonly string[]): string[] {
  const bySubscriber = new Set(wanted.flatMap((name) => (name.includes("/") ? [name.slice(0, name.indexOf("/"))] : [])));
  return [
    ...new Set(matches.map(({ rule, subscriber }) => (bySubscriber.has(rule) && subscriber !== "" ? `${rule}/${subscriber}` : rule))),
  ];
}

/** The flags of rules in force, each once. */
function flagsOf({ matches }: Outcome): string[] {
  const counted = matches.filter((match) => match.effect === Effect.FLAG && match.mode === RuleMode.ENFORCE && !match.skipped);
  return [...new Set(counted.map(({ rule, severity }) => `${rule}: ${word(Severity, severity)}`))];
}

function listed(names: readonly string[]): string {
  return `[${names.join(", ")}]`;
}

/** The name of an enum value as a policy writes it. */
function word(values: Readonly<Record<string, number>>, value: number): string {
  return (
    Object.keys(values)
      .find((name) => values[name] === value)
      ?.toLowerCase() ?? String(value)
  );
}

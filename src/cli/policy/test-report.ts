// What became of suites, for people and for programs.
import { type ExpressionValue, RuleResult } from "../../../gen/gatehouse/v1/decision_service_pb.ts";
import type { Question } from "../../policy/evaluate.ts";
import { formatProblems } from "../../policy/problems.ts";
import { type Coverage, percentOf } from "../../policy/suite-coverage.ts";
import type { SuiteResult, TestResult } from "../../policy/suite-run.ts";
import { type SubjectCase, type SubjectSpec, subjectSpecs } from "../../policy/vocabulary.ts";
import { enumWord, safe, table } from "../text.ts";
import type { LoadedSuite } from "./suite-files.ts";

/** A suite and what became of it. */
export interface SuiteRun extends LoadedSuite {
  /** Undefined: it could not be run. */
  result: SuiteResult | undefined;
  /** Whether its tests reach as much of the policy as was demanded. */
  isCoveredEnough: boolean;
}

/** Rules that are told of one failed test. */
const maxToldRules = 40;

const resultWords: Readonly<Record<RuleResult, string>> = {
  [RuleResult.UNSPECIFIED]: "unknown",
  [RuleResult.NOT_HELD]: "not held",
  [RuleResult.HELD]: "HELD",
  [RuleResult.APPLIED_ON_ERROR]: "ERROR, applied",
  [RuleResult.SKIPPED_ON_ERROR]: "ERROR, skipped",
  [RuleResult.NOT_ASKED]: "not asked",
};

/** Whether it could be run, every test passed, and enough is covered. */
export function hasPassed({ result, isCoveredEnough }: SuiteRun): boolean {
  return result !== undefined && isCoveredEnough && result.tests.every(({ differences }) => differences.length === 0);
}

/** A suite for people: what failed and why, and a line that sums it up. */
export function reportText(run: SuiteRun, { showCoverage, minCoverage }: { showCoverage: boolean; minCoverage: number }): string {
  const { suiteFile, policyFile, result, problems } = run;
  if (result === undefined) return problems.map((problem) => `${safe(formatProblems(problem.file, [problem]))}\n`).join("");
  const { coverage, tests } = result;
  const failed = tests.filter(({ differences }) => differences.length > 0);
  const shown = failed.map((test) => `${describeFailure(suiteFile ?? "", test)}\n`).join("");
  const percent = percentOf(coverage);
  const missing = showCoverage || !run.isCoveredEnough ? coverage.missing : [];
  return [
    shown,
    showCoverage ? `${coverageTable(coverage)}\n` : "",
    ...missing.map(({ line, message }) => `${safe(policyFile)}:${line}: ${safe(message)}\n`),
    `${safe(suiteFile ?? "")}: ${countOf(tests.length - failed.length, "passed")}${failed.length === 0 ? "" : `, ${countOf(failed.length, "failed")}`}`,
    `; coverage ${percent} % (${coverage.reached} of ${coverage.outcomes} outcomes)`,
    run.isCoveredEnough ? ".\n" : `, ${minCoverage} % are demanded.\n`,
  ].join("");
}

/** The sum of several suites, in a line. */
export function summarize(runs: readonly SuiteRun[]): string {
  const tests = runs.flatMap(({ result }) => result?.tests ?? []);
  const failed = tests.filter(({ differences }) => differences.length > 0).length;
  const unreadable = runs.filter(({ result }) => result === undefined).length;
  const rest = [failed === 0 ? "" : `, ${countOf(failed, "failed")}`, unreadable === 0 ? "" : `; ${unreadable} could not be run`].join("");
  return `${runs.length} suites: ${countOf(tests.length - failed, "passed")}${rest}.\n`;
}

/** A suite as one line of JSON. */
export function reportJson(run: SuiteRun): string {
  const { policyFile, suiteFile, policy, problems, result } = run;
  const tests = result?.tests.map((test) => ({
    name: test.name,
    line: test.line,
    passed: test.differences.length === 0,
    ...(test.differences.length === 0 ? {} : { differences: test.differences, explanation: explanationOf(test) }),
  }));
  const coverage = result && { percent: percentOf(result.coverage), ...result.coverage };
  const version = policy?.version;
  return `${JSON.stringify({ policy: policyFile, suite: suiteFile, version, passed: hasPassed(run), problems, tests, coverage })}\n`;
}

/** One failed test: where it stands, what was asked, what differs, and the decision rule by rule. */
export function describeFailure(suiteFile: string, test: TestResult): string {
  const { rules, conclusion } = test.explain();
  const asked = rules.filter(({ result }) => result !== RuleResult.NOT_ASKED);
  const [told, rest] = [asked.slice(0, maxToldRules), asked.slice(maxToldRules)];
  const rows = told.map(({ rule, subscriber, result, line, values, error }) => [
    resultWords[result] ?? "unknown",
    safe(subscriber === "" ? rule : `${rule}/${subscriber}`),
    `line ${line}`,
    safe(error === "" ? describeValues(values) : error),
  ]);
  const notAsked = rules.length - asked.length;
  return [
    `FAIL  ${safe(suiteFile)}:${test.line}: ${safe(test.name)}\n`,
    `      asked    ${describeQuestion(test.question)}\n`,
    ...test.differences.map(({ part, want, got }) => `      ${part.padEnd(8)} want ${safe(want)}, got ${safe(got)}\n`),
    `      ${safe(conclusion)}\n`,
    rows.length === 0 ? "" : indent(8, table(["", "RULE", "", "BECAUSE"], rows)),
    rest.length === 0 ? "" : `        … and ${rest.length} more that were asked\n`,
    notAsked === 0 ? "" : `        ${notAsked} ${notAsked === 1 ? "rule was" : "rules were"} not asked any more\n`,
  ].join("");
}

/** The values of a condition's parts; fields that only stand inside of calls are in the question already. */
function describeValues(values: readonly ExpressionValue[]): string {
  const isWithinAnother = (field: string) =>
    values.some(({ expression }) => expression !== field && new RegExp(`\\b${field}\\b`).test(expression));
  const told = values.filter(({ expression }) => !/^\w+$/.test(expression) || !isWithinAnother(expression));
  return told.map(({ expression, value }) => `${expression} = ${shorten(value)}`).join(", ");
}

/** The question in the policy's words. */
function describeQuestion({ subject, appId, origin, locale, nowMs }: Question): string {
  const spec = subjectSpecs[subject.case] as SubjectSpec<SubjectCase>;
  const given: [string, unknown][] = [
    ...Object.entries(spec.read(subject.value as never)),
    ["app_id", appId],
    ["platform", origin?.platform],
    ["client_ip", origin?.clientIp],
    ["locale", locale],
    ["now", new Date(nowMs).toISOString()],
  ];
  const parts = given.flatMap(([name, value]) => {
    const text = value === undefined || value === "" ? "" : JSON.stringify(value);
    return text === "" || text === "[]" ? [] : [`${name} ${shorten(text)}`];
  });
  return `${spec.name}: ${safe(parts.join(", "))}`;
}

function coverageTable({ rules, defaults }: Coverage): string {
  const rows = [
    ...rules.map(({ rule, subject, line, held, notHeld, errors, canFail }) => [
      safe(rule),
      subject,
      String(line),
      String(held),
      canFail ? String(notHeld) : "-",
      String(errors),
    ]),
    ...defaults.map(({ action, line, reached }) => ["(default)", action, String(line), String(reached), "-", "-"]),
  ];
  return table(["RULE", "ON", "LINE", "HELD", "NOT HELD", "ERRORS"], rows);
}

function explanationOf(test: TestResult) {
  const { rules, conclusion } = test.explain();
  return {
    conclusion,
    rules: rules.map(({ rule, line, subscriber, result, values, error }) => ({
      rule,
      line,
      subscriber,
      result: enumWord(RuleResult, result),
      values: values.map(({ expression, value }) => ({ expression, value })),
      error,
    })),
  };
}

function countOf(count: number, what: string): string {
  return `${count} ${what}`;
}

function shorten(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 200)}…`;
}

function indent(columns: number, text: string): string {
  return text.replace(/^(?=.)/gm, " ".repeat(columns));
}

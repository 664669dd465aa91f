// Results of suites as JUnit XML, which continuous integration reads.
import { formatProblems } from "../../policy/problems.ts";
import type { TestResult } from "../../policy/suite-run.ts";
import { safe } from "../text.ts";
import { describeFailure, type SuiteRun } from "./test-report.ts";

/** A document with one testsuite for each suite; a suite that could not be run is one test with an error. */
export function junitXml(runs: readonly SuiteRun[]): string {
  const suites = runs.map(suiteXml).join("");
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites${counts(runs)}>\n${suites}</testsuites>\n`;
}

function suiteXml(run: SuiteRun): string {
  const { suiteFile, policyFile, problems, result } = run;
  const cases =
    result === undefined
      ? errorXml(policyFile, problems.map((problem) => formatProblems(problem.file, [problem])).join("\n"))
      : result.tests.map((test) => caseXml(suiteFile ?? "", test)).join("");
  return `  <testsuite name="${escapeXml(suiteFile ?? policyFile)}"${counts([run])}>\n${cases}  </testsuite>\n`;
}

function caseXml(suiteFile: string, test: TestResult): string {
  const opening = `    <testcase name="${escapeXml(test.name)}" classname="${escapeXml(suiteFile)}" file="${escapeXml(suiteFile)}" line="${test.line}"`;
  if (test.differences.length === 0) return `${opening}/>\n`;
  const message = test.differences.map(({ part, want, got }) => `${part}: want ${want}, got ${got}`).join("; ");
  const text = describeFailure(suiteFile, test).split("\n").map(escapeXml).join("\n");
  return `${opening}>\n      <failure message="${escapeXml(message)}">${text}</failure>\n    </testcase>\n`;
}

function errorXml(policyFile: string, text: string): string {
  const lines = text.split("\n").map(escapeXml);
  return `    <testcase name="can be run" classname="${escapeXml(policyFile)}">\n      <error message="${lines[0]}">${lines.join("\n")}</error>\n    </testcase>\n`;
}

function counts(runs: readonly SuiteRun[]): string {
  const tests = runs.flatMap(({ result }) => result?.tests ?? []);
  const failures = tests.filter(({ differences }) => differences.length > 0).length;
  const errors = runs.filter(({ result }) => result === undefined).length;
  return ` tests="${tests.length + errors}" failures="${failures}" errors="${errors}"`;
}

/** A text of one line for XML, with everything that XML cannot hold or that does not show as itself written as an escape. */
function escapeXml(text: string): string {
  return safe(text)
    .replace(/[\uFFFE\uFFFF]/g, (character) => `\\u{${character.charCodeAt(0).toString(16)}}`)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

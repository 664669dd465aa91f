// docs/policy.md says of the language what the language is.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readConfig } from "../../src/config.ts";
import { maxSignalTextBytes } from "../../src/moderation/signals.ts";
import { compilePolicy } from "../../src/policy/compile.ts";
import { maxPolicyLength } from "../../src/policy/document.ts";
import { functionSpecs } from "../../src/policy/functions.ts";
import { checkSuite, readSuite } from "../../src/policy/suite.ts";
import { runSuite } from "../../src/policy/suite-run.ts";
import { commonFields, type FieldSpec, subjectSpecs } from "../../src/policy/vocabulary.ts";
import { maxGlobLength } from "../../src/text/glob.ts";
import { regexLimits } from "../../src/text/linear-regex.ts";
import { normalize } from "../../src/text/normalize.ts";
import { maxPhraseLength } from "../../src/text/phrase-matcher.ts";
import { skeleton } from "../../src/text/skeleton.ts";

const page = readFileSync("docs/policy.md", "utf8");

/** The rows of the table with these headings. */
function rowsOf(headings: string): string[] {
  const start = page.indexOf(`${headings}\n`);
  expect(start).toBeGreaterThanOrEqual(0);
  const lines = page.slice(start).split("\n").slice(2);
  return lines.slice(
    0,
    lines.findIndex((line) => !line.startsWith("|")),
  );
}

const examples = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => text ?? "");

describe("docs/policy.md", () => {
  it("has every function", () => {
    expect(rowsOf("| function | meaning | example |")).toEqual(
      Object.values(functionSpecs).map(({ signature, overloads = [], meaning, example }) => {
        const signatures = [signature, ...overloads].map((one) => `\`${one}\``).join("<br>");
        return `| ${signatures} | ${meaning} | \`${example}\` |`;
      }),
    );
  });

  it("has every field of every action and event", () => {
    const rows = (on: string, fields: Record<string, FieldSpec>) =>
      Object.entries(fields).map(
        ([name, { type, meaning }]) => `| ${on} | \`${name}\` | ${type.replace("google.protobuf.Timestamp", "timestamp")} | ${meaning} |`,
      );
    expect(rowsOf("| on | field | type | meaning |")).toEqual([
      ...rows("everything", commonFields),
      ...Object.values(subjectSpecs).flatMap(({ name, fields }) => rows(`\`${name}\``, fields)),
    ]);
  });

  it("has example policies and settings, and a suite that passes on the first policy", () => {
    const [policyText = "", messagesText = "", settingsText = "", signalsText = "", suiteText = ""] = examples;
    expect(compilePolicy(messagesText).problems).toEqual([]);
    const { config } = readConfig({ GATEHOUSE_APPS: "5" }, settingsText, "example");
    expect(compilePolicy(signalsText).policy?.signals.map(({ signal }) => signal)).toEqual(config?.signals.map(({ name }) => name));
    const { policy, problems } = compilePolicy(policyText);
    expect(problems).toEqual([]);
    const { suite, problems: suiteProblems } = readSuite(suiteText);
    expect(suiteProblems).toEqual([]);
    if (policy === undefined || suite === undefined) return;
    expect(checkSuite(suite, policy)).toEqual([]);
    expect(runSuite(policy, suite).tests.flatMap(({ name, differences }) => differences.map((one) => ({ name, ...one })))).toEqual([]);
  });

  it("shows what normalize() and skeleton() make of names", () => {
    const rows = rowsOf("| written | `normalize()` | `skeleton()` |");
    expect(rows.length).toBeGreaterThan(3);
    for (const row of rows) {
      const [written = "", normal, looks] = [...row.matchAll(/`([^`]+)`/g)].map(([, text]) => text);
      expect([normal, looks]).toEqual([normalize(written), skeleton(written)]);
    }
  });

  it("has the limits", () => {
    const limits = rowsOf("| what | at most |").join("\n");
    expect(limits).toContain(`| ${maxPolicyLength.toLocaleString("en")} characters |`);
    expect(limits).toContain(`| ${maxSignalTextBytes.toLocaleString("en")} bytes |`);
    expect(limits).toContain(`| ${regexLimits.maxLength}, ${maxGlobLength}, ${maxPhraseLength} characters |`);
  });
});

// Policies that are wrong, and what is said of them.
import { describe, expect, it } from "vitest";
import { compilePolicy } from "../../src/policy/compile.ts";
import { formatProblems } from "../../src/policy/problems.ts";
import { wrongConditions } from "./wrong-conditions.ts";
import { wrongDocuments } from "./wrong-documents.ts";
import { rule } from "./wrong-policy.ts";

describe("a wrong policy", () => {
  it.each([...wrongDocuments, ...wrongConditions])("with %s is refused, and says why and where", (_name, text, problems) => {
    const compiled = compilePolicy(text);
    expect(compiled.policy).toBeUndefined();
    expect(formatProblems("p", compiled.problems).split("\n")).toEqual(problems);
  });

  it("tells all its problems at once", () => {
    const { problems } = compilePolicy(
      `${rule("    when: nam == ''\n    then: { deny: { code: 3 } }")}\n  - id: a\n    on: [x]\n    then: { flag: {} }`,
    );
    expect(problems.map(({ line, column }) => [line, column])).toEqual([
      [6, 11],
      [7, 27],
      [8, 9],
      [9, 10],
    ]);
  });
});

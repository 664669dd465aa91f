// The recipes in docs/cookbook do what their suites say, are covered whole, and are all in its table of contents.
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { compilePolicy } from "../../src/policy/compile.ts";
import { checkSuite, readSuite } from "../../src/policy/suite.ts";
import { runSuite } from "../../src/policy/suite-run.ts";

const folder = "docs/cookbook";
const recipes = readdirSync(folder).flatMap((file) => (/^\d\d-.*(?<!\.test)\.yaml$/.test(file) ? [file.replace(".yaml", "")] : []));
const read = (file: string) => readFileSync(`${folder}/${file}`, "utf8");

test.each(recipes)("%s", (recipe) => {
  const { policy, problems } = compilePolicy(read(`${recipe}.yaml`));
  expect(problems).toEqual([]);
  const { suite, problems: suiteProblems } = readSuite(read(`${recipe}.test.yaml`));
  expect(suiteProblems).toEqual([]);
  if (policy === undefined || suite === undefined) return;
  expect(checkSuite(suite, policy)).toEqual([]);
  const { tests, coverage } = runSuite(policy, suite);
  for (const { name, differences } of tests) expect({ name, differences }).toEqual({ name, differences: [] });
  expect(coverage.missing).toEqual([]);
});

test("the table of contents names every recipe, and no other", () => {
  const linked = [...read("README.md").matchAll(/\]\((\d\d-[\w-]+)\.yaml\)/g)].map(([, name]) => name);
  expect(linked).toEqual(recipes);
  expect(recipes.length).toBeGreaterThanOrEqual(10);
});

// `gatehouse policy functions`: it shows all there is, and what it shows works.
import { expect, test } from "vitest";
import { celBuiltIns } from "../../src/policy/cel-built-ins.ts";
import { compilePolicy } from "../../src/policy/compile.ts";
import { functionSpecs } from "../../src/policy/functions.ts";
import { commonFields, subjectSpecs } from "../../src/policy/vocabulary.ts";
import { gatehouse } from "./harness.ts";

test("every function with its example, and every field of every subject, is shown", async () => {
  const { code, stdout } = await gatehouse(["policy", "functions"]);
  expect(code).toBe(0);
  for (const { signature, example } of Object.values(functionSpecs)) {
    expect(stdout).toContain(`  ${signature}\n`);
    expect(stdout).toContain(`      ${example}\n`);
  }
  for (const field of Object.keys(commonFields)) expect(stdout).toMatch(new RegExp(`^  ${field} +\\w`, "m"));
  for (const { name, fields } of Object.values(subjectSpecs)) {
    const section = stdout.slice(stdout.indexOf(`\n${name} (`));
    for (const field of Object.keys(fields)) expect(section).toMatch(new RegExp(`^  ${field} +\\w`, "m"));
  }
  for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(130);
});

test("--json has the same", async () => {
  const { stdout } = await gatehouse(["policy", "functions", "--json"]);
  const told = JSON.parse(stdout);
  expect(told.functions.map((one: { name: string }) => one.name)).toEqual(Object.keys(functionSpecs));
  expect(told.subjects.map((one: { name: string }) => one.name)).toEqual(Object.values(subjectSpecs).map(({ name }) => name));
});

const compiles = (when: string) =>
  compilePolicy(
    JSON.stringify({
      name: "x",
      lists: { staff: {}, bad_hosts: {}, protected_names: { kind: "pattern" } },
      rules: [{ id: "a", on: [subjectOf(when)], when, then: { flag: {} } }],
    }),
  ).problems;

/** An action that has the fields of an example. */
function subjectOf(when: string): string {
  if (/\btext|\blinks/.test(when)) return "send_message";
  return /name|owner/.test(when) ? "create_account" : "add_subscribers";
}

test.each(Object.values(functionSpecs).map(({ example }) => example))("the example %s is good", (example) => {
  expect(compiles(example).filter(({ message }) => !message.startsWith("A condition must be true or false"))).toEqual([]);
});

const texts: Partial<Record<(typeof celBuiltIns.ofTexts)[number], string>> = {
  indexOf: '.indexOf("x") == 1',
  lastIndexOf: '.lastIndexOf("x") == 1',
  substring: '.substring(1) == "x"',
  split: '.split("x") == ["x"]',
  trim: '.trim() == "x"',
  lowerAscii: '.lowerAscii() == "x"',
  upperAscii: '.upperAscii() == "x"',
  size: ".size() == 1",
};
const lists: Partial<Record<(typeof celBuiltIns.ofLists)[number], string>> = {
  filter: '.filter(one, one == "x") == ["x"]',
  map: ".map(one, size(one)) == [1]",
  join: '.join(",") == "x"',
  size: ".size() == 1",
};

test.each([
  ...celBuiltIns.ofTexts.map((one) => `name${texts[one] ?? `.${one}("x")`}`),
  ...celBuiltIns.ofLists.map((one) => `subscribers${lists[one] ?? `.${one}(one, one == "x")`}`),
  ...celBuiltIns.ofTimes.flatMap((one) => [`now.${one}() == 1`, `now.${one}("Asia/Shanghai") == 1`]),
  ...celBuiltIns.functions.map(
    (one) =>
      ({
        size: "size(name) == 1",
        int: "int(name) == 1",
        uint: "uint(name) == uint(1)",
        double: "double(name) == 1.0",
        string: 'string(size(name)) == "1"',
        bool: "bool(name)",
        timestamp: 'now > timestamp("2026-01-01T00:00:00Z")',
        duration: 'now - timestamp("2026-01-01T00:00:00Z") > duration("1h")',
      })[one],
  ),
])("of CEL itself, %s works", (when) => {
  expect(compiles(when)).toEqual([]);
});

// `gatehouse policy check`: what it says of good and bad files, in every format.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { gatehouse } from "./harness.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-policy-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

const run = async (...args: string[]) => {
  const { code, stdout, stderr } = await gatehouse(["policy", "check", ...args]);
  return { code, stdout: stdout.replaceAll(`${folder}/`, ""), stderr: stderr.replaceAll(`${folder}/`, "") };
};

const bad = `name: x
rules:
  - id: a
    on: [create_account]
    when: |
      size(name) > 3 &&
        nam == "x"
    then: { deny: { code: 3 } }
`;

test("good files are summed up", async () => {
  const { code, stdout, stderr } = await run("config/policy.yaml", "docs/cookbook");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^config\/policy\.yaml: good; 8 rules, \d+ tests, version [0-9a-f]{12}\.\ndocs\/cookbook\/01-/);
});

test("every problem of every file is told with its place", async () => {
  writeFileSync(join(folder, "bad.yaml"), bad);
  writeFileSync(join(folder, "suite.yaml"), "name: x\n");
  writeFileSync(join(folder, "suite.test.yaml"), "tests:\n  - name: a\n    want: { verdict: maybe }\n");
  expect(await run(join(folder, "bad.yaml"), join(folder, "suite.yaml"), join(folder, "suite.test.yaml"))).toEqual({
    code: 1,
    stdout: `bad.yaml:7:9: rule "a": There is no field "nam" here. Did you mean "name"?
bad.yaml:8:27: rule "a": The code 3 would not reach the client; use 1 or a code from 120001 to 130000.
suite.test.yaml:3:22: tests[0].want.verdict must be one of allow, deny, discard, not "maybe".
`,
    stderr: "3 problems.\n",
  });
});

test("--json gives a line for each problem", async () => {
  writeFileSync(join(folder, "bad.yaml"), bad);
  const { code, stdout, stderr } = await run(join(folder, "bad.yaml"), "--json");
  expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
  expect(
    stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line)),
  ).toMatchObject([
    { file: "bad.yaml", line: 7, column: 9, rule: "a", message: 'There is no field "nam" here. Did you mean "name"?' },
    { line: 8 },
  ]);
});

test("--format github gives annotations", async () => {
  const file = join(folder, "a,b%.yaml");
  writeFileSync(file, "name: x\n50%: 1\n");
  expect((await run(file, "--format", "github")).stdout).toMatch(/^::error file=a%2Cb%25\.yaml,line=2,col=1::Unknown key "50%25"\./);
});

test("a name in a problem cannot drive the terminal", async () => {
  writeFileSync(join(folder, "p.yaml"), 'name: x\n"a\\e[31m": 1\n');
  expect((await run(join(folder, "p.yaml"))).stdout).toContain('Unknown key "a\\x1b[31m"');
});

test.each([
  [[], 2, /needs at least one file/],
  [["--format", "xml", "x"], 2, /--format must be text or json or github/],
  [["nowhere.yaml"], 1, /nowhere\.yaml cannot be read: there is no such file/],
])("%j ends with %i", async (args, code, message) => {
  const outcome = await run(...args);
  expect(outcome.code).toBe(code);
  expect(outcome.stderr).toMatch(message);
});

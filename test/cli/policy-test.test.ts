// `gatehouse policy test`: what it prints, writes and ends with.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { policyTest } from "../../src/cli/policy/test.ts";
import { gatehouse, nowMs } from "./harness.ts";

const policy = `name: x
lists: { staff: {} }
rules:
  - { id: staff, on: [create_account], when: 'inList(operator, "staff")', then: { allow: {} } }
  - { id: short, on: [create_account], when: size(name) < 3, then: { deny: { code: 120004, message: Too short. } } }
`;
const suite = `given: { lists: { staff: [boss] } }
tests:
  - name: a short name
    create_account: { operator: ann, name: ab }
    want: { verdict: deny, code: 120004 }
  - name: a short name by staff
    create_account: { operator: boss, name: ab }
    want: { verdict: allow, matches: [staff] }
  - name: a long name
    create_account: { operator: ann, name: abc }
    want: { verdict: allow }
`;
const wrongSuite = suite
  .replace("code: 120004", "code: 120005")
  .replace("name: ab }\n    want: { verdict: deny", 'name: "a\\u202e" }\n    want: { verdict: deny');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-policy-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

function write(files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
}

const run = async (...args: string[]) => {
  const { code, stdout, stderr } = await gatehouse(["policy", "test", ...args]);
  return { code, stdout: stdout.replaceAll(`${folder}/`, ""), stderr: stderr.replaceAll(`${folder}/`, "") };
};

describe("policy test", () => {
  test("of nothing named runs the suite of the configured policy", async () => {
    expect(await run()).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^config\/policy\.test\.yaml: \d+ passed; coverage 100 % \(\d+ of \d+ outcomes\)\.\n$/),
      stderr: "",
    });
  });

  test("runs the suite beside a policy, the policy of a suite, and each once that is named", async () => {
    write({ "p.yaml": policy, "p.test.yaml": suite });
    const passed = "p.test.yaml: 3 passed; coverage 100 % (5 of 5 outcomes).\n";
    expect(await run(join(folder, "p.yaml"))).toEqual({ code: 0, stdout: passed, stderr: "" });
    expect(await run(join(folder, "p.test.yaml"))).toEqual({ code: 0, stdout: passed, stderr: "" });
    expect((await run(folder, join(folder, "p.test.yaml"))).stdout).toBe(passed);
  });

  test("runs a suite that names its policy, and the suites of a folder", async () => {
    write({ "p.yaml": policy, "p.test.yaml": suite, "more.test.yaml": `policy: p.yaml\n${suite}` });
    const { code, stdout } = await run(folder);
    expect({ code, lines: stdout.split("\n") }).toEqual({
      code: 0,
      lines: [
        "more.test.yaml: 3 passed; coverage 100 % (5 of 5 outcomes).",
        "p.test.yaml: 3 passed; coverage 100 % (5 of 5 outcomes).",
        "2 suites: 6 passed.",
        "",
      ],
    });
  });

  test("tells a failure with its place, question, differences and explanation", async () => {
    write({ "p.yaml": policy, "p.test.yaml": wrongSuite });
    expect(await run(join(folder, "p.yaml"))).toEqual({
      code: 1,
      stdout: `FAIL  p.test.yaml:3: a short name
      asked    create_account: operator "ann", name "a\\u{202e}", app_id 1400000000, now "2026-01-01T00:00:00.000Z"
      code     want 120005, got 120004
      Denied with code 120004, by the rule "short".
                  RULE           BECAUSE
        not held  staff  line 4  inList(operator, "staff") = false
        HELD      short  line 5  size(name) = 2

p.test.yaml: 2 passed, 1 failed; coverage 100 % (5 of 5 outcomes).
`,
      stderr: "",
    });
  });

  test("--coverage shows what no test reached, and --min-coverage demands", async () => {
    write({ "p.yaml": policy, "p.test.yaml": suite.slice(0, suite.indexOf("  - name: a short name by staff")) });
    const covered = await run(join(folder, "p.yaml"), "--coverage");
    expect(covered.code).toBe(0);
    expect(covered.stdout).toContain(
      "RULE       ON              LINE  HELD  NOT HELD  ERRORS\nstaff      create_account  4     0     1         0\n",
    );
    expect(covered.stdout).toContain(
      'p.yaml:1: the default of create_account was never reached.\np.yaml:4: rule "staff" never held.\np.yaml:5: rule "short" always held.\n',
    );
    const demanded = await run(join(folder, "p.yaml"), "--min-coverage", "50");
    expect(demanded.code).toBe(1);
    expect(demanded.stdout).toMatch(/rule "short" always held\.\n.*1 passed; coverage 40 % \(2 of 5 outcomes\), 50 % are demanded\.\n$/s);
  });

  test("--json gives a line for each suite", async () => {
    write({ "p.yaml": policy, "p.test.yaml": wrongSuite });
    const { code, stdout } = await run(join(folder, "p.yaml"), "--json");
    expect(code).toBe(1);
    const told = JSON.parse(stdout);
    expect(told).toMatchObject({ policy: "p.yaml", suite: "p.test.yaml", passed: false, problems: [], coverage: { percent: 100 } });
    expect(told.tests.map((one: { passed: boolean }) => one.passed)).toEqual([false, true, true]);
    expect(told.tests[0]).toMatchObject({
      differences: [{ part: "code", want: "120005", got: "120004" }],
      explanation: {
        rules: [
          { rule: "staff", result: "not_held" },
          { rule: "short", result: "held" },
        ],
      },
    });
  });

  test("--junit writes XML that holds whatever a name holds", async () => {
    const nasty = "\"]]><&\\u0001\\u0008\\ud83d\\ude00\\ufffe'";
    write({
      "p.yaml": policy,
      "p.test.yaml": `${wrongSuite}  - name: "${nasty.replaceAll('"', '\\"')}"\n    create_account: { name: n }\n    want: { verdict: allow }\n`,
    });
    const report = join(folder, "report.xml");
    expect((await run(join(folder, "p.yaml"), "--junit", report)).code).toBe(1);
    const xml = readFileSync(report, "utf8");
    expect(xml).toMatch(/^<\?xml version="1.0" encoding="UTF-8"\?>\n<testsuites tests="4" failures="2" errors="0">\n/);
    expect(xml).toContain(`name="&quot;]]&gt;&lt;&amp;\\x01\\x08😀\\u{fffe}'"`);
    expect(xml).toContain('<failure message="code: want 120005, got 120004">FAIL  ');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML cannot hold.
    expect(xml).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/);
    expect(opensAndCloses(xml)).toBe(true);
  });

  test("--junit tells a suite that could not be run", async () => {
    write({ "p.yaml": "name: x\nrulez: []", "p.test.yaml": suite });
    const report = join(folder, "report.xml");
    expect(await run(join(folder, "p.yaml"), "--junit", report)).toEqual({
      code: 1,
      stdout: 'p.yaml:2:1: Unknown key "rulez". Did you mean "rules"?\n',
      stderr: "",
    });
    expect(readFileSync(report, "utf8")).toMatch(/tests="1" failures="0" errors="1".*<error message="[^"]*Unknown key &quot;rulez&quot;/s);
  });

  test.each([
    [
      "a policy without a suite",
      { "p.yaml": policy },
      "p.yaml",
      /p\.yaml:1:1: This policy has no suite; write its tests in p\.test\.yaml\./,
    ],
    [
      "a suite without its policy",
      { "p.test.yaml": suite },
      "p.test.yaml",
      /p\.test\.yaml:1:1: The policy p\.yaml cannot be read: there is no such file\./,
    ],
    [
      "a suite that is for another policy",
      { "p.yaml": policy, "q.yaml": policy, "p.test.yaml": `policy: q.yaml\n${suite}` },
      "p.yaml",
      /p\.test\.yaml:1:9: This suite is for q\.yaml, and stands beside p\.yaml/,
    ],
    [
      "a suite that does not fit",
      { "p.yaml": policy, "p.test.yaml": suite.replace("[staff]", "[staf]") },
      "p.yaml",
      /p\.test\.yaml:8:39: The policy has no rule "staf"/,
    ],
    ["a file that is not there", {}, "p.yaml", /p\.yaml cannot be read: there is no such file/],
    ["a folder without suites", {}, "", /no suites here/],
    [
      "a report that cannot be written",
      { "p.yaml": policy, "p.test.yaml": suite },
      "p.yaml --junit /nowhere/x",
      /\/nowhere\/x cannot be written/,
    ],
  ])("of %s says so", async (_name, files, args, message) => {
    write(files);
    const [file = "", ...flags] = args.split(" ");
    const { code, stdout, stderr } = await run(join(folder, file), ...flags);
    expect(code).toBe(1);
    expect(stdout + stderr).toMatch(message);
  });

  test("--min-coverage takes per cent", async () => {
    expect(await run("--min-coverage", "101")).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--min-coverage must be a whole number from 0 to 100/),
    });
  });

  test("--watch runs again when the policy or the suite changes, mistakes and all, until the signal", async () => {
    write({ "p.yaml": policy, "p.test.yaml": suite });
    const controller = new AbortController();
    let stdout = "";
    let stderr = "";
    const io = {
      stdout: { write: (text: string) => (stdout += text) },
      stderr: { write: (text: string) => (stderr += text) },
      env: {},
      now: () => nowMs,
    };
    const running = policyTest([join(folder, "p.yaml"), "--watch"], io, controller.signal);
    const seen = (text: RegExp) => vi.waitFor(() => expect(stdout).toMatch(text), { timeout: 10_000, interval: 20 });
    await seen(/3 passed/);
    await vi.waitFor(() => expect(stderr).toMatch(/Watching 2 files/));
    write({ "p.test.yaml": wrongSuite });
    await seen(/2 passed, 1 failed/);
    write({ "p.yaml": policy.replace("rules:", "rulez:") });
    await seen(/Unknown key "rulez"/);
    write({ "p.yaml": policy.replace("120004", "120005") });
    await seen(/3 passed.*3 passed/s);
    controller.abort();
    expect(await running).toBe(0);
  });
});

/** Whether every tag that is opened is closed, in order. */
function opensAndCloses(xml: string): boolean {
  const open: string[] = [];
  for (const [, closing, name, selfClosing] of xml.matchAll(/<(\/?)([a-z]+)(?:\s+[a-z]+="[^"<]*")*\s*(\/?)>/g)) {
    if (closing) {
      if (open.pop() !== name) return false;
    } else if (!selfClosing && name !== undefined) open.push(name);
  }
  return open.length === 0;
}

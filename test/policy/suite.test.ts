// Suites: how they are read, what they compare, and what they cover.
import { readFileSync } from "node:fs";
import { describe, expect, it, test } from "vitest";
import { type CompiledPolicy, compilePolicy } from "../../src/policy/compile.ts";
import { maxPolicyLength } from "../../src/policy/document.ts";
import { formatProblems } from "../../src/policy/problems.ts";
import { checkSuite, readSuite, type Suite } from "../../src/policy/suite.ts";
import { percentOf } from "../../src/policy/suite-coverage.ts";
import { runSuite } from "../../src/policy/suite-run.ts";

function policyOf(text: string): CompiledPolicy {
  const { policy, problems } = compilePolicy(text);
  if (policy === undefined) throw new Error(formatProblems("policy", problems));
  return policy;
}

function suiteOf(text: string, policy?: CompiledPolicy): Suite {
  const { suite, problems } = readSuite(text);
  if (suite === undefined) throw new Error(formatProblems("suite", problems));
  if (policy !== undefined && checkSuite(suite, policy).length > 0) throw new Error(formatProblems("suite", checkSuite(suite, policy)));
  return suite;
}

/** What of each test is not as wanted. */
function differences(policyText: string, suiteText: string): string[][] {
  const policy = policyOf(policyText);
  const { tests } = runSuite(policy, suiteOf(suiteText, policy));
  return tests.map((one) => one.differences.map(({ part, want, got }) => `${part}: ${want} / ${got}`));
}

const policy = `name: x
lists:
  staff: {}
  words: { kind: pattern }
  ids: { kind: glob }
  nets: { kind: cidr }
default: { add_subscribers: deny }
rules:
  - { id: word, on: [create_account, account_created], when: 'matchesList(name, "words")', then: { deny: { code: 120002, message: "No {name}.", translations: { zh: 不 } } } }
  - { id: look, on: [create_account], when: 'matchesList(skeleton(name), "words")', then: { flag: { severity: medium } } }
  - { id: quota, on: [create_account], when: liveAccounts(owner) > 2, then: { deny: {} } }
  - { id: taken, on: [create_account], when: nameInUse(name), then: { deny: {} }, mode: shadow }
  - { id: burst, on: [create_account], when: 'rate("create_account", operator, duration("1h")) > 2', then: { deny: { code: 1 } } }
  - { id: staff, on: [add_subscribers], when: 'inList(operator, "staff")', then: { allow: {} } }
  - { id: robot, on: [add_subscribers], when: 'inList(subscriber, "ids")', then: { refuse: {} } }
  - { id: full, on: [add_subscribers], when: subscribers(account_id) > 2, then: { deny: { code: 120004 } } }
  - { id: here, on: [add_subscribers], when: 'isSubscribed(subscriber, account_id)', then: { allow: {} } }
  - { id: busy, on: [add_subscribers], when: subscriptions(subscriber) > 2, then: { refuse: {} } }
  - { id: near, on: [add_subscribers], when: 'inList(client_ip, "nets") && subscriber != ""', then: { allow: {} } }
`;
const given = `given:
  lists: { staff: [boss], words: [casino], ids: [bot-*], nets: [10.0.0.0/8] }
  live_accounts: { ann: 2, ben: 3 }
  names_in_use: [Café]
  rates: [{ action: create_account, key: ann, window: 1h, count: 2 }]
tests:
`;
const oneTest = (text: string) => `${given}  - name: a\n    ${text.split("\n").join("\n    ")}\n`;

describe("a test", () => {
  it.each([
    [
      "a creation",
      'create_account: { operator: ann, owner: ann, name: n }\nwant: { verdict: allow, code: 0, message: "", matches: [], flags: {} }',
    ],
    ["a message with its fields", "create_account: { name: Casino }\nwant: { verdict: deny, code: 120002, message: No Casino. }"],
    ["a message in a language", "given: { locale: zh-CN }\ncreate_account: { name: casino }\nwant: { verdict: deny, message: 不 }"],
    ["a look-alike", "create_account: { name: cаsino }\nwant: { verdict: allow, flags: { look: medium } }"],
    ["a quota", "create_account: { owner: ben, name: n }\nwant: { verdict: deny, code: 1, matches: [quota] }"],
    ["a count of its own", "given: { live_accounts: { ann: 3 } }\ncreate_account: { owner: ann, name: n }\nwant: { verdict: deny }"],
    ["a name in use, in shadow mode", "create_account: { name: ＣＡＦＥ }\nwant: { verdict: allow, matches: [taken] }"],
    [
      "a name in use of its own",
      "given: { names_in_use: [Bar] }\ncreate_account: { name: bar }\nwant: { verdict: allow, matches: [taken] }",
    ],
    [
      "a rate of its own",
      "given: { rates: [{ action: create_account, key: ann, count: 3 }] }\ncreate_account: { operator: ann, name: n }\nwant: { verdict: deny, matches_include: [burst] }",
    ],
    ["a default", "add_subscribers: { account_id: a, subscribers: [ann] }\nwant: { verdict: deny, code: 1, refused: [] }"],
    ["an exact list", "add_subscribers: { account_id: a, operator: boss, subscribers: [ann] }\nwant: { verdict: allow, matches: [staff] }"],
    [
      "a list of its own",
      "given: { lists: { staff: [] } }\nadd_subscribers: { account_id: a, operator: boss, subscribers: [ann] }\nwant: { verdict: deny }",
    ],
    [
      "glob and cidr lists, subscriber by subscriber",
      "given: { client_ip: 10.1.2.3 }\nadd_subscribers: { account_id: a, subscribers: [bot-1, ann, bot-2] }\nwant: { verdict: allow, refused: [bot-2, bot-1], matches: [robot/bot-1, robot/bot-2, near] }",
    ],
    [
      "rules that hold among others",
      "given: { client_ip: 10.1.2.3 }\nadd_subscribers: { account_id: a, subscribers: [bot-1, ann] }\nwant: { verdict: allow, matches_include: [near/ann, robot] }",
    ],
    [
      "counts of subscriptions, of a user and of an account",
      "given: { subscriptions: { ann: 3, ben: 3 }, subscribers: { b: 3 }, subscribed: [{ user: ben, account_id: a }] }\nadd_subscribers: { account_id: a, subscribers: [ann, ben] }\nwant: { verdict: allow, refused: [ann], matches: [here/ben, busy/ann] }",
    ],
    [
      "a count of subscribers",
      "given: { subscribers: { a: 3 } }\nadd_subscribers: { account_id: a, subscribers: [ann] }\nwant: { verdict: deny, code: 120004 }",
    ],
    ["an event", "account_created: { account_id: a, name: casino }\nwant: { flags: { word: high }, matches: [word] }"],
  ])("can want %s", (_name, text) => {
    expect(differences(policy, oneTest(text))).toEqual([[]]);
  });

  it.each([
    [
      "create_account: { name: casino }\nwant: { verdict: allow, code: 0, message: x, matches: [], flags: { look: low } }",
      ["verdict: allow / deny", "code: 0 / 120002", 'message: "x" / "No casino."', "matches: [] / [word]", "flags: [look: low] / []"],
    ],
    [
      "given: { client_ip: 10.1.2.3 }\nadd_subscribers: { account_id: a, subscribers: [bot-1, bot-2, ann] }\nwant: { verdict: allow, refused: [ann], matches: [near, robot/bot-1], matches_include: [near/bot-1, robot] }",
      [
        "refused: [ann] / [bot-1, bot-2]",
        "matches: [near, robot/bot-1] / [robot/bot-1, robot/bot-2, near]",
        "matches_include: [near/bot-1] / [robot, near/ann]",
      ],
    ],
    ["create_account: { name: cаsino }\nwant: { verdict: allow, flags: {} }", ["flags: [] / [look: medium]"]],
  ])("tells what is not as wanted: %s", (text, wanted) => {
    expect(differences(policy, oneTest(text))).toEqual([wanted]);
  });

  it("is explained by what the world answered", () => {
    const compiled = policyOf(policy);
    const [result] = runSuite(compiled, suiteOf(oneTest("create_account: { owner: ben, name: n }\nwant: { verdict: allow }"))).tests;
    expect(result?.line).toBe(7);
    expect(result?.explain().conclusion).toBe('Denied with code 1, by the rule "quota".');
  });
});

const ask = "create_account: { name: n }\n";
const wrong: [name: string, text: string, problems: string[]][] = [
  ["an empty file", "", ["s:1:1: The suite is empty. It needs tests."]],
  ["no tests", "policy: x.yaml", ["s:1:1: tests must contain at least 1 item(s)."]],
  ["an unknown key", "tets: []", ['s:1:1: Unknown key "tets". Did you mean "tests"?']],
  ["a time in words", "given: { now: yesterday }", ['s:1:15: given.now must be a time such as 2026-01-31T12:00:00Z, not "yesterday".']],
  ["a time without a zone", "given: { now: 2026-01-31T12:00:00 }", [/given.now must be a time/.source]],
  ["a span in words", "given: { rates: [{ window: 1 hour }] }", [/given.rates\[0\].window must be a span of time/.source]],
  ["an app below 0", "given: { app_id: -1 }", [/given.app_id must be a whole number from 0 to 4294967295/.source]],
  ["a list that is none", "given: { lists: { staff: boss } }", [/given.lists\["staff"\] must be a list/.source]],
  ["no question", oneTest("want: { verdict: allow }"), [/tests\[0\].subject exactly one field is required/.source]],
  ["two questions", oneTest(`${ask}account_created: { account_id: a }\nwant: { verdict: allow }`), [/only one of create_account/.source]],
  [
    "an unknown field",
    oneTest("create_account: { nam: n }\nwant: { verdict: allow }"),
    ['s:8:23: Unknown key "nam" in tests[0].create_account. Did you mean "name"?'],
  ],
  [
    "a name that Chat cannot send",
    oneTest('create_account: { name: "" }\nwant: { verdict: allow }'),
    [/tests\[0\].create_account.name must be at least 1 bytes/.source],
  ],
  ["no want", oneTest(ask.trim()), [/tests\[0\].want value is required/.source]],
  ["no verdict", oneTest(`${ask}want: { code: 1 }`), ["s:9:11: tests[0].want must say at least the verdict, such as verdict: allow."]],
  ["an event of which nothing is wanted", oneTest("account_created: { account_id: a }\nwant: { verdict: allow }"), []],
  [
    "an event of which nothing at all is wanted",
    oneTest("account_created: { account_id: a }\nwant: {}"),
    [/must say matches, matches_include or flags/.source],
  ],
  ["a verdict that is none", oneTest(`${ask}want: { verdict: denied }`), [/must be one of allow, deny, discard, not "denied"/.source]],
  [
    "a name twice",
    `${oneTest(`${ask}want: { verdict: allow }`)}  - name: a\n    create_account: { name: n }\n    want: { verdict: allow }\n`,
    ["s:10:11: Another test has this name already, on line 7."],
  ],
  ["a text that is too long", `policy: ${"x".repeat(maxPolicyLength)}`, [/Split it into several suites/.source]],
  [
    "nesting without end",
    `given: ${"[".repeat(100_000)}`,
    ["s:1:257: The suite is nested too deeply here: at most 250 levels are allowed."],
  ],
];

test.each(wrong)("a suite with %s is told where it is wrong", (_name, text, problems) => {
  const read = readSuite(text);
  const told = formatProblems("s", read.problems);
  expect(told === "" ? [] : told.split("\n")).toEqual(
    problems.map((problem) => (problem.startsWith("s:") ? problem : expect.stringMatching(problem))),
  );
});

const misfits: [name: string, text: string, problem: RegExp][] = [
  [
    "a list that the policy does not declare",
    `given: { lists: { staf: [] } }\n${ask}want: { verdict: allow }`,
    /declares no list "staf". Did you mean "staff"/,
  ],
  [
    "an entry that does not fit its kind",
    `given: { lists: { nets: [office] } }\n${ask}want: { verdict: allow }`,
    /"office" is not an address range/,
  ],
  ["a rate of an unknown action", `given: { rates: [{ action: x, key: a }] }\n${ask}want: { verdict: allow }`, /There is no action "x"/],
  [
    "a signal that no rule asks",
    `given: { signals: [{ signal: toxicity, value: 1 }] }\n${ask}want: { verdict: allow }`,
    /No rule of the policy asks signal\("toxicity", …\)\. It has none\./,
  ],
  [
    "a rate that no rule asks",
    `given: { rates: [{ action: add_subscribers, key: a }] }\n${ask}want: { verdict: allow }`,
    /No rule of the policy asks rate/,
  ],
  ["an unknown rule", `${ask}want: { verdict: allow, matches: [qouta] }`, /no rule "qouta" on create_account. Did you mean "quota"/],
  ["a rule on something else", `${ask}want: { verdict: allow, matches: [robot] }`, /no rule "robot" on create_account/],
  ["a flag of an unknown rule", `${ask}want: { verdict: allow, flags: { x: low } }`, /no rule "x"/],
  ["a subscriber of a creation", `${ask}want: { verdict: allow, refused: [ann] }`, /create_account asks about nobody by name/],
  [
    "a subscriber who is not asked about",
    "add_subscribers: { account_id: a, subscribers: [ann] }\nwant: { verdict: allow, matches: [robot/ben] }",
    /"ben" is not among the users that the test asks about/,
  ],
];

test.each(misfits)("a suite with %s does not fit its policy", (_name, text, problem) => {
  const problems = checkSuite(suiteOf(oneTest(text)), policyOf(policy));
  expect(problems).toHaveLength(1);
  expect(problems[0]?.message).toMatch(problem);
  expect(problems[0]?.line).toBeGreaterThan(6);
});

describe("coverage", () => {
  const coverageOf = (policyText: string, suiteText: string) => runSuite(policyOf(policyText), suiteOf(suiteText)).coverage;

  it("counts each rule held and not held on each of its subjects, and each default", () => {
    const coverage = coverageOf(policy, oneTest(`${ask}want: { verdict: allow }`));
    expect(coverage).toMatchObject({ outcomes: 26, reached: 6 });
    expect(percentOf(coverage)).toBe(23);
    expect(coverage.missing).toEqual([
      { line: 7, message: "the default of add_subscribers was never reached." },
      { line: 9, message: 'rule "word" never held on create_account.' },
      { line: 9, message: 'rule "word" was never asked on account_created.' },
      { line: 10, message: 'rule "look" never held.' },
      { line: 11, message: 'rule "quota" never held.' },
      { line: 12, message: 'rule "taken" never held.' },
      { line: 13, message: 'rule "burst" never held.' },
      { line: 14, message: 'rule "staff" was never asked.' },
      { line: 15, message: 'rule "robot" was never asked.' },
      { line: 16, message: 'rule "full" was never asked.' },
      { line: 17, message: 'rule "here" was never asked.' },
      { line: 18, message: 'rule "busy" was never asked.' },
      { line: 19, message: 'rule "near" was never asked.' },
    ]);
  });

  it("asks no more of a rule without a condition than that it holds, and nothing of a default behind it", () => {
    const closed = "name: x\nrules:\n  - { id: closed, on: [create_account], then: { deny: {} } }\n";
    expect(coverageOf(closed, oneTest(`${ask}want: { verdict: deny }`))).toMatchObject({ outcomes: 1, reached: 1, missing: [] });
  });

  it("tells a rule that always held, and one that could never be evaluated", () => {
    const text = `name: x\nrules:\n  - { id: a, on: [create_account], when: size(name) > 0, then: { flag: {} } }\n  - { id: b, on: [create_account], when: int(name) > 0, then: { flag: {} } }\n`;
    const { missing } = coverageOf(text, oneTest(`${ask}want: { verdict: allow }`));
    expect(missing.map(({ message }) => message)).toEqual(['rule "a" always held.', 'rule "b" could never be evaluated.']);
  });

  it("of a policy without rules is whole", () => {
    expect(percentOf(coverageOf("name: x", oneTest(`${ask}want: { verdict: allow }`)))).toBe(100);
  });
});

test("the starter policy's suite passes and covers it whole", () => {
  const starter = policyOf(readFileSync("config/policy.yaml", "utf8"));
  const { tests, coverage } = runSuite(starter, suiteOf(readFileSync("config/policy.test.yaml", "utf8"), starter));
  expect(tests.flatMap(({ name, differences: found }) => (found.length > 0 ? [name] : []))).toEqual([]);
  expect(coverage.missing).toEqual([]);
});

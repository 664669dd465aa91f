// Texts that are made to hurt: each gets a clear error, or an answer, within a bound.
import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { AddSubscribersSchema, CreateAccountSchema, SendMessageSchema } from "../../gen/gatehouse/v1/action_pb.ts";
import { MessageElementSchema } from "../../gen/gatehouse/v1/message_element_pb.ts";
import { completeElements, textElementJson } from "../../src/elements/complete-element.ts";
import { compileInSteps, compilePolicy } from "../../src/policy/compile.ts";
import { maxPolicyLength } from "../../src/policy/document.ts";
import { evaluate, type Question } from "../../src/policy/evaluate.ts";
import type { Facts } from "../../src/policy/functions.ts";
import { listMatchers } from "../../src/policy/list-matchers.ts";
import { createLiveWorld, createNotedWorld } from "../../src/policy/world.ts";
import { yamlLimits } from "../../src/policy/yaml-tree.ts";

/** Milliseconds within which anything must be over, on any machine. */
const boundMs = 10_000;

function within<T>(run: () => T): T {
  const start = performance.now();
  const result = run();
  expect(performance.now() - start).toBeLessThan(boundMs);
  return result;
}

const rule = (keys: object) => ({ id: "a", on: ["create_account"], then: { flag: {} }, ...keys });
const policy = (keys: object) => JSON.stringify({ name: "x", ...keys });
const times = (count: number, make: (index: number) => string) => Array.from({ length: count }, (_, index) => make(index));

const texts: [name: string, text: string, problem: RegExp][] = [
  ["10 MB", `name: ${"x".repeat(10_000_000)}`, /at most 1048576 are allowed/],
  ["nesting without end", `name: ${"[".repeat(maxPolicyLength - 10)}`, /nested too deeply/],
  ["mappings without end", `name: ${"{a: ".repeat(250_000)}`, /nested too deeply/],
  ["25 000 keys", times(25_000, (index) => `k${index}: 1`).join("\n"), /Unknown key "k0"/],
  ["9000 labels", policy({ rules: [rule({ labels: Object.fromEntries(times(9_000, String).map((key) => [key, key])) })] }), /at most 20/],
  [
    "30 000 labels",
    policy({ rules: [rule({ labels: Object.fromEntries(times(30_000, String).map((key) => [key, key])) })] }),
    /^rules\[0\]\.labels has 30000 entries; far fewer are allowed\.$/,
  ],
  ["60 000 rules", `name: x\nrules: [${"a,".repeat(60_000)}]`, /^rules has 60000 items; far fewer are allowed\.$/],
  [
    "5000 rules",
    policy({ rules: times(5_000, String).map((id) => rule({ id, when: "nam == 1" })) }),
    /^rules must contain no more than 1000/,
  ],
  [
    "a rule on 50 000 things",
    `name: x\nrules: [{id: a, then: {flag: {}}, on: [${"x,".repeat(50_000)}]}]`,
    /^rules\[0\]\.on has 50000 items/,
  ],
  [
    "1000 rules on 20 things that are not there",
    `name: x\nrules: [${times(1000, (index) => `{id: r${index}, then: {flag: {}}, on: [${times(20, (i) => `x${i}`)}]}`)}]`,
    /^There is no action or event "x0"/,
  ],
  ["a list of aliases", `name: &a x\nrules: [${times(900, () => "*a").join(",")}]`, /not an alias/],
  ["a billion laughs", times(20, (i) => `k${i}: &k${i} [${times(10, () => `*k${i - 1}`).join(",")}]`).join("\n"), /./],
  ["a long condition", policy({ rules: [rule({ when: `name == "${"x".repeat(500_000)}"` })] }), /at most 4000 bytes/],
  ["a condition of 2000 parts", policy({ rules: [rule({ when: times(1900, () => "1").join("+") })] }), /Exceeded maxAstNodes/],
  ["parentheses", policy({ rules: [rule({ when: `${"(".repeat(1900)}true${")".repeat(1900)}` })] }), /Exceeded maxDepth/],
  ["negations", policy({ rules: [rule({ when: `${"!".repeat(3900)}true` })] }), /./],
  [
    "a huge list in a condition",
    policy({ rules: [rule({ when: `owner in [${times(600, (i) => `"${i}"`).join(",")}]` })] }),
    /maxListElements/,
  ],
  [
    "nested quantifiers",
    policy({ rules: [rule({ when: 'regex(name, "(((((a{1,99}){1,99}){1,99}){1,99}){1,99})")' })] }),
    /regex\(\) cannot use this pattern/,
  ],
  ["a message of 1 MB", policy({ rules: [rule({ then: { deny: { message: "x".repeat(900_000) } } })] }), /at most 1000 bytes/],
  ["a message of braces", policy({ rules: [rule({ then: { deny: { message: "{".repeat(999) } } })] }), /A brace is not closed/],
  ["control characters", `name: "a\\u0007\\u0000"`, /has a NUL/],
];

describe("a hostile text", () => {
  it.each(texts)("of %s is refused within a bound", (_name, text, problem) => {
    const { problems } = within(() => compilePolicy(text));
    expect(problems.map(({ message }) => message).join("\n")).toMatch(problem);
    expect(problems.length).toBeLessThanOrEqual(1000);
  });
});

describe("a text past a limit of the parser", () => {
  const { levels, specials, tokens } = yamlLimits;
  const tooDeep = `The policy is nested too deeply here: at most ${levels} levels are allowed.`;
  const tooSpecial = `The policy has more than ${specials} anchors, aliases, tags, directives and wrong escapes, which begin with &, *, !, % and \\; write the values out.`;
  const tooMany = `The policy has more than ${tokens} words, signs and ends of lines, up to here; make it smaller.`;
  const full = (unit: string, before = "") => before + unit.repeat(Math.floor((maxPolicyLength - before.length) / unit.length));
  /** Where the parser stopped, and in how many steps of 1000 tokens: what follows was not read. */
  const cases: [name: string, text: string, line: number, column: number, message: string, steps: number][] = [
    ["lists within lists", full("[", "name: "), 1, 256, tooDeep, 1],
    ["mappings within mappings", full("{a: ", "name: "), 1, 0, tooDeep, 2],
    ["dashes", full("- "), 1, 0, tooDeep, 1],
    ["question marks", full("? "), 1, 0, tooDeep, 1],
    ["anchors", full("- &a x\n"), 1001, 0, tooSpecial, 8],
    ["aliases", full("*a,", "name: &a x\nrules: ["), 2, 0, tooSpecial, 3],
    ["tags", full("- !a b\n"), 1001, 0, tooSpecial, 8],
    ["directives", full("%Y\n"), 1001, 0, tooSpecial, 3],
    ["wrong escapes", `${full("\\q", 'name: "').slice(0, -2)}"`, 1, 0, tooSpecial, 1],
    ["code points that are none", `name: "${"\\UFFFFFFFF".repeat(100_000)}"`, 1, 0, tooSpecial, 1],
    ["items", full("a,", "rules: ["), 1, 0, tooMany, 201],
    ["empty mappings", full("{},", "rules: ["), 1, 0, tooMany, 201],
    ["keys", full("k:\n"), 50_001, 0, tooMany, 201],
    ["keys without names", full(":\n"), 100_001, 0, tooMany, 201],
    ["lines without anything", full("\n"), 200_002, 0, tooMany, 201],
    ["lines that end in two", full("\r\n"), 200_002, 0, tooMany, 201],
    ["comments", full("#\n"), 100_001, 0, tooMany, 201],
  ];

  it.each(cases)("of %s is read no further", (_name, text, line, column, message, maxSteps) => {
    const reading = compileInSteps(text);
    let steps = 1;
    let step = reading.next();
    for (; !step.done; steps++) step = reading.next();
    expect(step.value.problems).toEqual([{ line, column: column || expect.any(Number), message }]);
    expect(steps).toBeLessThanOrEqual(maxSteps);
  });

  it("is one that has more, not one that has as much", () => {
    expect(compilePolicy(`name: x\n${"\n".repeat(tokens - 8)}`).problems).toEqual([]);
    expect(compilePolicy(`name: x\n${"\n".repeat(tokens)}`).problems[0]?.message).toBe(tooMany);
    expect(compilePolicy(`name: "${"\\q".repeat(specials)}"`).problems[0]?.message).toMatch(/^Invalid escape sequence/);
    expect(compilePolicy(`name: "${'\\\\\\"'.repeat(specials)}"`).problems[0]?.message).toMatch(/at most 100 bytes/);
  });

  it("leaves a policy of 1000 rules with labels far below", () => {
    const labels = () => ({ team: "trust", area: "names", severity: "high" });
    const rules = Array.from({ length: 1000 }, (_, index) => rule({ id: `r${index}`, when: `operator == "u${index}"`, labels: labels() }));
    expect(compilePolicy(policy({ rules })).problems).toEqual([]);
    expect(compilePolicy(stringify({ name: "x", rules }, { aliasDuplicateObjects: false })).problems).toEqual([]);
  });
});

describe("a hostile name", () => {
  const asked = (value: string): Question => ({
    appId: 1,
    locale: "",
    origin: undefined,
    subject: { case: "createAccount", value: create(CreateAccountSchema, { operator: "a", owner: "a", name: value }) },
    nowMs: 0,
  });
  const hostile = ["a".repeat(150), "\u0301".repeat(75), "ﷺ".repeat(50), "I1l|".repeat(37), `${"*".repeat(149)}b`];

  it.each([
    'regex(name, "(a+)+$")',
    'regex(name, "(a|a)*b")',
    'regex(name, "(.*)*x")',
    'glob(name, "*a*a*a*a*a*a*a*a*b")',
    'skeleton(name) == skeleton("x")',
  ])("does not stall %s", (when) => {
    const compiled = compilePolicy(policy({ rules: [rule({ when })] })).policy;
    if (compiled === undefined) throw new Error("the policy is good");
    within(() => {
      for (const value of hostile) for (let i = 0; i < 100; i++) evaluate(compiled, asked(value), createNotedWorld([]));
    });
  });

  it("makes no message of more than 1000 bytes", () => {
    const message = "{name}{name}{name}{name}{name}{name}{name}{name}";
    const compiled = compilePolicy(policy({ rules: [rule({ then: { deny: { message } } })] })).policy;
    if (compiled === undefined) throw new Error("the policy is good");
    const outcome = evaluate(compiled, asked("公".repeat(50)), createNotedWorld([]));
    expect(Buffer.byteLength(outcome.message)).toBe(999);
    expect(outcome.message).toMatch(/^公+$/);
  });
});

it("the largest request meets the largest loops within a bound", () => {
  const when = 'subscribers.all(a, subscribers.exists(b, a == b)) && subscriber != ""';
  const rules = times(5, (index) => `r${index}`).map((id) => rule({ id, when, on: ["add_subscribers"] }));
  const compiled = compilePolicy(policy({ rules })).policy;
  if (compiled === undefined) throw new Error("the policy is good");
  const subscribers = times(100, (index) => `user-${index}`);
  const subject = { case: "addSubscribers" as const, value: create(AddSubscribersSchema, { accountId: "a", subscribers }) };
  const outcome = within(() => evaluate(compiled, { appId: 1, locale: "", origin: undefined, subject, nowMs: 0 }, createNotedWorld([])));
  expect(outcome.matches).toHaveLength(500);
});

describe("a hostile message", () => {
  const rules = [
    rule({
      on: ["send_message"],
      when: 'matchesList(text, "words") || matchesList(skeleton(text), "words") || size(urlHosts(text)) > 3',
      then: { rewrite: { mask: { list: "words", look_alikes: true }, replace: { list: "words", with: "x" } } },
    }),
    rule({ id: "b", on: ["send_message"], when: 'sameTextRate(account_id, text, duration("1h")) > 2' }),
  ];
  const compiled = compilePolicy(policy({ lists: { words: { kind: "pattern" } }, rules })).policy;
  const words = ["a*", "e", "bad", "🇩🇪", "가", "👨‍👩‍👧", "*x*"];
  const [plain, looks] = [listMatchers.phrases(words), listMatchers.skeletons(words)];
  const facts: Facts = {
    ...{ inList: () => false, liveAccounts: () => 0, nameInUse: () => false, subscriptions: () => 0, subscribers: () => 0 },
    ...{ isSubscribed: () => false, messagesSent: () => 0, rate: () => 0 },
    matchesList: (_list, text) => (typeof text === "string" ? plain.has(text) : looks.has(text.text)),
    findInList: (_list, text, lookAlikes) => (lookAlikes ? looks : plain).find(text),
  };
  const filled = (part: string) => textElementJson(part.repeat(Math.floor(60_000 / Buffer.byteLength(part))));
  const messages: [name: string, elements: string[]][] = [
    ...["a", "a ", "e\u0301", "\u0301", "👨‍👩‍👧", "🇩🇪", "\u200d", "가", "ﷺ", "bad.com ", "http://a", "a.b."].map(
      (part): [string, string[]] => [JSON.stringify(part), [filled(part)]],
    ),
    ["15 000 texts in an element", [JSON.stringify({ MsgType: "X", MsgContent: times(15_000, () => "a") })]],
    ["1000 elements", times(1000, () => textElementJson("a b"))],
    ["lists in lists", [`{"MsgType":"X","MsgContent":${"[".repeat(30_000)}"a"${"]".repeat(30_000)}}`]],
  ];

  it.each(messages)("of %s is decided within a bound, to something that is no longer than Chat takes or than it was", (_name, raws) => {
    if (compiled === undefined) throw new Error("the policy is good");
    const elements = completeElements(raws.map((rawJson) => create(MessageElementSchema, { rawJson })));
    const subject = { case: "sendMessage" as const, value: create(SendMessageSchema, { accountId: "a", elements }) };
    const question = { appId: 1, locale: "", origin: undefined, subject, nowMs: 0 };
    const { rewrite } = within(() => evaluate(compiled, question, createLiveWorld(facts, [])));
    const bytes = (all: readonly { rawJson: string }[]) => all.reduce((sum, { rawJson }) => sum + Buffer.byteLength(rawJson), 0);
    expect(bytes(rewrite?.elements ?? [])).toBeLessThanOrEqual(Math.max(12_288, bytes(elements)));
  });

  it("of more than 64 KiB is refused", () => {
    const rawJson = textElementJson("x".repeat(40_000));
    const raws = [create(MessageElementSchema, { rawJson }), create(MessageElementSchema, { rawJson })];
    expect(() => completeElements(raws)).toThrow("must be at most 65536 bytes of JSON in all");
  });
});

// Texts that are made to hurt: each gets a clear error, or an answer, within a bound.
import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { AddSubscribersSchema, CreateAccountSchema } from "../../gen/gatehouse/v1/action_pb.ts";
import { compilePolicy } from "../../src/policy/compile.ts";
import { maxPolicyLength } from "../../src/policy/document.ts";
import { evaluate, type Question } from "../../src/policy/evaluate.ts";
import { createNotedWorld } from "../../src/policy/world.ts";

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
  ["100 000 keys", times(100_000, (index) => `k${index}: 1`).join("\n"), /Unknown key "k0"/],
  [
    "100 000 labels",
    policy({ rules: [rule({ labels: Object.fromEntries(times(60_000, String).map((key) => [key, key])) })] }),
    /at most 20/,
  ],
  ["500 000 rules", `name: x\nrules: [${"a,".repeat(500_000)}]`, /rules has 500000 items/],
  ["10 000 rules", policy({ rules: times(10_000, String).map((id) => rule({ id, when: "nam == 1" })) }), /no more than 1000/],
  ["a list of aliases", `name: &a x\nrules: [${times(1000, () => "*a").join(",")}]`, /not an alias/],
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

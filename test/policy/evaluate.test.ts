// What a policy says, rule by rule.
import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { AddSubscribersSchema, CreateAccountSchema } from "../../gen/gatehouse/v1/action_pb.ts";
import { Effect, RuleMode, Severity, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { OriginSchema } from "../../gen/gatehouse/v1/origin_pb.ts";
import { type CompiledPolicy, compilePolicy } from "../../src/policy/compile.ts";
import { evaluate } from "../../src/policy/evaluate.ts";
import type { Facts } from "../../src/policy/functions.ts";
import { formatProblems } from "../../src/policy/problems.ts";
import { createLiveWorld } from "../../src/policy/world.ts";

function policyOf(rules: string, rest = ""): CompiledPolicy {
  const { policy, problems } = compilePolicy(`name: x\nlists: { banned: {}, staff: {} }\n${rest}\nrules:\n${rules}`);
  if (policy === undefined) throw new Error(formatProblems("test", problems));
  return policy;
}

const noFacts: Facts = {
  inList: () => false,
  matchesList: () => false,
  findInList: () => [],
  liveAccounts: () => 0,
  nameInUse: () => false,
  subscriptions: () => 0,
  subscribers: () => 0,
  isSubscribed: () => false,
  messagesSent: () => 0,
  rate: () => 0,
};
const lists = (content: Record<string, string[]>): Facts => ({
  ...noFacts,
  inList: (list, value) => content[list]?.includes(value) ?? false,
});

function creation(policy: CompiledPolicy, name: string, facts = noFacts, nowMs = 0) {
  const subject = { case: "createAccount" as const, value: create(CreateAccountSchema, { operator: "op", owner: "ow", name }) };
  const origin = create(OriginSchema, { platform: "iOS", clientIp: "10.0.0.1" });
  return evaluate(policy, { appId: 1400000000, locale: "", origin, subject, nowMs }, createLiveWorld(facts, []));
}

function subscription(policy: CompiledPolicy, subscribers: string[], facts = noFacts) {
  const subject = {
    case: "addSubscribers" as const,
    value: create(AddSubscribersSchema, { accountId: "acc", operator: "op", subscribers }),
  };
  return evaluate(policy, { appId: 1400000000, locale: "", origin: undefined, subject, nowMs: 0 }, createLiveWorld(facts, []));
}

const rules = (outcome: { matches: { rule: string; subscriber: string }[] }) =>
  outcome.matches.map((m) => m.rule + (m.subscriber && `/${m.subscriber}`));

describe("a creation", () => {
  it("gets the default when no rule holds", () => {
    const rule = "  - { id: a, on: [create_account], when: name == 'x', then: { deny: {} } }";
    expect(creation(policyOf(rule), "y")).toEqual({ verdict: Verdict.ALLOW, code: 0, message: "", refused: [], matches: [] });
    expect(creation(policyOf(rule, "default: { create_account: deny }"), "y")).toMatchObject({
      verdict: Verdict.DENY,
      code: 1,
      message: "",
    });
  });

  it("is settled by the first enforced allow or deny that holds", () => {
    const policy = policyOf(`
  - { id: no, on: [create_account], when: name == 'z', then: { deny: {} } }
  - { id: flagged, on: [create_account], then: { flag: { severity: high } }, labels: { team: a } }
  - { id: yes, on: [create_account], when: 'inList(operator, "staff")', then: { allow: {} } }
  - { id: deny, on: [create_account], when: name == 'y', then: { deny: { code: 120005, message: why } } }
  - { id: never, on: [create_account], then: { flag: {} } }`);
    const denied = creation(policy, "y");
    expect(denied).toMatchObject({ verdict: Verdict.DENY, code: 120005, message: "why" });
    expect(rules(denied)).toEqual(["flagged", "deny"]);
    expect(denied.matches[0]).toMatchObject({
      effect: Effect.FLAG,
      mode: RuleMode.ENFORCE,
      severity: Severity.HIGH,
      labels: { team: "a" },
    });
    const allowed = creation(policy, "y", lists({ staff: ["op"] }));
    expect(allowed.verdict).toBe(Verdict.ALLOW);
    expect(rules(allowed)).toEqual(["flagged", "yes"]);
  });

  it("does not see rules for other actions", () => {
    expect(rules(creation(policyOf("  - { id: a, on: [add_subscribers], then: { deny: {} } }"), "y"))).toEqual([]);
  });

  it("is not changed by a rule in shadow mode, which is noted", () => {
    const outcome = creation(policyOf("  - { id: s, on: [create_account], mode: shadow, then: { deny: {} } }"), "y");
    expect(outcome).toMatchObject({ verdict: Verdict.ALLOW, matches: [{ rule: "s", effect: Effect.DENY, mode: RuleMode.SHADOW }] });
  });

  it("gives conditions its fields, its origin and the time", () => {
    const when = `operator == "op" && owner == "ow" && name == "né" && size(name) == 2 && app_id == 1400000000 && platform == "iOS" && client_ip == "10.0.0.1" && now == timestamp("1970-01-01T00:00:01Z")`;
    expect(
      rules(creation(policyOf(`  - { id: a, on: [create_account], when: '${when}', then: { flag: {} } }`), "né", noFacts, 1000)),
    ).toEqual(["a"]);
  });
});

describe("a condition that cannot be evaluated", () => {
  const failing = (rest: string) => policyOf(`  - { id: e, on: [create_account], when: "int(name) > 3", then: { deny: {} }${rest} }`);

  it("counts as held, and says so", () => {
    const outcome = creation(failing(""), "abc");
    expect(outcome.verdict).toBe(Verdict.DENY);
    expect(outcome.matches[0]).toMatchObject({ rule: "e", skipped: false });
    expect(outcome.matches[0]?.error).not.toBe("");
  });

  it("is passed over under on_error: skip, and says so", () => {
    const outcome = creation(failing(", on_error: skip"), "abc");
    expect(outcome.verdict).toBe(Verdict.ALLOW);
    expect(outcome.matches[0]).toMatchObject({ rule: "e", skipped: true });
    expect(outcome.matches[0]?.error).not.toBe("");
  });

  it("is an ordinary condition when it can", () => {
    expect(creation(failing(""), "2").matches).toEqual([]);
    expect(creation(failing(""), "4").matches[0]?.error).toBe("");
  });

  it("lets a failure of the facts through: that is no fault of the rule", () => {
    const broken: Facts = {
      ...noFacts,
      inList() {
        throw new Error("the store is gone");
      },
    };
    const policy = policyOf(
      `  - { id: a, on: [create_account], when: 'inList(name, "banned") || true', then: { deny: {} }, on_error: skip }`,
    );
    expect(() => creation(policy, "y", broken)).toThrow("the store is gone");
  });
});

describe("a subscription", () => {
  const banned = lists({ banned: ["jared", "kim"] });

  it("refuses just those a rule names, in the order of the request", () => {
    const policy = policyOf(`
  - { id: kim, on: [add_subscribers], when: subscriber == "kim", then: { refuse: { message: k } } }
  - { id: banned, on: [add_subscribers], when: 'inList(subscriber, "banned")', then: { refuse: { message: b } } }`);
    const outcome = subscription(policy, ["jared", "leckie", "kim"], banned);
    expect(outcome).toMatchObject({
      verdict: Verdict.ALLOW,
      refused: [
        { subscriber: "jared", rule: "banned", message: "b" },
        { subscriber: "kim", rule: "kim", message: "k" },
      ],
    });
    expect(rules(outcome)).toEqual(["kim/kim", "banned/jared"]);
  });

  it("refuses everyone under a refuse that asks about nobody", () => {
    const policy = policyOf(`  - { id: closed, on: [add_subscribers], when: account_id == "acc", then: { refuse: {} } }`);
    expect(subscription(policy, ["a", "b"]).refused.map((r) => r.subscriber)).toEqual(["a", "b"]);
  });

  it("lets an allow settle one user", () => {
    const policy = policyOf(`
  - { id: vip, on: [add_subscribers], when: subscriber == "jared", then: { allow: {} } }
  - { id: banned, on: [add_subscribers], when: 'inList(subscriber, "banned")', then: { refuse: {} } }`);
    expect(subscription(policy, ["jared", "kim"], banned).refused.map((r) => r.subscriber)).toEqual(["kim"]);
  });

  it("is over when everyone is settled", () => {
    const policy = policyOf(`
  - { id: vip, on: [add_subscribers], when: subscriber.startsWith("j"), then: { allow: {} } }
  - { id: deny, on: [add_subscribers], then: { deny: {} } }`);
    expect(subscription(policy, ["jared", "jim"]).verdict).toBe(Verdict.ALLOW);
    expect(subscription(policy, ["jared", "kim"]).verdict).toBe(Verdict.DENY);
  });

  it("is denied as a whole by a deny, and then refuses nobody by name", () => {
    const policy = policyOf(`
  - { id: banned, on: [add_subscribers], when: 'inList(subscriber, "banned")', then: { refuse: {} } }
  - { id: closed, on: [add_subscribers], when: account_id == "acc", then: { deny: { message: closed } } }`);
    expect(subscription(policy, ["jared", "leckie"], banned)).toMatchObject({
      verdict: Verdict.DENY,
      code: 1,
      message: "closed",
      refused: [],
    });
  });

  it("asks about a user once who is named twice", () => {
    const policy = policyOf(`  - { id: banned, on: [add_subscribers], when: 'inList(subscriber, "banned")', then: { refuse: {} } }`);
    expect(subscription(policy, ["jared", "jared"], banned).refused).toHaveLength(1);
  });
});

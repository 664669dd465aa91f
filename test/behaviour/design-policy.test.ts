// The policy that the design shows does what its comments say, through every door; with quotas, flags, shadow and explanations.
import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Effect, RuleMode, Severity, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { DecisionService, RuleResult } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { ListService } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { PolicyPointer, PolicyService } from "../../gen/gatehouse/v1/policy_service_pb.ts";
import { startGatehouse, type TestGatehouse } from "../gatehouse.ts";
import { doors, requestOf } from "./doors.ts";

const designPolicy = `
name: starter
lists:                                                 # what the rules ask; made when the policy goes live
  staff: { kind: exact }
  banned_users: { kind: exact }
  protected_names: { kind: pattern }
default: { create_account: allow, add_subscribers: allow }
rules:
  - id: trusted-operators
    on: [create_account]
    when: inList(operator, "staff")
    then: { allow: {} }
  - id: impersonation
    on: [create_account, account_profile_changed]      # an event cannot be denied: there it flags
    when: matchesList(skeleton(name), "protected_names")
    then: { deny: { code: 120002, message: "This name is reserved." } }
  - id: quota
    on: [create_account]
    when: liveAccounts(owner) >= 5                     # counts allowed creations that are not confirmed yet
    then: { deny: { code: 120003, message: "You have the most channels you can have." } }
  - id: banned-subscriber
    on: [add_subscribers]
    when: inList(subscriber, "banned_users")
    then: { refuse: { message: "banned" } }
`;

const beforeCreate = "OfficialAccount.CallbackBeforeCreateOfficialAccount";
const afterCreate = "OfficialAccount.CallbackAfterCreateOfficialAccount";
const afterChange = "OfficialAccount.CallbackAfterOfficialAccountInfoChanged";
const afterDestroy = "OfficialAccount.CallbackAfterOfficialAccountDestroyed";

async function fill(gatehouse: TestGatehouse): Promise<void> {
  const lists = createClient(ListService, gatehouse.server.localDoor);
  await lists.addEntries({ list: "staff", entries: [{ value: "boss" }] });
  await lists.addEntries({ list: "banned_users", entries: [{ value: "jared" }] });
  await lists.addEntries({ list: "protected_names", entries: [{ value: "Official News" }, { value: "官方公告" }, { value: "café" }] });
}

describe("the design's policy", () => {
  let gatehouse: TestGatehouse;
  beforeAll(async () => {
    gatehouse = await startGatehouse({ policy: designPolicy });
    await fill(gatehouse);
  });
  afterAll(() => gatehouse[Symbol.asyncDispose]());

  // An owner for whom there is always room.
  let owners = 0;
  const anyone = () => `owner-${owners++}`;

  describe.each(doors)("through $name", (door) => {
    it.each([
      "Official News",
      "official news",
      "ＯＦＦＩＣＩＡＬ　ＮＥＷＳ",
      "Off\u200bicial\u200d News",
      "Offícíal Néws",
      "Оffісіаl Nеws",
      "Οfficial News",
      "The 0fficia1 News!",
      "官方公告",
      "【官方公告】",
      "Cafe",
    ])("keeps %j from being taken", async (name) => {
      const { answer } = await door.decide(gatehouse, { operator: "ann", owner: anyone(), name });
      expect(answer).toEqual({ verdict: "deny", code: 120002, message: "This name is reserved.", refused: [] });
    });

    it.each(["公司新闻", "ニュース速報", "공식이아닌채널", "أخبار اليوم", "Новости дня", "Unofficial", "official newsletter"])(
      "lets %j through",
      async (name) => {
        const { answer } = await door.decide(gatehouse, { operator: "ann", owner: anyone(), name });
        expect(answer.verdict).toBe("allow");
      },
    );

    it("lets trusted operators take any name", async () => {
      expect((await door.decide(gatehouse, { operator: "boss", owner: anyone(), name: "Official News" })).answer.verdict).toBe("allow");
    });

    it("denies the sixth account of an owner, though none is confirmed yet", async () => {
      const verdicts = [];
      for (let i = 0; i < 6; i++) {
        verdicts.push((await door.decide(gatehouse, { operator: "ann", owner: `quota-${door.name}`, name: `n${i}-${door.name}` })).answer);
      }
      expect(verdicts.map((v) => v.code)).toEqual([0, 0, 0, 0, 0, 120003]);
    });

    it("refuses just the banned subscriber", async () => {
      const { answer } = await door.decide(gatehouse, { account_id: "@TOA#_a", subscribers: ["jared", "leckie"] });
      expect(answer).toEqual({ verdict: "allow", code: 0, message: "", refused: ["jared"] });
    });
  });

  it("flags an event that it would have denied", async () => {
    const body = { Official_Account: "@TOA#_flagged", Operator_Account: "ann", Name: "Оfficial News", EventTime: 1670574414123 };
    await gatehouse.post(afterChange, body);
    await gatehouse.post(afterChange, body);
    const client = createClient(DecisionService, gatehouse.server.localDoor);
    const { decisions } = await client.listDecisions({ accountId: "@TOA#_flagged" });
    expect(decisions).toHaveLength(1);
    expect(decisions[0]).toMatchObject({
      verdict: Verdict.ALLOW,
      code: 0,
      eventId: expect.stringMatching(/^evt-/),
      action: { case: "accountProfileChanged" },
      matches: [{ rule: "impersonation", effect: Effect.FLAG, severity: Severity.HIGH, message: "This name is reserved." }],
    });
  });

  it("is explained from what was recorded, whatever has changed since", async () => {
    const client = createClient(ModerationService, gatehouse.server.localDoor);
    const { decision } = await client.decide(requestOf({ operator: "ann", owner: "explained", name: "café" }));
    const lists = createClient(ListService, gatehouse.server.localDoor);
    await lists.removeEntries({ list: "protected_names", values: ["café"] });
    const decisions = createClient(DecisionService, gatehouse.server.localDoor);
    const explained = await decisions.explainDecision({ decisionId: decision?.decisionId ?? "" });
    await lists.addEntries({ list: "protected_names", entries: [{ value: "café" }] });
    expect(explained.conclusion).toBe('Denied with code 120002, by the rule "impersonation".');
    expect(explained.rules.map(({ rule, result }) => [rule, result])).toEqual([
      ["trusted-operators", RuleResult.NOT_HELD],
      ["impersonation", RuleResult.HELD],
      ["quota", RuleResult.NOT_ASKED],
    ]);
    expect(explained.rules[1]?.values).toContainEqual(expect.objectContaining({ expression: "name", value: '"café"' }));
    expect(explained.policyText).toContain("# counts allowed creations");
  });
});

describe("a quota", () => {
  /** How many of `count` creations at once for one owner are allowed, half of them by webhook and half by gRPC. */
  async function race(gatehouse: TestGatehouse, owner: string, count: number): Promise<number> {
    const grpc = doors.find((door) => door.name === "grpc");
    const asked = Array.from({ length: count }, async (_, i) => {
      if (i % 2 === 0) {
        const { answer } = await gatehouse.post(beforeCreate, { Operator_Account: "ann", Owner_Account: owner, Name: `n${i}` });
        return (answer as { ErrorCode: number }).ErrorCode === 0;
      }
      const { answer } = (await grpc?.decide(gatehouse, { operator: "ann", owner, name: `n${i}` })) ?? {};
      return answer?.verdict === "allow";
    });
    return (await Promise.all(asked)).filter(Boolean).length;
  }

  it("lets exactly as many through as there is room for, however many ask at once", async () => {
    await using gatehouse = await startGatehouse({ policy: designPolicy });
    for (let round = 0; round < 15; round++) {
      const owner = `owner-${round}`;
      const room = 1 + (round % 5);
      for (let i = 0; i < 5 - room; i++) {
        await gatehouse.post(afterCreate, {
          Official_Account: `${owner}-${i}`,
          Owner_Account: owner,
          Name: `taken-${i}`,
          EventTime: 1 + i,
        });
      }
      expect(await race(gatehouse, owner, 100)).toBe(room);
    }
  }, 60_000);

  it("gives room back when a reservation is confirmed and the account destroyed, or when it lapses", async () => {
    await using gatehouse = await startGatehouse({ policy: designPolicy, env: { GATEHOUSE_RESERVATION_SECONDS: "1" } });
    expect(await race(gatehouse, "o", 20)).toBe(5);
    const account = { Official_Account: "@TOA#_o", Owner_Account: "o", Operator_Account: "ann", Name: "n0" };
    await gatehouse.post(afterCreate, { ...account, EventTime: 1000 });
    expect(await race(gatehouse, "o", 20)).toBe(0);
    await gatehouse.post(afterDestroy, { ...account, EventTime: 2000 });
    await vi.waitFor(async () => expect(await race(gatehouse, "o", 1)).toBe(1), { timeout: 5000, interval: 100 });
  });

  it("previews what the decision then is", async () => {
    await using gatehouse = await startGatehouse({ policy: designPolicy });
    await fill(gatehouse);
    const client = createClient(ModerationService, gatehouse.server.localDoor);
    for (const name of ["a", "Official News", "b", "c", "d", "e", "f"]) {
      const request = requestOf({ operator: "ann", owner: "p", name });
      const { decision: preview } = await client.decide({ ...request, preview: true });
      const { decision } = await client.decide(request);
      expect([preview?.verdict, preview?.code, preview?.message]).toEqual([decision?.verdict, decision?.code, decision?.message]);
    }
  });
});

describe("a rate", () => {
  it("counts decisions by whom they name, for the window", async () => {
    const policy = `
name: burst
rules:
  - id: burst
    on: [create_account]
    when: rate("create_account", operator, duration("1h")) >= 3
    then: { deny: { code: 120010, message: "Not so fast, {operator}." } }
`;
    await using gatehouse = await startGatehouse({ policy });
    const client = createClient(ModerationService, gatehouse.server.localDoor);
    const asked = await Promise.all(
      Array.from({ length: 10 }, (_, i) => client.decide(requestOf({ operator: "ann", owner: `o${i}`, name: "n" }))),
    );
    expect(asked.filter(({ decision }) => decision?.verdict === Verdict.ALLOW)).toHaveLength(3);
    expect(asked.at(-1)?.decision?.message).toBe("Not so fast, ann.");
    expect((await client.decide(requestOf({ operator: "ben", owner: "o", name: "n" }))).decision?.verdict).toBe(Verdict.ALLOW);
  });
});

describe("a name", () => {
  it("is in use from the moment it is allowed, in any spelling of its normal form", async () => {
    const policy = `
name: unique
rules:
  - { id: taken, on: [create_account], when: nameInUse(name), then: { deny: { code: 120011, message: "{name} is taken." } } }
`;
    await using gatehouse = await startGatehouse({ policy });
    const client = createClient(ModerationService, gatehouse.server.localDoor);
    const code = async (name: string) => (await client.decide(requestOf({ operator: "ann", owner: "o", name }))).decision?.code;
    expect(await code("Café Daily")).toBe(0);
    expect(await code("ＣＡＦＥ daily")).toBe(120011);
    expect(await code("Cafe Weekly")).toBe(0);
    await gatehouse.post(afterCreate, {
      Official_Account: "@TOA#_c",
      Operator_Account: "ann",
      Owner_Account: "o",
      Name: "Cafe Weekly",
      EventTime: Date.now(),
    });
    expect(await code("CAFE WEEKLY")).toBe(120011);
    await gatehouse.post(afterDestroy, {
      Official_Account: "@TOA#_c",
      Owner_Account: "o",
      Name: "Cafe Weekly",
      EventTime: Date.now() + 1000,
    });
    expect(await code("cafe weekly")).toBe(0);
  });
});

describe("a message", () => {
  it("is in the language of the app", async () => {
    const policy = `
name: languages
rules:
  - id: no
    on: [create_account]
    then: { deny: { code: 120001, message: "{name} is reserved", translations: { zh: "{name} 已被保留", ja: "{name} は予約済みです" } } }
`;
    await using gatehouse = await startGatehouse({ policy, locale: "zh-Hans-CN" });
    const { answer } = await gatehouse.post(beforeCreate, { Operator_Account: "a", Owner_Account: "b", Name: "新闻" });
    expect(answer).toEqual({ ActionStatus: "OK", ErrorInfo: "新闻 已被保留", ErrorCode: 120001 });
  });
});

describe("the shadow policy", () => {
  it("is asked after the answer, changes nothing, and its differences are kept and reported", async () => {
    const live =
      "name: live\nlists: { bad: { kind: pattern } }\nrules:\n  - { id: quota, on: [create_account], when: liveAccounts(owner) >= 3, then: { deny: {} } }\n";
    const candidate = live
      .replace("name: live", "name: candidate")
      .replace(">= 3", ">= 2")
      .concat(`  - { id: bad, on: [create_account], when: 'matchesList(name, "bad")', then: { deny: { code: 120002 } } }\n`);
    await using gatehouse = await startGatehouse({ policy: live });
    const policies = createClient(PolicyService, gatehouse.server.localDoor);
    const { policy } = await policies.publishPolicy({ text: candidate, activate: PolicyPointer.SHADOW, author: "t", reason: "trial" });
    await createClient(ListService, gatehouse.server.localDoor).addEntries({ list: "bad", entries: [{ value: "spam" }] });
    const client = createClient(ModerationService, gatehouse.server.localDoor);
    const answers = [];
    for (const [owner, name] of [
      ["o", "a"],
      ["o", "b"],
      ["o", "c"],
      ["p", "spam"],
      ["p", "fine"],
    ]) {
      answers.push((await client.decide(requestOf({ operator: "x", owner: owner ?? "", name: name ?? "" }))).decision);
    }
    expect(answers.map((d) => d?.verdict)).toEqual(Array(5).fill(Verdict.ALLOW));
    await vi.waitFor(async () => expect((await policies.reportShadow({})).shadowCount).toBe(5n), { timeout: 5000 });
    const report = await policies.reportShadow({});
    expect(report).toMatchObject({
      shadowVersion: policy?.version,
      decisionCount: 5n,
      changedCount: 2n,
      verdictChanges: [{ from: "allow", to: "deny", count: 2n }],
      exampleDecisionIds: [answers[3]?.decisionId, answers[2]?.decisionId],
    });
    const { decision } = await createClient(DecisionService, gatehouse.server.localDoor).getDecision({
      decisionId: answers[3]?.decisionId ?? "",
    });
    expect(decision?.shadow).toMatchObject({ verdict: Verdict.DENY, code: 120002, matches: [{ rule: "bad", mode: RuleMode.ENFORCE }] });
  });
});

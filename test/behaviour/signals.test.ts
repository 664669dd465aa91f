// Rules that ask classifiers: what is asked, what is decided when no answer comes, and what of it is recorded.
import { type Client, createClient } from "@connectrpc/connect";
import { describe, expect, it, vi } from "vitest";
import { type Decision, DegradedCause, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { DecisionService } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { PolicyPointer, PolicyService } from "../../gen/gatehouse/v1/policy_service_pb.ts";
import { startClassifier, startGrpcClassifier, type TestClassifier } from "../classifier.ts";
import { startGatehouse, type TestGatehouse, testApp } from "../gatehouse.ts";
import { startGateway } from "../gateway.ts";
import { type CaseAction, doors, requestOf, rpcTransports } from "./doors.ts";
import { failureOf } from "./reason-of.ts";

const beforeCreate = "OfficialAccount.CallbackBeforeCreateOfficialAccount";

const policy = `
name: signals
rules:
  - { id: boss, on: [create_account], when: operator == "boss", then: { allow: {} } }
  - id: toxic
    on: [create_account, account_created]
    when: signal("toxicity", name) > 0.8
    then: { deny: { code: 120111, message: no } }
  - { id: user, on: [add_subscribers], when: 'signal("toxicity", subscriber) > 0.8', then: { refuse: { message: no } } }
  - { id: words, on: [send_message], when: 'signal("toxicity", text) > 0.8 && signal("spam", text) > 0.5', then: { discard: {} } }
`;

/** How bad a text is, to the classifiers here. */
const badness = ({ text }: { text: string }) => (text.includes("bad") ? 0.9 : 0.1);

const bad = { verdict: "deny", code: 120111, message: "no", refused: [] };
const good = { verdict: "allow", code: 0, message: "", refused: [] };

/** Settings of a signal over HTTP. */
const at = ({ port }: TestClassifier, more: object = {}) => ({
  url: `http://127.0.0.1:${port}/`,
  on_failure: 0,
  timeout_ms: 10_000,
  ...more,
});

function decider(gatehouse: TestGatehouse): (action: CaseAction, more?: { requestId?: string; preview?: boolean }) => Promise<Decision> {
  const client: Client<typeof ModerationService> = createClient(ModerationService, gatehouse.server.localDoor);
  return async (action, more) => {
    const { decision } = await client.decide({ ...requestOf(action), ...more });
    if (decision === undefined) throw new Error("no decision");
    return decision;
  };
}

const factsOf = ({ facts }: Decision) =>
  facts.map(({ function: name, arguments: args, value, failure }) => [name, ...args, value, failure]);

async function latest(gatehouse: TestGatehouse): Promise<Decision> {
  const [decision] = (await createClient(DecisionService, gatehouse.server.localDoor).listDecisions({ pageSize: 1 })).decisions;
  if (decision === undefined) throw new Error("nothing was recorded");
  return decision;
}

async function metric(gatehouse: TestGatehouse, name: string): Promise<number> {
  const lines = (await (await fetch(`${gatehouse.apiUrl}/metrics`)).text()).split("\n");
  return Number(lines.find((line) => line.startsWith(`${name} `))?.slice(name.length) ?? 0);
}

describe.each(doors)("a signal, asked through $name", (door) => {
  it("decides, and is recorded with what it said", async () => {
    await using classifier = await startClassifier(badness);
    await using gatehouse = await startGatehouse({ policy, signals: { toxicity: at(classifier), spam: at(classifier) } });
    const denied = await door.decide(gatehouse, { operator: "ann", name: "bad name" });
    expect(denied.answer).toEqual(bad);
    expect(denied.recorded).toMatchObject({ facts: [{ function: "signal", arguments: ["toxicity", "bad name"], value: "0.9" }] });
    const allowed = await door.decide(gatehouse, { operator: "ann", name: "fine" });
    expect(allowed.answer).toEqual(good);
    expect(allowed.recorded).toMatchObject({ facts: [{ function: "signal", arguments: ["toxicity", "fine"], value: "0.1" }] });
    const subscribers = ["ann", "bad ben", "cid", "bad dan"];
    const refused = await door.decide(gatehouse, { account_id: "@TOA#_a", subscribers });
    expect(refused.answer).toMatchObject({ verdict: "allow", refused: ["bad ben", "bad dan"] });
    expect(classifier.asked.map(({ text }) => text).toSorted()).toEqual(["bad name", "fine", ...subscribers].toSorted());
  });

  it("that does not answer costs its value, and never the verdict", { timeout: 20_000 }, async () => {
    await using classifier = await startClassifier(() => undefined);
    const signals = { toxicity: at(classifier, { timeout_ms: 200, on_failure: 1 }), spam: at(classifier) };
    await using gatehouse = await startGatehouse({ policy, signals });
    const { answer, recorded } = await door.decide(gatehouse, { operator: "ann", name: "fine" });
    expect(answer).toEqual(bad);
    expect(recorded).toMatchObject({ facts: [{ arguments: ["toxicity", "fine"], value: "1", failure: "timeout" }] });
    expect(recorded).not.toHaveProperty("degraded");
  });
});

it("is asked over gRPC as well", async () => {
  await using classifier = await startGrpcClassifier(badness);
  const signals = {
    toxicity: { grpc: `127.0.0.1:${classifier.port}`, on_failure: 0, timeout_ms: 10_000, token: "secret" },
    spam: { grpc: `127.0.0.1:${classifier.port}`, on_failure: 0, timeout_ms: 10_000 },
  };
  await using gatehouse = await startGatehouse({ policy, signals });
  const decide = decider(gatehouse);
  expect((await decide({ operator: "ann", name: "bad" })).verdict).toBe(Verdict.DENY);
  const elements = [`{"MsgType":"TIMTextElem","MsgContent":{"Text":"bad words"}}`];
  expect((await decide({ account_id: "@TOA#_a", elements })).verdict).toBe(Verdict.DISCARD);
  expect(classifier.asked).toEqual([
    { signal: "toxicity", text: "bad", authorization: "Bearer secret" },
    { signal: "toxicity", text: "bad words", authorization: "Bearer secret" },
    { signal: "spam", text: "bad words", authorization: undefined },
  ]);
});

describe("what is asked", () => {
  it("is only what the rules reach, and what is not remembered", async () => {
    await using classifier = await startClassifier(badness);
    await using gatehouse = await startGatehouse({ policy, signals: { toxicity: at(classifier), spam: at(classifier) } });
    const decide = decider(gatehouse);
    await decide({ operator: "boss", name: "bad" });
    await decide({ account_id: "@TOA#_a", elements: [`{"MsgType":"TIMImageElem","MsgContent":{"UUID":"bad"}}`] });
    await decide({ account_id: "@TOA#_a", elements: [`{"MsgType":"TIMTextElem","MsgContent":{"Text":"fine"}}`] });
    expect(classifier.asked.map(({ signal, text }) => [signal, text])).toEqual([["toxicity", "fine"]]);
    const decision = await decide({ operator: "ann", name: "fine" });
    expect(classifier.asked).toHaveLength(1);
    expect(factsOf(decision)).toEqual([["signal", "toxicity", "fine", "0.1", ""]]);
    expect(await metric(gatehouse, 'gatehouse_signal_questions_total{signal="toxicity",outcome="remembered"}')).toBe(1);
    expect(await metric(gatehouse, 'gatehouse_signal_calls_total{signal="toxicity",outcome="answered"}')).toBe(1);
  });

  it("is not asked again under a request_id that was decided, and a preview asks like a decision", async () => {
    await using classifier = await startClassifier(badness);
    const more = { cache_seconds: 0 };
    await using gatehouse = await startGatehouse({ policy, signals: { toxicity: at(classifier, more), spam: at(classifier, more) } });
    const decide = decider(gatehouse);
    const preview = await decide({ operator: "ann", name: "bad" }, { preview: true });
    expect(preview).toMatchObject({ verdict: Verdict.DENY, decisionId: "" });
    expect(classifier.asked).toHaveLength(1);
    const first = await decide({ operator: "ann", name: "bad" }, { requestId: "r" });
    expect(factsOf(first)).toEqual(factsOf(preview));
    const again = await decide({ operator: "ann", name: "bad" }, { requestId: "r" });
    expect([again.decisionId, classifier.asked.length]).toEqual([first.decisionId, 2]);
  });

  it("is nothing that has more than 16384 bytes", async () => {
    await using classifier = await startClassifier(badness);
    const signals = { toxicity: at(classifier, { on_failure: 1 }), spam: at(classifier, { on_failure: 1 }) };
    await using gatehouse = await startGatehouse({ policy, signals });
    const text = "x".repeat(16_385);
    const decision = await decider(gatehouse)({
      account_id: "@TOA#_a",
      elements: [JSON.stringify({ MsgType: "TIMTextElem", MsgContent: { Text: text } })],
    });
    expect(decision.verdict).toBe(Verdict.DISCARD);
    expect(factsOf(decision).map((fact) => fact.at(-1))).toEqual(["too_long", "too_long"]);
    expect(classifier.asked).toEqual([]);
  });
});

describe("a classifier that is no good", () => {
  it.each([
    [
      "answers an error",
      (_asked: unknown, res: { writeHead(status: number): { end(): void } }) => void res.writeHead(500).end(),
      "rubbish",
    ],
    ["answers a text", () => "0.9", "rubbish"],
    ["breaks the connection", (_asked: unknown, res: { destroy(): unknown }) => void res.destroy(), "down"],
  ])("because it %s gets the value for failures into the decision, and a line into the log", async (_what, answer, failure) => {
    await using classifier = await startClassifier(answer);
    const signals = { toxicity: at(classifier, { on_failure: 0.85 }), spam: at(classifier) };
    await using gatehouse = await startGatehouse({ policy, signals });
    const decision = await decider(gatehouse)({ operator: "ann", name: "secret name" });
    expect(decision.verdict).toBe(Verdict.DENY);
    expect(factsOf(decision)).toEqual([["signal", "toxicity", "secret name", "0.85", failure]]);
    const lines = gatehouse.log.filter((line) => line.includes("a signal had no answer"));
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ level: "warn", signal: "toxicity", cause: failure }]);
    expect(lines.join()).not.toContain("secret name");
    expect(await metric(gatehouse, `gatehouse_signal_calls_total{signal="toxicity",outcome="${failure}"}`)).toBe(1);
  });

  it("is left alone after failures, costs other signals nothing, and is tried again", async () => {
    let isUp = false;
    await using first = await startClassifier((asked, res) => (isUp ? badness(asked) : void res.destroy()));
    await using second = await startClassifier(badness);
    const signals = { toxicity: at(first, { rest_after: 3, rest_ms: 60_000 }), spam: at(second, { on_failure: 1 }) };
    let nowMs = Date.now();
    await using gatehouse = await startGatehouse({ policy, signals, now: () => nowMs });
    const decide = decider(gatehouse);
    const failures: string[] = [];
    for (let i = 0; i < 5; i++) failures.push((await decide({ operator: "ann", name: `bad ${i}` })).facts[0]?.failure ?? "");
    expect(failures).toEqual(["down", "down", "down", "resting", "resting"]);
    expect(first.asked).toHaveLength(3);
    isUp = true;
    nowMs += 60_000;
    expect((await decide({ operator: "ann", name: "bad 3" })).verdict).toBe(Verdict.DENY);
    expect((await decide({ operator: "ann", name: "bad 4" })).verdict).toBe(Verdict.DENY);
    expect(second.asked).toEqual([]);
  });
});

describe("the budget of a webhook", () => {
  const slow = { timeout_ms: 10_000, on_failure: 1 };
  const body = { Operator_Account: "ann", Owner_Account: "ann", Name: "fine" };

  it("is never exceeded: the value for failures is decided with, and it is no fallback", { timeout: 20_000 }, async () => {
    await using classifier = await startClassifier(() => undefined);
    const signals = { toxicity: at(classifier, slow), spam: at(classifier, slow) };
    await using gatehouse = await startGatehouse({ policy, signals });
    expect((await gatehouse.post(beforeCreate, body)).answer).toMatchObject({ ErrorCode: 120111 });
    expect(await latest(gatehouse)).toMatchObject({ degraded: false, verdict: Verdict.DENY, facts: [{ value: "1", failure: "deadline" }] });
    await using gateway = await startGateway({ service: `dns:///127.0.0.1:${gatehouse.server.grpc.port}` });
    expect((await gateway.post(beforeCreate, { ...body, Name: "other" })).answer).toMatchObject({ ErrorCode: 120111 });
    expect(await latest(gatehouse)).toMatchObject({ degraded: false, facts: [{ arguments: ["toxicity", "other"], failure: "deadline" }] });
    // The budget, and no time limit of ours, has ended both.
    expect(await metric(gatehouse, 'gatehouse_signal_questions_total{signal="toxicity",outcome="deadline"}')).toBe(2);
  });

  it("holds for events too", { timeout: 20_000 }, async () => {
    await using classifier = await startClassifier(() => undefined);
    const signals = { toxicity: at(classifier, slow), spam: at(classifier, slow) };
    await using gatehouse = await startGatehouse({ policy, signals });
    const { answer } = await gatehouse.post("OfficialAccount.CallbackAfterCreateOfficialAccount", {
      ...body,
      Official_Account: "@TOA#_a",
      EventTime: Date.now(),
    });
    expect(answer).toEqual({ ActionStatus: "OK", ErrorInfo: "", ErrorCode: 0 });
    expect(await latest(gatehouse)).toMatchObject({ matches: [{ rule: "toxic" }], facts: [{ value: "1", failure: "deadline" }] });
  });
});

describe("events and late decisions", () => {
  it("ask signals, each event of a batch too", async () => {
    await using classifier = await startClassifier(badness);
    await using gatehouse = await startGatehouse({ policy, signals: { toxicity: at(classifier), spam: at(classifier) } });
    const client = createClient(ModerationService, gatehouse.server.localDoor);
    const created = (name: string) => ({
      appId: testApp,
      event: { case: "accountCreated" as const, value: { accountId: `@TOA#_${name}`, owner: "ann", name } },
    });
    await client.record(created("bad1"));
    expect(factsOf(await latest(gatehouse))).toEqual([["signal", "toxicity", "bad1", "0.9", ""]]);
    await client.recordBatch({ appId: testApp, requests: ["fine", "bad2", "bad1"].map(created) });
    const { decisions } = await createClient(DecisionService, gatehouse.server.localDoor).listDecisions({});
    expect(decisions.map(({ action }) => action.value)).toMatchObject([{ name: "bad2" }, { name: "bad1" }]);
    expect(classifier.asked.map(({ text }) => text).toSorted()).toEqual(["bad1", "bad2", "fine"]);
  });

  it("that come after a fallback ask them as well", async () => {
    await using classifier = await startClassifier(badness);
    await using gatehouse = await startGatehouse({ policy, signals: { toxicity: at(classifier), spam: at(classifier) } });
    const { decision } = await createClient(ModerationService, gatehouse.server.localDoor).recordFallback({
      request: requestOf({ operator: "ann", name: "bad" }),
      answered: Verdict.ALLOW,
      cause: DegradedCause.DEADLINE,
    });
    expect(decision).toMatchObject({ degraded: true, verdict: Verdict.ALLOW, lateVerdict: Verdict.DENY, facts: [{ value: "0.9" }] });
  });
});

describe("a decision that is told again", () => {
  it("says what the signal said then", async () => {
    let worst = 0.9;
    await using classifier = await startClassifier(() => worst);
    await using gatehouse = await startGatehouse({
      policy,
      signals: { toxicity: at(classifier, { cache_seconds: 0 }), spam: at(classifier) },
    });
    const name = `long ${"x".repeat(600)}`;
    const { decisionId } = await decider(gatehouse)({ operator: "ann", name: "n" });
    const elements = [JSON.stringify({ MsgType: "TIMTextElem", MsgContent: { Text: name } })];
    const long = await decider(gatehouse)({ account_id: "@TOA#_a", elements });
    worst = 0;
    const client = createClient(DecisionService, gatehouse.server.localDoor);
    const { rules, conclusion } = await client.explainDecision({ decisionId });
    expect(conclusion).toBe('Denied with code 120111, by the rule "toxic".');
    expect(rules.find(({ rule }) => rule === "toxic")?.values).toContainEqual(
      expect.objectContaining({ expression: 'signal("toxicity", name)', value: "0.9" }),
    );
    // Of a long text its digest is kept, and it is found by that.
    expect(long.verdict).toBe(Verdict.DISCARD);
    expect((await client.explainDecision({ decisionId: long.decisionId })).conclusion).toBe('Discarded, by the rule "words".');
  });
});

describe("a policy on trial", () => {
  const plain = "name: plain\nrules:\n  - { id: x, on: [create_account], when: name == '-', then: { flag: {} } }\n";
  const trial = `name: trial\nrules:\n  - { id: trial, on: [create_account], when: 'signal("toxicity", name) > 0.8', then: { deny: {} } }\n`;

  it("asks after the answer, and delays nobody", async () => {
    let release = (_value: number) => {};
    const held = new Promise<number>((resolve) => {
      release = resolve;
    });
    await using classifier = await startGrpcClassifier(() => held);
    const toxicity = { grpc: `127.0.0.1:${classifier.port}`, on_failure: 0, timeout_ms: 10_000 };
    await using gatehouse = await startGatehouse({ policy: plain, signals: { toxicity } });
    const policies = createClient(PolicyService, gatehouse.server.localDoor);
    await policies.publishPolicy({ text: trial, activate: PolicyPointer.SHADOW });
    // The classifier answers nobody until the decision is there.
    const { decisionId, verdict } = await decider(gatehouse)({ operator: "ann", name: "bad" });
    expect(verdict).toBe(Verdict.ALLOW);
    await vi.waitFor(() => expect(classifier.asked).toHaveLength(1), { timeout: 5000 });
    release(0.9);
    const client = createClient(DecisionService, gatehouse.server.localDoor);
    await expect
      .poll(async () => (await client.getDecision({ decisionId })).decision?.shadow?.matches.map(({ rule }) => rule), { timeout: 5000 })
      .toEqual(["trial"]);
  });

  it("is passed over when too many of its questions wait, rather than show what would never be", async () => {
    await using classifier = await startGrpcClassifier(() => new Promise<number>(() => undefined));
    const toxicity = { grpc: `127.0.0.1:${classifier.port}`, on_failure: 1, timeout_ms: 10_000, max_connections: 4, max_queue: 0 };
    await using gatehouse = await startGatehouse({ policy: plain, signals: { toxicity } });
    const policies = createClient(PolicyService, gatehouse.server.localDoor);
    await policies.publishPolicy({ text: trial, activate: PolicyPointer.SHADOW });
    await decider(gatehouse)({ operator: "ann", name: "one" });
    await vi.waitFor(() => expect(classifier.asked).toHaveLength(1), { timeout: 5000 });
    await decider(gatehouse)({ operator: "ann", name: "two" });
    await expect.poll(() => metric(gatehouse, 'gatehouse_shadow_trials_total{result="passed_over"}'), { timeout: 5000 }).toBe(1);
    expect(classifier.asked).toHaveLength(1);
  });

  it("takes what was fetched for the decision", async () => {
    await using classifier = await startClassifier(badness);
    const more = { cache_seconds: 0 };
    await using gatehouse = await startGatehouse({ policy, signals: { toxicity: at(classifier, more), spam: at(classifier, more) } });
    const policies = createClient(PolicyService, gatehouse.server.localDoor);
    await policies.publishPolicy({ text: trial, activate: PolicyPointer.SHADOW });
    const { decisionId } = await decider(gatehouse)({ operator: "ann", name: "bad" });
    const client = createClient(DecisionService, gatehouse.server.localDoor);
    await expect
      .poll(async () => (await client.getDecision({ decisionId })).decision?.shadow?.matches.map(({ rule }) => rule), { timeout: 5000 })
      .toEqual(["trial"]);
    expect(classifier.asked).toHaveLength(1);
  });
});

describe.each(Object.entries(rpcTransports))("a signal that there is not, through %s", (_name, transport) => {
  it("keeps a policy from being published, and says where it stands", async () => {
    await using classifier = await startClassifier(badness);
    await using gatehouse = await startGatehouse({ policy: "name: x\n", signals: { toxicity: at(classifier) } });
    const policies = createClient(PolicyService, transport(gatehouse));
    const text =
      'name: x\nrules:\n  - id: a\n    on: [create_account]\n    when: name == "" || signal("toxicitee", name) > 0.5\n    then: { flag: {} }\n';
    const { problems, version } = await policies.checkPolicy({ text });
    expect({ problems, version }).toMatchObject({
      version: "",
      problems: [
        {
          line: 5,
          column: 32,
          rule: "a",
          message: 'There is no signal "toxicitee" in the settings of this Gatehouse. Did you mean "toxicity"?',
        },
      ],
    });
    expect(await failureOf(policies.publishPolicy({ text }))).toMatchObject({ reason: "INVALID_POLICY" });
    expect((await policies.checkPolicy({ text: text.replace("toxicitee", "toxicity") })).problems).toEqual([]);
  });
});

it("a policy in force whose signal the settings have lost stays in force, is complained of, and gets 0", async () => {
  await using classifier = await startClassifier(badness);
  const signals = { toxicity: at(classifier), spam: at(classifier) };
  await using before = await startGatehouse({ policy, signals });
  await before.server.stop(0);
  await using gatehouse = await startGatehouse({ folder: before.folder, env: { GATEHOUSE_POLICY: "none" } });
  const decision = await decider(gatehouse)({ operator: "ann", name: "bad" });
  expect(factsOf(decision)).toEqual([["signal", "toxicity", "bad", "0", "undeclared"]]);
  const complaints = gatehouse.log.filter((line) => line.includes("a rule asks a signal that there is not"));
  expect(complaints.map((line) => JSON.parse(line).rule)).toEqual(["toxic", "user", "words", "words"]);
});

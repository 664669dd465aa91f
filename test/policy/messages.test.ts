// What a policy says of messages: effects that only they have, and how those go together.
import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { SendMessageSchema } from "../../gen/gatehouse/v1/action_pb.ts";
import { Effect, type Fact, RuleMode, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { MessageSentSchema } from "../../gen/gatehouse/v1/event_pb.ts";
import { MessageElementSchema } from "../../gen/gatehouse/v1/message_element_pb.ts";
import { completeElements, textElementJson } from "../../src/elements/complete-element.ts";
import { compilePolicy } from "../../src/policy/compile.ts";
import { evaluate, type Outcome, type Question } from "../../src/policy/evaluate.ts";
import { explain } from "../../src/policy/explain.ts";
import type { Facts } from "../../src/policy/functions.ts";
import { listMatchers } from "../../src/policy/list-matchers.ts";
import { formatProblems } from "../../src/policy/problems.ts";
import { sameTextKey } from "../../src/policy/same-text.ts";
import { createLiveWorld } from "../../src/policy/world.ts";

const words = ["casino*", "赌博"];
const facts: Facts = {
  inList: (_list, value) => value === "evil.example",
  matchesList: (_list, text) => listMatchers.phrases(words).has(typeof text === "string" ? text : text.text),
  findInList: (_list, text) => listMatchers.phrases(words).find(text),
  liveAccounts: () => 0,
  nameInUse: () => false,
  subscriptions: () => 0,
  subscribers: () => 0,
  isSubscribed: () => false,
  messagesSent: (accountId) => (accountId === "a" ? 7 : 0),
  rate: (action, key, windowMs) => (action === "send_message" && key === sameTextKey("a", "again") && windowMs === 60_000 ? 4 : 0),
};

const masks = "{ id: mask, on: [send_message], when: 'matchesList(text, \"words\")', then: { rewrite: { mask: { list: words } } } }";

function ask(rules: string[], texts: string[], rest = "") {
  const text = `name: x\nlists: { words: { kind: pattern }, hosts: {} }\n${rest}\nrules:\n${rules.map((rule) => `  - ${rule}\n`).join("")}`;
  const { policy, problems } = compilePolicy(text);
  if (policy === undefined) throw new Error(formatProblems("test", problems));
  const elements = completeElements(texts.map((one) => create(MessageElementSchema, { rawJson: textElementJson(one) })));
  const value = create(SendMessageSchema, { accountId: "a", operator: "op", elements, customData: "data", onlineOnly: true });
  const question: Question = { appId: 1, locale: "", origin: undefined, subject: { case: "sendMessage", value }, nowMs: 0 };
  const noted: Fact[] = [];
  const outcome = evaluate(policy, question, createLiveWorld(facts, noted));
  return { policy, question, noted, outcome, conclusion: explain(policy, question, noted).conclusion };
}

const sent = ({ rewrite }: Outcome) => rewrite?.elements.map(({ rawJson }) => rawJson);
const rules = ({ matches }: Outcome) => matches.map(({ rule }) => rule);

describe("a message", () => {
  it.each([
    ['account_id == "a" && operator == "op" && online_only', true],
    ['text == "see https://EVIL.example/x\\nand more"', true],
    ['links == ["https://EVIL.example/x"]', true],
    ['urlHosts(text) == ["evil.example"] && urlHosts(links) == ["evil.example"]', true],
    ['urlHosts(text).exists(host, inList(host, "hosts"))', true],
    ['element_types == ["TIMTextElem"]', true],
    ["size_bytes == 138", true],
    ['custom_data == "data"', true],
    ["messagesSent(account_id) == 7 && messagesSent(operator) == 0", true],
    ['sameTextRate(account_id, text, duration("1m")) == 0', true],
    ['sameTextRate(account_id, "ＡＧＡＩＮ", duration("1m")) == 4', true],
    ['sameTextRate("b", "again", duration("1m")) == 4', false],
    ['sameTextRate(account_id, "", duration("1m")) > 0', false],
  ])("can be asked whether %s", (when, holds) => {
    const { outcome } = ask(
      [`{ id: a, on: [send_message], when: '${when}', then: { flag: {} } }`],
      ["see https://EVIL.example/x", "and more"],
    );
    expect(rules(outcome)).toEqual(holds ? ["a"] : []);
  });

  it("is discarded with code 2 and no message, and no later rule is asked", () => {
    const discard = "{ id: out, on: [send_message], when: 'text != \"\"', then: { discard: {} } }";
    const { outcome, conclusion } = ask([masks, discard, "{ id: late, on: [send_message], then: { flag: {} } }"], ["casino"]);
    expect(outcome).toMatchObject({ verdict: Verdict.DISCARD, code: 2, message: "" });
    expect(outcome.rewrite).toBeUndefined();
    expect(rules(outcome)).toEqual(["mask", "out"]);
    expect(outcome.matches[1]?.effect).toBe(Effect.DISCARD);
    expect(conclusion).toBe('Discarded, by the rule "out".');
  });

  it("is rewritten by every rule that holds, in order, each asked about the message as it came", () => {
    const again = "{ id: again, on: [send_message], when: 'text == \"casino\"', then: { rewrite: { replace: { with: also casino } } } }";
    const forwards = ask([masks, again], ["casino"]);
    expect(rules(forwards.outcome)).toEqual(["mask", "again"]);
    expect(sent(forwards.outcome)).toEqual(["", textElementJson("also casino")]);
    expect(forwards.conclusion).toBe('Allowed, rewritten by "mask", "again".');
    expect(sent(ask([again, masks], ["casino"]).outcome)).toEqual(["", textElementJson("also ******")]);
  });

  it("goes out as it came when what holds changes nothing", () => {
    const { outcome, conclusion } = ask(
      ["{ id: a, on: [send_message], then: { rewrite: { remove: { element_types: [TIMFaceElem] } } } }"],
      ["casino"],
    );
    expect(outcome).toMatchObject({ verdict: Verdict.ALLOW, matches: [{ rule: "a", effect: Effect.REWRITE }] });
    expect(outcome.rewrite).toBeUndefined();
    expect(conclusion).toBe("Allowed by default: no rule settled it.");
  });

  it("is rewritten also when a rule or the default allows it, and not when it is denied", () => {
    expect(sent(ask([masks, "{ id: ok, on: [send_message], then: { allow: {} } }"], ["casino"]).outcome)).toEqual([
      textElementJson("******"),
    ]);
    expect(
      sent(ask(["{ id: ok, on: [send_message], when: 'text != \"\"', then: { allow: {} } }", masks], ["casino"]).outcome),
    ).toBeUndefined();
    const denied = ask([masks], ["casino"], "default: { send_message: deny }");
    expect(denied.outcome).toMatchObject({ verdict: Verdict.DENY, code: 1, message: "" });
    expect(denied.outcome.rewrite).toBeUndefined();
    expect(denied.conclusion).toBe("Denied with code 1, by default: no rule settled it.");
  });

  it("of which a rewrite leaves nothing is denied", () => {
    const all = "{ id: all, on: [send_message], then: { rewrite: { remove: { element_types: [TIMTextElem] } } } }";
    const { outcome, conclusion } = ask([all], ["x"]);
    expect(outcome).toMatchObject({ verdict: Verdict.DENY, code: 1, message: "What is left of the message cannot be sent." });
    expect(conclusion).toBe('Denied with code 1: what "all" left of the message cannot be sent.');
  });

  it("is not changed by a rule in shadow mode, or one that is passed over", () => {
    const { outcome } = ask(
      [
        masks.replace("then:", "mode: shadow, then:"),
        "{ id: out, on: [send_message], then: { discard: {} }, mode: shadow }",
        masks.replace("mask,", "failed,").replace('matchesList(text, "words")', "int(text) > 1").replace("then:", "on_error: skip, then:"),
      ],
      ["casino"],
    );
    expect(outcome.verdict).toBe(Verdict.ALLOW);
    expect(outcome.rewrite).toBeUndefined();
    expect(outcome.matches).toMatchObject([
      { rule: "mask", mode: RuleMode.SHADOW },
      { rule: "out", mode: RuleMode.SHADOW },
      { rule: "failed", skipped: true },
    ]);
  });

  it("is told again with the same rewrite from what was noted, however long it is", () => {
    const { policy, question, noted, outcome } = ask([masks], [`casino ${"x".repeat(3000)} 赌博`]);
    expect(sent(outcome)?.[0]).toContain("****** xxx");
    expect(explain(policy, question, noted).outcome).toEqual(outcome);
    for (const { arguments: texts } of noted) for (const text of texts) expect(text.length).toBeLessThanOrEqual(500);
  });
});

it("a message that was sent can only be flagged: so do deny, discard and rewrite", () => {
  const effects = ["deny: { message: 'no {account_id}' }", "discard: {}", "rewrite: { mask: { list: words } }", "flag: { severity: low }"];
  const text = `name: x\nlists: { words: { kind: pattern } }\nrules:\n${effects.map((one, i) => `  - { id: r${i}, on: [message_sent], when: 'text == "casino" && message_key == "k"', then: { ${one} } }\n`).join("")}`;
  const { policy, problems } = compilePolicy(text);
  expect(problems).toEqual([]);
  if (policy === undefined) return;
  const elements = completeElements([create(MessageElementSchema, { rawJson: textElementJson("casino") })]);
  const value = create(MessageSentSchema, { accountId: "a", messageKey: "k", elements });
  const question: Question = { appId: 1, locale: "", origin: undefined, subject: { case: "messageSent", value }, nowMs: 0 };
  const outcome = evaluate(policy, question, createLiveWorld(facts, []));
  expect(outcome).toMatchObject({ verdict: Verdict.ALLOW, code: 0, message: "" });
  expect(outcome.rewrite).toBeUndefined();
  expect(outcome.matches.map(({ effect, severity, message }) => [effect, severity, message])).toEqual([
    [Effect.FLAG, 3, "no a"],
    [Effect.FLAG, 3, ""],
    [Effect.FLAG, 3, ""],
    [Effect.FLAG, 1, ""],
  ]);
});

// Messages through every door: decided, rewritten, recorded, flagged.
import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ElementChange, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { DecisionService } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { FeedService } from "../../gen/gatehouse/v1/feed_service_pb.ts";
import { ListService } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { MessageElementSchema } from "../../gen/gatehouse/v1/message_element_pb.ts";
import { ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { PolicyPointer, PolicyService } from "../../gen/gatehouse/v1/policy_service_pb.ts";
import { startGatehouse, type TestGatehouse, testApp } from "../gatehouse.ts";
import { doors, rpcTransports } from "./doors.ts";
import { failureOf } from "./reason-of.ts";

const policy = `
name: messages
lists: { words: { kind: pattern } }
rules:
  - { id: worst, on: [send_message], when: 'text.contains("worst")', then: { discard: {} } }
  - { id: said, on: [send_message], when: 'sameTextRate(account_id, text, duration("1h")) >= 2', then: { deny: { code: 120001, message: again } } }
  - { id: words, on: [send_message, message_sent], when: 'matchesList(text, "words")', then: { rewrite: { mask: { list: words } } } }
  - { id: custom, on: [send_message], when: '"TIMCustomElem" in element_types', then: { rewrite: { remove: { element_types: [TIMCustomElem], custom_data: true } } } }
`;

const text = (value: string) => JSON.stringify({ MsgType: "TIMTextElem", MsgContent: { Text: value } });
const odd = '{ "MsgType":"TIMFaceElem", "MsgContent":{"Index":1.0,"Data":"\\u0061"},"More":12345678901234567890 }';
const custom = '{"MsgType":"TIMCustomElem","MsgContent":{"Data":"d"}}';
const allow = { verdict: "allow", code: 0, message: "", refused: [] };

async function startWithWords(): Promise<TestGatehouse> {
  const gatehouse = await startGatehouse({ policy });
  await createClient(ListService, gatehouse.server.localDoor).addEntries({
    list: "words",
    entries: [{ value: "casino*" }, { value: "赌博" }],
  });
  return gatehouse;
}

describe.each(doors)("a message, through $name,", (door) => {
  let gatehouse: TestGatehouse;
  beforeAll(async () => {
    gatehouse = await startWithWords();
  });
  afterAll(() => gatehouse[Symbol.asyncDispose]());
  const ask = async (elements: string[], more: { custom_data?: string; account_id?: string } = {}) =>
    (await door.decide(gatehouse, { account_id: "a", elements, ...more })).answer;

  it("goes out as it came, or with what rules make of it and every other byte as it was", async () => {
    expect(await ask([text("fine"), odd])).toEqual(allow);
    expect(await ask([odd, text("at the CASINO，赌博"), odd], { custom_data: "kept" })).toEqual({
      ...allow,
      elements: [odd, text("at the ******，**"), odd],
    });
    expect(await ask([text("x"), custom, odd], { custom_data: "gone" })).toEqual({ ...allow, elements: [text("x"), odd], customData: "" });
  });

  it("is discarded, or denied when nothing is left of it", async () => {
    expect(await ask([text("the worst")])).toEqual({ ...allow, verdict: "discard", code: 2 });
    expect(await ask([custom])).toEqual({ ...allow, verdict: "deny", code: 1, message: "What is left of the message cannot be sent." });
  });

  it("is denied when its account has said the same twice, in any spelling", async () => {
    const answers = [];
    for (const said of ["Buy now", "BUY  now", "ｂｕｙ now"]) answers.push(await ask([text(said)], { account_id: "b" }));
    expect(answers).toEqual([allow, allow, { ...allow, verdict: "deny", code: 120001, message: "again" }]);
    expect(await ask([text("buy now")], { account_id: "c" })).toEqual(allow);
  });

  it("is recorded as it came, with what became of it", async () => {
    const { recorded } = await door.decide(gatehouse, { account_id: "d", elements: [text("casino"), odd] });
    expect(recorded).toMatchObject({
      sendMessage: {
        accountId: "d",
        elements: [
          { type: "TIMTextElem", rawJson: text("casino"), text: { text: "casino" } },
          { type: "TIMFaceElem", rawJson: odd, face: { index: 1, data: "a" } },
        ],
      },
      rewrite: {
        elements: [
          { change: "ELEMENT_CHANGE_CHANGED", rawJson: text("******") },
          { change: "ELEMENT_CHANGE_KEPT", rawJson: odd },
        ],
      },
      facts: [
        { function: "matchesList", arguments: ["casino\na", "words"], value: "true" },
        { function: "findInList", arguments: ["words", "casino\na"], value: "0-6" },
      ],
    });
  });
});

describe.each(Object.entries(rpcTransports))("through %s", (_name, transport) => {
  let gatehouse: TestGatehouse;
  beforeAll(async () => {
    gatehouse = await startWithWords();
  });
  afterAll(() => gatehouse[Symbol.asyncDispose]());

  it("an element may be given typed instead of in JSON, and is the same to rules", async () => {
    const client = createClient(ModerationService, transport(gatehouse));
    const elements = [create(MessageElementSchema, { content: { case: "text", value: { text: "casino" } } })];
    const { decision } = await client.decide({ appId: testApp, action: { case: "sendMessage", value: { accountId: "a", elements } } });
    expect(decision?.rewrite?.elements).toMatchObject([{ change: ElementChange.CHANGED, rawJson: text("******") }]);
  });

  it("an element that is none is refused, by its place", async () => {
    const client = createClient(ModerationService, transport(gatehouse));
    const value = { accountId: "a", elements: [{ rawJson: odd }, { rawJson: "{" }] };
    const description = "must be JSON";
    expect(await failureOf(client.decide({ appId: testApp, action: { case: "sendMessage", value } }))).toEqual({
      reason: "INVALID_REQUEST",
      metadata: {},
      message: `The request has 1 problem: send_message.elements[1].raw_json: ${description}`,
      fields: [`send_message.elements[1].raw_json: ${description}`],
    });
    expect(await failureOf(client.record({ appId: testApp, event: { case: "messageSent", value } }))).toMatchObject({
      fields: [`message_sent.elements[1].raw_json: ${description}`],
    });
  });

  it("a repeated request_id gets the first decision, also when the same elements come with other readings", async () => {
    const client = createClient(ModerationService, transport(gatehouse));
    const ask = (element: object, accountId = "r") =>
      client.decide({
        appId: testApp,
        requestId: `r-${_name}`,
        action: { case: "sendMessage", value: { accountId, elements: [create(MessageElementSchema, element)] } },
      });
    const first = await ask({ rawJson: odd });
    expect((await ask({ rawJson: odd, type: "x", content: { case: "text", value: { text: "y" } } })).decision).toEqual(first.decision);
    expect(await failureOf(ask({ rawJson: custom }))).toMatchObject({ reason: "REQUEST_ID_REUSED" });
  });
});

it("a message that was sent all the same is flagged, and is in the feed with its withdrawal", async () => {
  await using gatehouse = await startWithWords();
  const deliver = async (command: string, members: object) => {
    const { answer } = await gatehouse.post(`OfficialAccount.${command}`, { Official_Account: "a", EventTime: 1670574414123, ...members });
    expect(answer).toEqual({ ActionStatus: "OK", ErrorInfo: "", ErrorCode: 0 });
  };
  const MsgBody = [{ MsgType: "TIMTextElem", MsgContent: { Text: "casino" } }];
  await deliver("CallbackAfterMsgWithDraw", { WithdrawMsgList: [{ MsgKey: "k" }] });
  await deliver("CallbackAfterSendMsg", { MsgKey: "k", MsgTime: 1670574414, MsgBody });
  await deliver("CallbackAfterSendMsg", { MsgKey: "k", MsgTime: 1670574414, MsgBody });
  await deliver("CallbackAfterOfficialAccountFull", {});
  const { decisions } = await createClient(DecisionService, gatehouse.server.localDoor).listDecisions({ accountId: "a" });
  expect(decisions).toMatchObject([{ verdict: Verdict.ALLOW, action: { case: "messageSent" }, matches: [{ rule: "words", severity: 3 }] }]);
  const { changes } = await createClient(FeedService, gatehouse.server.localDoor).listChanges({ filter: { accountId: "a" } });
  expect(changes.map(({ change }) => (change.case === "event" ? change.value.event.case : change.case))).toEqual([
    "messagesWithdrawn",
    "messageSent",
    "decision",
    "accountFull",
  ]);
});

it("a policy on trial that rewrites otherwise is told apart", async () => {
  await using gatehouse = await startWithWords();
  const local = gatehouse.server.localDoor;
  const policies = createClient(PolicyService, local);
  const other = policy.replace("mask: { list: words }", 'mask: { list: words, with: "█" }');
  await policies.publishPolicy({ text: other, activate: PolicyPointer.SHADOW });
  const { decision } = await createClient(ModerationService, local).decide({
    appId: testApp,
    action: { case: "sendMessage", value: { accountId: "a", elements: [{ rawJson: text("casino") }] } },
  });
  const decisionId = decision?.decisionId ?? "";
  await expect
    .poll(async () => (await createClient(DecisionService, local).getDecision({ decisionId })).decision?.shadow?.rewrite?.elements)
    .toMatchObject([{ rawJson: text("██████") }]);
  const report = await policies.reportShadow({});
  expect(report).toMatchObject({ decisionCount: 1n, changedCount: 1n });
});

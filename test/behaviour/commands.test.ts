// Every command of Chat, played by `gatehouse send` to the real service: the answer, and what is known afterwards.
import { createClient } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { AccountService } from "../../gen/gatehouse/v1/account_service_pb.ts";
import { CaseKind, CaseService } from "../../gen/gatehouse/v1/case_service_pb.ts";
import { DecisionService } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { FollowUp } from "../../gen/gatehouse/v1/follow_up_pb.ts";
import { ListService } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { samples } from "../../src/cli/samples.ts";
import { webhookCommands } from "../../src/webhook/commands/index.ts";
import { gatehouse as run } from "../cli/harness.ts";
import { startGatehouse, type TestGatehouse, testApp } from "../gatehouse.ts";

async function send(own: TestGatehouse, ...args: string[]) {
  const { code, stdout } = await run(["send", ...args, "--json", "--url", own.webhookUrl]);
  expect(code).toBe(0);
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { name: string; answer: { body: object }; good: boolean });
}

async function known(own: TestGatehouse, accountId: string) {
  const accounts = createClient(AccountService, own.server.localDoor);
  const key = { appId: testApp, accountId };
  const { account } = await accounts.getAccount(key);
  const { events } = await accounts.listAccountEvents(key);
  const { messages } = await accounts.listMessages(key);
  return { account, events: events.map(({ event }) => event.case), messages };
}

test("every command has a sample, and every sample but that of another family a command", () => {
  const commands = Object.values(samples).map(({ body }) => body.CallbackCommand);
  expect(new Set(commands)).toEqual(new Set([...webhookCommands.keys(), "State.StateChange"]));
  expect(commands).toHaveLength(webhookCommands.size + 1);
});

test("all samples get their answers, and leave what they tell and what followed", async () => {
  await using own = await startGatehouse();
  const ok = { ActionStatus: "OK", ErrorInfo: "", ErrorCode: 0 };
  const sent = await send(own, "--all");
  expect(sent.map(({ answer }) => answer.body)).toEqual(sent.map(() => ok));
  expect(sent).toHaveLength(11);
  expect(await followUps(own)).toEqual([
    ["createAccount", FollowUp.CONFIRMED],
    ["addSubscribers", FollowUp.CONFIRMED],
    ["sendMessage", FollowUp.CONFIRMED],
  ]);
  expect((await createClient(CaseService, own.server.localDoor).listCases({})).cases).toEqual([]);

  expect(await known(own, "@TOA#_test_OA_for_penn")).toMatchObject({
    account: { owner: "107867", fullTime: { seconds: 1670574414n } },
    events: ["accountCreated", "accountFull", "accountProfileChanged", "accountDestroyed"],
  });
  expect(await known(own, "@TOA#_test_for_penn")).toMatchObject({ events: ["subscribersAdded", "subscribersRemoved"] });
  expect(await known(own, "@TOA#_2J4SZEAEL")).toMatchObject({
    account: { partial: true, messagesSent: 1, messagesWithdrawn: 0 },
    events: ["messageSent"],
    messages: [
      {
        messageKey: "71_1_1698741698",
        messageTime: { seconds: 1490686222n },
        onlineOnly: true,
        customData: "your cloud custom data",
        elements: [{ type: "TIMTextElem", content: { case: "text", value: { text: "red packet" } } }],
      },
    ],
  });
  expect(await known(own, "#TOA#_123")).toMatchObject({
    account: { messagesSent: 0, messagesWithdrawn: 1 },
    events: ["messagesWithdrawn"],
    messages: [{ messageKey: "71_1_1698741698", eventId: "", withdrawTime: { seconds: 1670574414n } }],
  });
});

/** The three actions, the first asked first, with what followed. */
async function followUps(own: TestGatehouse) {
  const { decisions } = await createClient(DecisionService, own.server.localDoor).listDecisions({});
  return decisions.toReversed().map(({ action, followUp }) => [action.case, followUp]);
}

const befores = ["before-create", "before-add-subscriber", "before-send-message"];
const afters = ["after-create", "after-add-subscriber", "after-send-message"];

test("what was allowed and came about is confirmed, whoever writes times as text and leaves out what can be left out", async () => {
  await using own = await startGatehouse();
  await send(own, ...befores, "--set", "EventTime=1670574414123", "--query", "token=t", "--query", "RequestId=r");
  await send(own, ...afters, "--unset-query", "ClientIP", "--platform", "macOS");
  const confirmed = [
    ["createAccount", FollowUp.CONFIRMED],
    ["addSubscribers", FollowUp.CONFIRMED],
    ["sendMessage", FollowUp.CONFIRMED],
  ];
  expect(await followUps(own)).toEqual(confirmed);
  await send(own, ...befores, "--unset", "EventTime");
  await send(own, ...afters, "--unset", "EventTime");
  expect(await followUps(own)).toEqual([...confirmed, ...confirmed]);
  expect((await createClient(CaseService, own.server.localDoor).listCases({})).cases).toEqual([]);
});

test("what rules refuse is answered in Chat's words, and is leaked when Chat goes on all the same", async () => {
  await using own = await startGatehouse();
  const lists = createClient(ListService, own.server.localDoor);
  for (const [list, value] of [
    ["banned_operators", "107867"],
    ["banned_users", "jared"],
    ["banned_words", "packet"],
  ] as const) {
    await lists.addEntries({ list, entries: [{ value }] });
  }
  const odd = ["--set", "Official_Account=#TOA#_odd id~"];
  const sent = await send(own, ...befores, ...odd);
  const ok = { ActionStatus: "OK", ErrorInfo: "", ErrorCode: 0 };
  expect(sent.map(({ answer }) => answer.body)).toEqual([
    { ...ok, ErrorCode: 120001, ErrorInfo: "You may not create official accounts." },
    { ...ok, RefusedSubscribers_Account: ["jared"] },
    { ...ok, MsgBody: [{ MsgType: "TIMTextElem", MsgContent: { Text: "red ******" } }] },
  ]);
  await send(own, ...afters, ...odd);
  await send(own, ...afters, ...odd);
  expect(await followUps(own)).toEqual([
    ["createAccount", FollowUp.LEAKED],
    ["addSubscribers", FollowUp.LEAKED],
    ["sendMessage", FollowUp.LEAKED],
  ]);
  const { cases } = await createClient(CaseService, own.server.localDoor).listCases({});
  expect(cases.map(({ kind, accountId }) => [kind, accountId])).toEqual(cases.map(() => [CaseKind.LEAK, "#TOA#_odd id~"]));
  expect(cases).toHaveLength(3);
});

test("a message that goes out as it was rewritten is confirmed", async () => {
  await using own = await startGatehouse();
  await createClient(ListService, own.server.localDoor).addEntries({ list: "banned_words", entries: [{ value: "packet" }] });
  await send(own, "before-send-message");
  await send(own, "after-send-message", "--set", 'MsgBody:=[{"MsgContent":{"Text":"red ******"},"MsgType":"TIMTextElem"}]');
  expect(await followUps(own)).toEqual([["sendMessage", FollowUp.CONFIRMED]]);
});

test("the variants that Chat is seen to send leave the same", async () => {
  await using own = await startGatehouse();
  const message = ["after-send-message", "--set", "Official_Account=#TOA#_123"];
  await send(own, ...message, "--set", "EventTime=1670574414123", "--query", "token=t", "--query", "RequestId=r");
  await send(own, ...message, "--unset-query", "ClientIP", "--platform", "iPad");
  await send(own, "after-message-withdrawn", "--unset", "EventTime");
  const { account, events, messages } = await known(own, "#TOA#_123");
  expect(account).toMatchObject({ messagesSent: 1, messagesWithdrawn: 1 });
  expect(events).toEqual(["messageSent", "messagesWithdrawn"]);
  expect(messages).toHaveLength(1);

  await send(own, ...message, "--unset", "MsgKey", "--unset", "MsgTime", "--unset", "OnlineOnlyFlag", "--unset", "CloudCustomData");
  expect(await known(own, "#TOA#_123")).toMatchObject({ account: { messagesSent: 2 }, messages: [{ messageKey: "71_1_1698741698" }] });
});

test("a rewritten message is told in words, and so are the messages of an account", async () => {
  await using own = await startGatehouse();
  const lists = createClient(ListService, own.server.localDoor);
  await lists.addEntries({ list: "banned_words", entries: [{ value: "packet" }] });
  const { stdout } = await run(["send", "before-send-message", "--url", own.webhookUrl]);
  expect(stdout).toContain('"Text": "red ******"');
  expect(stdout).toContain("→ allowed, rewritten\n");
  const server = ["--server", own.apiUrl];
  expect((await run(["decisions", "list", ...server])).stdout).toMatch(
    /send_message +- +@TOA#_2J4SZEAEL +allow, rewritten +banned-word-in-message/,
  );
  const { stdout: line } = await run(["decisions", "list", "--json", ...server]);
  const { decisionId } = JSON.parse(line) as { decisionId: string };
  const told = await run(["decisions", "get", decisionId, ...server]);
  expect(told.stdout).toMatch(/^message +red packet$/m);
  expect(told.stdout).toMatch(/^changed +\{"MsgType":"TIMTextElem","MsgContent":\{"Text":"red \*{6}"\}\}$/m);
  const explained = await run(["decisions", "explain", decisionId, ...server]);
  expect(explained.stdout).toContain('Allowed, rewritten by "banned-word-in-message".');

  await send(own, "after-send-message", "after-message-withdrawn", "--set", "Official_Account=@a");
  await send(own, "after-message-withdrawn", "--set", "Official_Account=@a", "--set", 'WithdrawMsgList:=[{"MsgKey":"x"}]');
  const account = ["@a", "--app", String(testApp), ...server];
  expect((await run(["accounts", "messages", ...account])).stdout).toBe(
    [
      "SENT                      KEY              WITHDRAWN                 MESSAGE",
      "-                         x                2022-12-09T08:26:54.123Z  (sending not seen)",
      "2017-03-28T07:30:22.000Z  71_1_1698741698  2022-12-09T08:26:54.123Z  red packet",
      "",
    ].join("\n"),
  );
  const { stdout: json } = await run(["accounts", "messages", ...account, "--limit", "1", "--json"]);
  expect(JSON.parse(json)).toMatchObject({ messageKey: "x", withdrawTime: "2022-12-09T08:26:54.123Z" });
  const { stdout: got } = await run(["accounts", "get", ...account]);
  expect(got).toMatch(/^messages +1 sent, 2 withdrawn$/m);
  expect(got).toMatch(/messages_withdrawn +- +71_1_1698741698$/m);
  expect((await run(["accounts", "messages", ...server])).stderr).toContain("accounts messages needs exactly one account id.");
});

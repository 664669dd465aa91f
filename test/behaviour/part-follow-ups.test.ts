// "Did Chat obey?" for subscriptions and messages: scripted scenarios, told by webhook and by gRPC.
import { type Client, createClient } from "@connectrpc/connect";
import { describe, expect, it, vi } from "vitest";
import { AccountService } from "../../gen/gatehouse/v1/account_service_pb.ts";
import { CaseKind, CaseService, CaseState } from "../../gen/gatehouse/v1/case_service_pb.ts";
import { DegradedCause, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { DecisionService } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { FollowUp } from "../../gen/gatehouse/v1/follow_up_pb.ts";
import { ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { textElementJson } from "../../src/elements/complete-element.ts";
import { gatehouse as run } from "../cli/harness.ts";
import { startGatehouse, type TestGatehouse, testApp } from "../gatehouse.ts";
import { rpcTransports } from "./doors.ts";

const policy = `
name: part follow-ups
rules:
  - id: banned
    on: [add_subscribers]
    when: subscriber == "mallory"
    then: { refuse: { message: banned } }
  - id: closed
    on: [add_subscribers]
    when: account_id == "@closed"
    then: { deny: { message: closed } }
  - id: forbidden
    on: [send_message]
    when: text == "forbidden"
    then: { deny: { message: forbidden } }
  - id: spam
    on: [send_message]
    when: text == "spam"
    then: { discard: {} }
  - id: rude
    on: [send_message]
    when: text == "rude"
    then: { rewrite: { replace: { with: kind } } }
`;

/** One side that asks and tells, as Chat does. Times are milliseconds after the start. */
interface Teller {
  name: string;
  askSubscribers(gatehouse: TestGatehouse, accountId: string, subscribers: string[], timeMs: number): Promise<void>;
  tellAdded(gatehouse: TestGatehouse, accountId: string, subscribers: string[], timeMs: number): Promise<void>;
  askMessage(gatehouse: TestGatehouse, text: string, timeMs: number): Promise<void>;
  tellSent(gatehouse: TestGatehouse, text: string, key: string, timeMs: number): Promise<void>;
}

const startMs = Date.now();
const timestamp = (ms: number) => ({ seconds: BigInt(Math.floor((startMs + ms) / 1000)), nanos: ((startMs + ms) % 1000) * 1_000_000 });

const tellers: Teller[] = [
  {
    name: "webhook",
    askSubscribers: (gatehouse, ...said) => post(gatehouse, "BeforeAddSubscriber", subscription(...said)),
    tellAdded: (gatehouse, ...said) => post(gatehouse, "AfterAddSubscriber", subscription(...said)),
    askMessage: (gatehouse, text, timeMs) => post(gatehouse, "BeforeSendMsg", message(text, timeMs)),
    tellSent: (gatehouse, text, MsgKey, timeMs) => post(gatehouse, "AfterSendMsg", { ...message(text, timeMs), MsgKey }),
  },
  {
    name: "gRPC",
    async askSubscribers(gatehouse, accountId, subscribers, timeMs) {
      const action = { case: "addSubscribers" as const, value: { accountId, operator: "op", subscribers } };
      await grpcClient(gatehouse).decide({ appId: testApp, eventTime: timestamp(timeMs), action });
    },
    async tellAdded(gatehouse, accountId, subscribers, timeMs) {
      const event = { case: "subscribersAdded" as const, value: { accountId, operator: "op", subscribers } };
      await grpcClient(gatehouse).record({ appId: testApp, eventTime: timestamp(timeMs), event });
    },
    async askMessage(gatehouse, text, timeMs) {
      const action = { case: "sendMessage" as const, value: { accountId: "@m", elements: [{ rawJson: textElementJson(text) }] } };
      await grpcClient(gatehouse).decide({ appId: testApp, eventTime: timestamp(timeMs), action });
    },
    async tellSent(gatehouse, text, messageKey, timeMs) {
      const value = { accountId: "@m", messageKey, elements: [{ rawJson: textElementJson(text) }] };
      await grpcClient(gatehouse).record({ appId: testApp, eventTime: timestamp(timeMs), event: { case: "messageSent", value } });
    },
  },
];

function subscription(accountId: string, subscribers: string[], timeMs: number): object {
  const SubscribeAccountList = subscribers.map((Subscriber_Account) => ({ Subscriber_Account }));
  return { Official_Account: accountId, Operator_Account: "op", SubscribeAccountList, EventTime: startMs + timeMs };
}

function message(text: string, timeMs: number): object {
  return { Official_Account: "@m", MsgBody: [{ MsgType: "TIMTextElem", MsgContent: { Text: text } }], EventTime: startMs + timeMs };
}

async function post(gatehouse: TestGatehouse, command: string, body: object): Promise<void> {
  expect(await gatehouse.post(`OfficialAccount.Callback${command}`, body)).toMatchObject({ status: 200, answer: { ActionStatus: "OK" } });
}

function grpcClient(gatehouse: TestGatehouse): Client<typeof ModerationService> {
  const { grpc } = rpcTransports;
  if (grpc === undefined) throw new Error("There is no gRPC door.");
  return createClient(ModerationService, grpc(gatehouse));
}

/** What followed, by the subscribers or the text of the decision, the earliest first. */
async function followUps({ server }: TestGatehouse): Promise<[string, FollowUp][]> {
  const { decisions } = await createClient(DecisionService, server.localDoor).listDecisions({});
  return decisions.toReversed().map(({ action, followUp }) => {
    if (action.case === "addSubscribers") return [action.value.subscribers.join(), followUp];
    const content = action.case === "sendMessage" ? action.value.elements[0]?.content : undefined;
    return [content?.case === "text" ? content.value.text : "?", followUp];
  });
}

async function casesOf({ server }: TestGatehouse) {
  const { cases } = await createClient(CaseService, server.localDoor).listCases({});
  return cases.toReversed().map(({ kind, state, accountId, user }) => [kind, state, accountId, user]);
}

async function metric(gatehouse: TestGatehouse, name: string): Promise<number | undefined> {
  const text = await (await fetch(`${gatehouse.apiUrl}/metrics`)).text();
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length));
}

async function expectFollowUps(gatehouse: TestGatehouse, action: string, counts: Record<string, number>): Promise<void> {
  for (const [followUp, count] of Object.entries(counts)) {
    expect(await metric(gatehouse, `gatehouse_follow_ups_total{action="${action}",follow_up="${followUp}"}`), followUp).toBe(count);
  }
}

const start = (env: Record<string, string> = {}) => startGatehouse({ policy, env: { GATEHOUSE_RESERVATION_SECONDS: "1", ...env } });

describe.each(tellers)("told by $name", ({ askSubscribers, tellAdded, askMessage, tellSent }) => {
  it("what followed for subscribers is on decisions and events, in cases, metrics and the log", async () => {
    await using gatehouse = await start();
    await askSubscribers(gatehouse, "@a", ["ann", "mallory"], 0);
    await askSubscribers(gatehouse, "@closed", ["ann"], 1);
    await askSubscribers(gatehouse, "@closed", ["bob"], 2);
    await askSubscribers(gatehouse, "@b", ["carl", "dora"], 3);
    await askSubscribers(gatehouse, "@b", ["missing"], 4);
    for (let delivery = 0; delivery < 3; delivery++) {
      await tellAdded(gatehouse, "@a", ["ann", "mallory", "eve"], 10);
      await tellAdded(gatehouse, "@closed", ["bob"], 11);
      await tellAdded(gatehouse, "@b", ["carl"], 12);
      await tellAdded(gatehouse, "@c", ["ann", "eve", "mallory"], 13);
    }
    await vi.waitFor(
      async () =>
        expect(await followUps(gatehouse)).toEqual([
          ["ann,mallory", FollowUp.LEAKED],
          ["ann", FollowUp.UNSPECIFIED],
          ["bob", FollowUp.LEAKED],
          ["carl,dora", FollowUp.CONFIRMED],
          ["missing", FollowUp.ABANDONED],
        ]),
      { timeout: 20_000, interval: 50 },
    );
    expect(await casesOf(gatehouse)).toEqual([
      [CaseKind.LEAK, CaseState.OPEN, "@a", "op"],
      [CaseKind.LEAK, CaseState.OPEN, "@closed", "op"],
      [CaseKind.BYPASS, CaseState.OPEN, "@c", "op"],
    ]);
    await expectFollowUps(gatehouse, "add_subscribers", { leaked: 2, confirmed: 1, bypassed: 1, abandoned: 1 });
    for (const [kind, count] of Object.entries({ leak: 2, bypass: 1 })) {
      expect(await metric(gatehouse, `gatehouse_cases_opened_total{kind="${kind}"}`)).toBe(count);
      expect(await metric(gatehouse, `gatehouse_open_cases{kind="${kind}"}`)).toBe(count);
    }
    expect(gatehouse.log.filter((line) => line.includes("a user was subscribed although that was refused"))).toHaveLength(1);
    expect(gatehouse.log.filter((line) => line.includes("a user was subscribed and nobody had asked"))).toHaveLength(1);

    const { decisions } = await createClient(DecisionService, gatehouse.server.localDoor).listDecisions({ followUp: FollowUp.LEAKED });
    const leaked = decisions.at(-1);
    const { events } = await createClient(AccountService, gatehouse.server.localDoor).listAccountEvents({
      appId: testApp,
      accountId: "@a",
    });
    const decisionId = leaked?.decisionId ?? "";
    const eventId = events[0]?.eventId ?? "";
    expect(leaked?.subscriberFollowUps).toMatchObject([
      { subscriber: "ann", followUp: FollowUp.CONFIRMED, eventId },
      { subscriber: "mallory", followUp: FollowUp.LEAKED, eventId },
    ]);
    expect(events).toMatchObject([
      {
        followUp: FollowUp.LEAKED,
        decisionId,
        subscriberFollowUps: [
          { subscriber: "ann", followUp: FollowUp.CONFIRMED, decisionId },
          { subscriber: "mallory", followUp: FollowUp.LEAKED, decisionId },
          { subscriber: "eve", followUp: FollowUp.BYPASSED, decisionId: "" },
        ],
      },
    ]);
  });

  it("what followed for messages is, too, and what nobody had asked about opens no case", async () => {
    await using gatehouse = await start();
    for (const [index, text] of ["hello", "forbidden", "spam", "rude", "rude", "left"].entries()) await askMessage(gatehouse, text, index);
    for (let delivery = 0; delivery < 2; delivery++) {
      for (const [index, text] of ["hello", "forbidden", "spam", "kind", "rude", "never asked"].entries()) {
        await tellSent(gatehouse, text, `key ${index}`, 10 + index);
      }
    }
    await vi.waitFor(
      async () =>
        expect(await followUps(gatehouse)).toEqual([
          ["hello", FollowUp.CONFIRMED],
          ["forbidden", FollowUp.LEAKED],
          ["spam", FollowUp.LEAKED],
          // Of two that are rewritten alike the first is taken to have gone out so.
          ["rude", FollowUp.CONFIRMED],
          ["rude", FollowUp.LEAKED],
          ["left", FollowUp.ABANDONED],
        ]),
      { timeout: 20_000, interval: 50 },
    );
    const leak = [CaseKind.LEAK, CaseState.OPEN, "@m", ""];
    expect(await casesOf(gatehouse)).toEqual([leak, leak, leak]);
    await expectFollowUps(gatehouse, "send_message", { confirmed: 2, leaked: 3, bypassed: 1, abandoned: 1 });
    expect(await metric(gatehouse, 'gatehouse_cases_opened_total{kind="bypass"}')).toBeUndefined();
    expect(gatehouse.log.filter((line) => line.includes("a message was sent although it was denied"))).toHaveLength(1);
    expect(gatehouse.log.filter((line) => line.includes("a message was sent and nobody had asked"))).toEqual([]);
  });

  it("a message that nobody had asked about opens a case where the settings say so", async () => {
    await using gatehouse = await start({ GATEHOUSE_FOLLOW_UP_MESSAGE_BYPASS_CASES: "true" });
    await tellSent(gatehouse, "never asked", "key", 0);
    expect(await casesOf(gatehouse)).toEqual([[CaseKind.BYPASS, CaseState.OPEN, "@m", ""]]);
    expect(gatehouse.log.filter((line) => line.includes("a message was sent and nobody had asked"))).toHaveLength(1);
  });

  it("what a fallback has let pass is no leak", async () => {
    await using gatehouse = await start();
    const client = grpcClient(gatehouse);
    const action = { case: "addSubscribers" as const, value: { accountId: "@a", operator: "op", subscribers: ["mallory"] } };
    const request = { appId: testApp, requestId: "r", eventTime: timestamp(0), action };
    await client.decide(request);
    await tellAdded(gatehouse, "@a", ["mallory"], 10);
    expect(await followUps(gatehouse)).toEqual([["mallory", FollowUp.LEAKED]]);
    await client.recordFallback({ request, answered: Verdict.ALLOW, cause: DegradedCause.DEADLINE });
    expect(await followUps(gatehouse)).toEqual([["mallory", FollowUp.CONFIRMED]]);
    const [leak, lateDeny] = await casesOf(gatehouse);
    expect([leak?.[1], lateDeny?.[0]]).toEqual([CaseState.CLOSED, CaseKind.LATE_DENY]);
    expect(await metric(gatehouse, 'gatehouse_follow_ups_total{action="add_subscribers",follow_up="confirmed"}')).toBe(1);
  });
});

it("the command line shows what followed for each subscriber", async () => {
  const [teller] = tellers;
  await using gatehouse = await start();
  await teller?.askSubscribers(gatehouse, "@a", ["ann", "mallory"], 0);
  await teller?.tellAdded(gatehouse, "@a", ["ann", "mallory"], 10);
  const server = ["--server", gatehouse.apiUrl];
  const { stdout } = await run(["decisions", "list", "--follow-up", "leaked", "--json", ...server]);
  const { decisionId } = JSON.parse(stdout) as { decisionId: string };
  const told = (await run(["decisions", "get", decisionId, ...server])).stdout;
  expect(told).toMatch(/^follow-up +leaked by evt-\w{12}, known since 20/m);
  expect(told).toMatch(/^SUBSCRIBER +FOLLOW-UP +KNOWN SINCE +EVENT\nann +confirmed +20\S+ +evt-\w{12}\nmallory +leaked +20\S+ +evt-/m);
});

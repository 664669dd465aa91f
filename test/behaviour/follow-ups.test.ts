// "Did Chat obey?": a scripted scenario with events that are late, missing and doubled, told by webhook and by gRPC.
import { type Client, createClient } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AccountService } from "../../gen/gatehouse/v1/account_service_pb.ts";
import { type Case, CaseKind, CaseService, CaseState } from "../../gen/gatehouse/v1/case_service_pb.ts";
import { DecisionService } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { FeedService } from "../../gen/gatehouse/v1/feed_service_pb.ts";
import { FollowUp } from "../../gen/gatehouse/v1/follow_up_pb.ts";
import { ListService } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { startGatehouse, type TestGatehouse, testApp } from "../gatehouse.ts";
import { rpcTransports } from "./doors.ts";
import { failureOf } from "./reason-of.ts";

const policy = `
name: follow-ups
lists: { banned: { kind: exact } }
rules:
  - id: banned
    on: [create_account]
    when: inList(operator, "banned")
    then: { deny: { code: 120001, message: banned } }
  - id: quota
    on: [create_account]
    when: liveAccounts(owner) >= 5
    then: { deny: { message: quota } }
`;

/** One side that asks and tells, as Chat does. Times are milliseconds after the start. */
interface Teller {
  name: string;
  ask(gatehouse: TestGatehouse, user: string, name: string, timeMs: number): Promise<void>;
  tell(gatehouse: TestGatehouse, user: string, name: string, account: string, timeMs: number): Promise<void>;
}

const startMs = Date.now();
const timestamp = (ms: number) => ({ seconds: BigInt(Math.floor((startMs + ms) / 1000)), nanos: ((startMs + ms) % 1000) * 1_000_000 });

const tellers: Teller[] = [
  {
    name: "webhook",
    async ask(gatehouse, user, name, timeMs) {
      const body = { Operator_Account: user, Owner_Account: user, Name: name, EventTime: startMs + timeMs };
      expect((await gatehouse.post("OfficialAccount.CallbackBeforeCreateOfficialAccount", body)).status).toBe(200);
    },
    async tell(gatehouse, user, name, account, timeMs) {
      const body = { Official_Account: account, Operator_Account: user, Owner_Account: user, Name: name, EventTime: startMs + timeMs };
      const { answer } = await gatehouse.post("OfficialAccount.CallbackAfterCreateOfficialAccount", body);
      expect(answer).toMatchObject({ ActionStatus: "OK", ErrorCode: 0 });
    },
  },
  {
    name: "gRPC",
    async ask(gatehouse, user, name, timeMs) {
      const action = { case: "createAccount" as const, value: { operator: user, owner: user, name } };
      await grpcClient(gatehouse).decide({ appId: testApp, eventTime: timestamp(timeMs), action });
    },
    async tell(gatehouse, user, name, accountId, timeMs) {
      const event = { case: "accountCreated" as const, value: { accountId, operator: user, owner: user, name } };
      await grpcClient(gatehouse).record({ appId: testApp, eventTime: timestamp(timeMs), event });
    },
  },
];

function grpcClient(gatehouse: TestGatehouse): Client<typeof ModerationService> {
  const { grpc } = rpcTransports;
  if (grpc === undefined) throw new Error("There is no gRPC door.");
  return createClient(ModerationService, grpc(gatehouse));
}

let gatehouse: TestGatehouse;
beforeEach(async () => {
  gatehouse = await startGatehouse({ policy, env: { GATEHOUSE_RESERVATION_SECONDS: "1" } });
  await createClient(ListService, gatehouse.server.localDoor).addEntries({ list: "banned", entries: [{ value: "mallory" }] });
});
afterEach(() => gatehouse[Symbol.asyncDispose]());

const decisions = () => createClient(DecisionService, gatehouse.server.localDoor);
const cases = () => createClient(CaseService, gatehouse.server.localDoor);

/** What followed, by the name that was asked for. */
async function followUps(): Promise<Record<string, FollowUp>> {
  const listed = (await decisions().listDecisions({})).decisions;
  return Object.fromEntries(
    listed.map(({ action, followUp }) => [action.case === "createAccount" ? action.value.name : "", followUp] as const),
  );
}

async function metric(name: string): Promise<number | undefined> {
  const text = await (await fetch(`${gatehouse.apiUrl}/metrics`)).text();
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length));
}

function eventually(check: () => Promise<void>): Promise<void> {
  return vi.waitFor(check, { timeout: 20_000, interval: 50 });
}

describe.each(tellers)("told by $name", ({ ask, tell }) => {
  it("the four outcomes are on the decisions, in the metrics, the cases and the feed", async () => {
    await ask(gatehouse, "ann", "Confirmed", 0);
    await ask(gatehouse, "mallory", "Leaked", 0);
    await ask(gatehouse, "mallory", "Obeyed", 0);
    await ask(gatehouse, "ann", "Missing", 0);
    await ask(gatehouse, "ann", "Late", 0);
    for (let delivery = 0; delivery < 3; delivery++) {
      await tell(gatehouse, "ann", "Confirmed", "@TOA#_confirmed", 10);
      await tell(gatehouse, "mallory", "Leaked", "@TOA#_leaked", 11);
      await tell(gatehouse, "eve", "Bypassed", "@TOA#_bypassed", 12);
    }
    // Nothing has said so far that the last two will not happen.
    expect(await followUps()).toMatchObject({ Confirmed: FollowUp.CONFIRMED, Leaked: FollowUp.LEAKED, Obeyed: FollowUp.UNSPECIFIED });
    await eventually(async () => expect(await followUps()).toMatchObject({ Missing: FollowUp.ABANDONED, Late: FollowUp.ABANDONED }));
    await tell(gatehouse, "ann", "Late", "@TOA#_late", 20);
    await tell(gatehouse, "ann", "Late", "@TOA#_late", 20);
    expect(await followUps()).toEqual({
      Confirmed: FollowUp.CONFIRMED,
      Leaked: FollowUp.LEAKED,
      Obeyed: FollowUp.UNSPECIFIED,
      Missing: FollowUp.ABANDONED,
      Late: FollowUp.CONFIRMED,
    });

    const listed = (await cases().listCases({})).cases;
    expect(listed.map(({ kind, state, accountId, user }) => [kind, state, accountId, user])).toEqual([
      [CaseKind.BYPASS, CaseState.OPEN, "@TOA#_bypassed", "eve"],
      [CaseKind.LEAK, CaseState.OPEN, "@TOA#_leaked", "mallory"],
    ]);
    const accounts = createClient(AccountService, gatehouse.server.localDoor);
    const [bypassed] = (await accounts.listAccountEvents({ appId: testApp, accountId: "@TOA#_bypassed" })).events;
    expect(bypassed).toMatchObject({ followUp: FollowUp.BYPASSED, decisionId: "", eventId: listed[0]?.eventId });
    const leaked = (await decisions().listDecisions({ followUp: FollowUp.LEAKED })).decisions;
    expect(leaked).toMatchObject([{ decisionId: listed[1]?.decisionId, followUpEventId: listed[1]?.eventId }]);

    for (const [followUp, count] of Object.entries({ confirmed: 2, leaked: 1, bypassed: 1, abandoned: 2 })) {
      expect(await metric(`gatehouse_follow_ups_total{action="create_account",follow_up="${followUp}"}`), followUp).toBe(count);
    }
    for (const kind of ["leak", "bypass"]) {
      expect(await metric(`gatehouse_cases_opened_total{kind="${kind}"}`)).toBe(1);
      expect(await metric(`gatehouse_open_cases{kind="${kind}"}`)).toBe(1);
    }
    const warnings = gatehouse.log.filter((line) => line.includes('"warn"'));
    expect(warnings.filter((line) => line.includes("nobody had asked"))).toHaveLength(1);
    expect(warnings.filter((line) => line.includes("although that was denied"))).toHaveLength(1);

    const feed = createClient(FeedService, gatehouse.server.localDoor);
    const { changes } = await feed.listChanges({ filter: { accountId: "@TOA#_leaked" } });
    expect(changes.map(({ change }) => change.case)).toEqual(["event", "caseChange"]);
    expect(changes[0]?.change.value).toMatchObject({ followUp: FollowUp.UNSPECIFIED, decisionId: "" });
    expect(changes[1]?.change.value).toEqual(listed[1]);
  });

  it("what was abandoned takes no room any more, and what was confirmed takes it once", async () => {
    for (let i = 0; i < 5; i++) await ask(gatehouse, "bob", `Name ${i}`, i);
    await ask(gatehouse, "bob", "Too many", 9);
    expect((await decisions().listDecisions({ pageSize: 1 })).decisions[0]?.matches).toMatchObject([{ rule: "quota" }]);
    for (let i = 0; i < 4; i++) await tell(gatehouse, "bob", `Name ${i}`, `@TOA#_${i}`, 100 + i);
    await eventually(async () => expect(await followUps()).toMatchObject({ "Name 4": FollowUp.ABANDONED }));
    await ask(gatehouse, "bob", "Room again", 2000);
    await ask(gatehouse, "bob", "No more", 2001);
    const [last, before] = (await decisions().listDecisions({ pageSize: 2 })).decisions;
    expect([before?.matches.length, last?.matches.length]).toEqual([0, 1]);
  });

  it("events that come in any order and number end the same", async () => {
    const said = [
      ["ann", "One", "@TOA#_1", 100],
      ["ann", "One", "@TOA#_2", 200],
      ["ann", "One", "@TOA#_3", 300],
      ["mallory", "Two", "@TOA#_4", 100],
      ["mallory", "Two", "@TOA#_5", 50],
    ] as const;
    const ends = [];
    for (const [run, order] of [said, said.toReversed(), [...said, ...said.toReversed()]].entries()) {
      // Each run has an owner of its own, whose quota is not used up yet.
      const userOf = (user: string) => (user === "ann" ? `ann ${run}` : user);
      for (const [user, name] of [["ann", "One"] as const, ["ann", "One"] as const, ["mallory", "Two"] as const]) {
        await ask(gatehouse, userOf(user), `${name} ${run}`, 0);
      }
      await Promise.all(
        order.map(([user, name, account, atMs]) => tell(gatehouse, userOf(user), `${name} ${run}`, `${account} ${run}`, atMs)),
      );
      const open = (await cases().listCases({ state: CaseState.OPEN })).cases.filter(({ accountId }) => accountId.endsWith(` ${run}`));
      ends.push(open.map(({ kind, accountId }) => [kind, accountId.replace(/ \d$/, "")]).sort());
    }
    const expected = [
      [CaseKind.LEAK, "@TOA#_5"],
      [CaseKind.BYPASS, "@TOA#_3"],
      [CaseKind.BYPASS, "@TOA#_4"],
    ];
    expect(ends).toEqual([expected, expected, expected]);
  });
});

describe.each(Object.keys(rpcTransports))("cases, through %s", (door) => {
  it("are listed, read and closed once", async () => {
    const [teller] = tellers;
    await teller?.tell(gatehouse, "eve", "News", "@TOA#_a", 0);
    await teller?.tell(gatehouse, "eve", "Other", "@TOA#_b", 0);
    const transport = rpcTransports[door];
    if (transport === undefined) throw new Error("no such door");
    const client = createClient(CaseService, transport(gatehouse));
    const first = await client.listCases({ pageSize: 1, user: "eve" });
    const second = await client.listCases({ pageSize: 1, user: "eve", pageToken: first.nextPageToken });
    expect([...first.cases, ...second.cases].map(({ accountId }) => accountId)).toEqual(["@TOA#_b", "@TOA#_a"]);
    const caseId = first.cases[0]?.caseId ?? "";
    expect((await client.getCase({ caseId })).case).toEqual(first.cases[0]);
    const closed = (await client.closeCase({ caseId, author: "bob", reason: "our own test" })).case as Case;
    expect(closed).toMatchObject({ state: CaseState.CLOSED, closedBy: "bob", closeReason: "our own test" });
    expect((await client.closeCase({ caseId, author: "eve", reason: "again" })).case).toEqual(closed);
    expect((await client.listCases({ state: CaseState.OPEN })).cases.map(({ accountId }) => accountId)).toEqual(["@TOA#_a"]);
    expect((await client.listCases({ kind: CaseKind.LEAK })).cases).toEqual([]);
    for (const call of [() => client.getCase({ caseId: "case-x" }), () => client.closeCase({ caseId: "case-x" })]) {
      expect((await failureOf(call())).reason).toBe("CASE_NOT_FOUND");
    }
  });
});

// Subscriptions as Chat's webhooks tell them, and the rules that ask about them, through every door.
import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AccountService } from "../../gen/gatehouse/v1/account_service_pb.ts";
import { startGatehouse, type TestGatehouse, testApp } from "../gatehouse.ts";
import { doors } from "./doors.ts";

const policy = `
name: caps
rules:
  - id: again
    on: [add_subscribers]
    when: isSubscribed(subscriber, account_id)
    then: { allow: {} }
  - id: full
    on: [add_subscribers]
    when: subscribers(account_id) >= 3
    then: { deny: { message: full } }
  - id: enough
    on: [add_subscribers]
    when: subscriptions(subscriber) >= 2
    then: { refuse: { message: enough } }
`;

interface Delivery {
  change: "Add" | "Delete";
  account: string;
  users: string[];
  time: number;
}

const added = (account: string, users: string[], time: number): Delivery => ({ change: "Add", account, users, time });
const deleted = (account: string, users: string[], time: number): Delivery => ({ change: "Delete", account, users, time });

/** Delivers an event by webhook, which must be acknowledged. */
async function deliver(gatehouse: TestGatehouse, { change, account, users, time }: Delivery): Promise<void> {
  const reply = await gatehouse.post(`OfficialAccount.CallbackAfter${change}Subscriber`, {
    Official_Account: account,
    Operator_Account: "107867",
    SubscribeAccountList: users.map((user) => ({ Subscriber_Account: user })),
    EventTime: time,
  });
  expect(reply).toEqual({ status: 200, answer: { ActionStatus: "OK", ErrorInfo: "", ErrorCode: 0 } });
}

describe.each(doors)("a rule about subscriptions, through $name", (door) => {
  let gatehouse: TestGatehouse;
  beforeAll(async () => {
    gatehouse = await startGatehouse({ policy });
  });
  afterAll(() => gatehouse[Symbol.asyncDispose]());

  const ask = async (account: string, ...users: string[]) => {
    const { verdict, refused } = (await door.decide(gatehouse, { account_id: account, operator: "op", subscribers: users })).answer;
    return { verdict, refused };
  };

  it("refuses who subscribes to two accounts, until one is given up", async () => {
    expect(await ask("c", "jared", "leckie")).toEqual({ verdict: "allow", refused: [] });
    await deliver(gatehouse, added("a", ["jared", "leckie"], 1000));
    await deliver(gatehouse, added("b", ["jared"], 1000));
    expect(await ask("c", "jared", "leckie")).toEqual({ verdict: "allow", refused: ["jared"] });
    expect(await ask("a", "jared")).toEqual({ verdict: "allow", refused: [] });
    await deliver(gatehouse, deleted("b", ["jared"], 2000));
    expect(await ask("c", "jared", "leckie")).toEqual({ verdict: "allow", refused: [] });
  });

  it("denies more than an account may have", async () => {
    await deliver(gatehouse, added("d", ["u1", "u2", "u3"], 1000));
    expect(await ask("d", "u4")).toEqual({ verdict: "deny", refused: [] });
    await deliver(gatehouse, deleted("d", ["u2"], 2000));
    expect(await ask("d", "u4")).toEqual({ verdict: "allow", refused: [] });
  });
});

describe("deliveries that are shuffled and doubled", () => {
  const deliveries = [
    added("a", ["jared", "leckie"], 1000),
    deleted("a", ["jared"], 2000),
    added("a", ["jared"], 3000),
    added("b", ["jared", "leckie"], 1000),
    deleted("b", ["leckie"], 1000),
    added("c", ["leckie"], 4000),
    deleted("c", ["leckie"], 5000),
  ];

  it.each([
    ["in order", deliveries],
    ["backwards", deliveries.toReversed()],
    ["doubled", deliveries.flatMap((one) => [one, one])],
    ["doubled and backwards", [...deliveries, ...deliveries.toReversed()]],
  ])("end in the same: %s", async (_name, delivered) => {
    await using gatehouse = await startGatehouse({ policy });
    for (const one of delivered) await deliver(gatehouse, one);
    const [door] = doors;
    const refused = (await door?.decide(gatehouse, { account_id: "z", subscribers: ["jared", "leckie"] }))?.answer.refused;
    expect(refused).toEqual(["jared"]);
    const accounts = createClient(AccountService, gatehouse.server.localDoor);
    const events = await accounts.listAccountEvents({ appId: testApp, accountId: "a" });
    expect(events.events).toHaveLength(3);
    expect((await accounts.getAccount({ appId: testApp, accountId: "a" })).account).toMatchObject({ partial: true, accountId: "a" });
  });

  it("end in the same when they come at once", async () => {
    await using gatehouse = await startGatehouse({ policy });
    await Promise.all([...deliveries, ...deliveries].map((one) => deliver(gatehouse, one)));
    const [door] = doors;
    const answer = (await door?.decide(gatehouse, { account_id: "z", subscribers: ["jared", "leckie"] }))?.answer;
    expect(answer?.refused).toEqual(["jared"]);
  });
});

it("an event about subscribers that cannot be kept is not acknowledged", async () => {
  await using gatehouse = await startGatehouse({ policy });
  for (const SubscribeAccountList of [[], undefined, [{}], Array.from({ length: 101 }, (_, i) => ({ Subscriber_Account: `u${i}` }))]) {
    const body = { Official_Account: "a", Operator_Account: "107867", SubscribeAccountList };
    const { answer } = await gatehouse.post("OfficialAccount.CallbackAfterAddSubscriber", body);
    expect(answer).toMatchObject({ ActionStatus: "FAIL", ErrorCode: 1 });
  }
});

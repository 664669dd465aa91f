// The machine's clock is set forwards and backwards by hours while webhooks come.
import { createHash } from "node:crypto";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { expect, it } from "vitest";
import { Role } from "../../../gen/gatehouse/v1/access_pb.ts";
import { DecisionService } from "../../../gen/gatehouse/v1/decision_service_pb.ts";
import { FeedService, FeedStart } from "../../../gen/gatehouse/v1/feed_service_pb.ts";
import { KeyService } from "../../../gen/gatehouse/v1/key_service_pb.ts";
import { startGatehouse, testApp } from "../../gatehouse.ts";
import { expectKept, healthy, playChat } from "./chat.ts";

const hourMs = 3_600_000;

/** Chat plays without signatures, which a jump would make stale on their way; this app is asked one webhook at a time. */
const signingApp = testApp + 1;
const token = "xxxxyyyy";

/** Asks a rate, a quota and a name, which all look at the clock. */
const policy = `
name: clocks
rules:
  - { id: rate, on: [create_account], when: 'rate("create_account", owner, duration("1h")) > 1000', then: { deny: {} } }
  - { id: quota, on: [create_account], when: liveAccounts(owner) >= 1, then: { deny: { code: 120003, message: full } } }
  - { id: taken, on: [create_account], when: nameInUse(name), then: { deny: { code: 120004, message: taken } } }
`;

it("every webhook of the time is decided, in one order, and what ends by the clock ends and comes back with it", async () => {
  let offsetMs = 0;
  const now = () => Date.now() + offsetMs;
  await using gatehouse = await startGatehouse({ policy, now, env: { GATEHOUSE_APPS: `${testApp},${signingApp}=${token}` } });
  const { webhookUrl, apiUrl } = gatehouse;
  const signAt = (ms: number) => {
    const time = String(Math.floor(ms / 1000));
    return {
      RequestTime: time,
      Sign: createHash("sha256")
        .update(token + time)
        .digest("hex"),
    };
  };
  const transport = createConnectTransport({ baseUrl: apiUrl, httpVersion: "1.1" });
  const createKey = createClient(KeyService, transport).createKey;
  const { keyText } = await createKey({
    name: "short",
    roles: [Role.VIEWER],
    expireTime: { seconds: BigInt(Math.floor(now() / 1000) + 3600), nanos: 0 },
  });
  const keyWorks = async () => {
    const headers = { Authorization: `Bearer ${keyText}`, "Content-Type": "application/json" };
    const response = await fetch(`${apiUrl}/gatehouse.v1.DecisionService/ListDecisions`, { method: "POST", headers, body: "{}" });
    return response.status;
  };
  const ask = async (name: string, owner: string, sign = signAt(now())) => {
    const body = { Operator_Account: owner, Owner_Account: owner, Name: name };
    const { status, answer } = await gatehouse.post("OfficialAccount.CallbackBeforeCreateOfficialAccount", body, {
      query: { SdkAppid: String(signingApp), ...sign },
    });
    return status === 200 ? (answer as { ErrorCode: number }).ErrorCode : status;
  };

  const beginMs = now();
  const chat = playChat(webhookUrl);
  await chat.moreAcknowledged(20);
  expect(await keyWorks()).toBe(200);
  const own = new Map<string, number>();
  const askOwn = async (name: string, owner: string) => {
    own.set(name, await ask(name, owner));
    return own.get(name);
  };
  expect(await askOwn("first", "ann")).toBe(0);
  expect(await askOwn("second", "ann")).toBe(120003);

  // Two hours on: the reservation has lapsed, the key has ended, and what was signed before is stale.
  offsetMs = 2 * hourMs;
  await chat.moreAcknowledged(20);
  expect(await keyWorks()).toBe(401);
  expect(await ask("stale", "bob", signAt(beginMs))).toBe(401);
  expect(await askOwn("third", "ann")).toBe(0);

  // Back, and before the beginning: what is signed now is good, the key works again, and an allow still takes its room.
  offsetMs = -3 * hourMs;
  await chat.moreAcknowledged(20);
  expect(await keyWorks()).toBe(200);
  expect(await ask("ahead", "bob", signAt(beginMs))).toBe(401);
  expect(await askOwn("fourth", "ann")).toBe(120003);
  expect(await askOwn("fifth", "eve")).toBe(0);
  expect(await askOwn("sixth", "eve")).toBe(120003);

  offsetMs = 30 * 24 * hourMs;
  await chat.moreAcknowledged(20);
  offsetMs = 0;
  await chat.moreAcknowledged(20);
  await healthy(apiUrl);
  expect(await chat.stop()).toEqual([]);
  expect(new Set(chat.answered.values())).toEqual(new Set([0]));
  expect(chat.refused()).toBe(0);
  await expectKept(apiUrl, { ...chat, answered: new Map([...chat.answered, ...own]) });

  // One order, whatever the clock said: ids ascend with the feed, and every listing has all.
  const { changes } = await createClient(FeedService, transport).listChanges({ start: FeedStart.BEGINNING, pageSize: 1000 });
  const ids = changes.flatMap(({ change }) => (change.case === "decision" ? [change.value.decisionId] : []));
  expect(ids.length).toBeGreaterThan(0);
  expect(ids).toEqual(ids.toSorted());
  const { decisions } = await createClient(DecisionService, transport).listDecisions({ pageSize: 1000 });
  expect(decisions.map(({ decisionId }) => decisionId)).toEqual(
    decisions
      .map(({ decisionId }) => decisionId)
      .toSorted()
      .reverse(),
  );
}, 90_000);

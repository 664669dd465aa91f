// The webhook side of the real service: what Chat sends, and what it gets.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DecisionService } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { ListService } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { webhookCommands } from "../../src/webhook/commands/index.ts";
import { startGatehouse, type TestGatehouse } from "../gatehouse.ts";

const beforeCreate = "OfficialAccount.CallbackBeforeCreateOfficialAccount";
const beforeAdd = "OfficialAccount.CallbackBeforeAddSubscriber";
const afterCreate = "OfficialAccount.CallbackAfterCreateOfficialAccount";
const ok = { ActionStatus: "OK", ErrorInfo: "", ErrorCode: 0 };

const creation = (name: unknown, more: object = {}) => ({
  CallbackCommand: beforeCreate,
  Operator_Account: "107867",
  Owner_Account: "107867",
  Name: name,
  EventTime: 1670574414123,
  ...more,
});

/** The list that a vector needs, and what must be on it. */
function listed(note: string | undefined): string[] {
  if (note?.includes("banned_users")) return ["banned_users", "jared"];
  return note?.includes("banned_words") ? ["banned_words", "casino*", "赌博"] : [];
}

async function decisionCount(gatehouse: TestGatehouse): Promise<number> {
  const { decisions } = await createClient(DecisionService, gatehouse.server.localDoor).listDecisions({ pageSize: 1000 });
  return decisions.length;
}

async function metric(gatehouse: TestGatehouse, line: string): Promise<number> {
  const text = await (await fetch(`${gatehouse.apiUrl}/metrics`)).text();
  return Number(
    text
      .split("\n")
      .find((l) => l.startsWith(line))
      ?.split(" ")
      .at(-1) ?? 0,
  );
}

describe("the vectors", () => {
  const vectors = readdirSync("test/vectors")
    .filter((file) => file.endsWith(".json"))
    .map((file) => ({ file, ...JSON.parse(readFileSync(`test/vectors/${file}`, "utf8")) }));
  let gatehouse: TestGatehouse;
  beforeAll(async () => {
    gatehouse = await startGatehouse();
  });
  afterAll(() => gatehouse[Symbol.asyncDispose]());

  it.each(vectors)("$file gets the answer it wants", async ({ query, body, rawBody, want, note }) => {
    const lists = createClient(ListService, gatehouse.server.localDoor);
    const [list, ...values] = listed(note);
    if (list !== undefined) await lists.addEntries({ list, entries: values.map((value) => ({ value })) });
    const response = await fetch(`${gatehouse.webhookUrl}/?${new URLSearchParams(query)}`, {
      method: "POST",
      body: rawBody ?? JSON.stringify(body),
    });
    if (list !== undefined) await lists.removeEntries({ list, values });
    expect({ status: response.status, answer: await response.json() }).toEqual({ status: 200, answer: want });
  });

  it("have one for every command, and are for a command of ours unless they say so", () => {
    const commands = new Set(vectors.map(({ query }) => query.CallbackCommand));
    for (const command of webhookCommands.keys()) expect(commands).toContain(command);
    expect(webhookCommands.size).toBe(11);
    const others = vectors.filter(({ query }) => query.CallbackCommand !== undefined && !webhookCommands.has(query.CallbackCommand));
    expect(others.map(({ file }) => file)).toEqual(["unknown-before-command.json", "unknown-command.json"]);
  });
});

describe("a webhook", () => {
  let gatehouse: TestGatehouse;
  beforeAll(async () => {
    gatehouse = await startGatehouse({
      policy: `
name: test
lists: { banned: {} }
rules:
  - { id: own, on: [create_account], when: name == "own", then: { deny: { code: 120001, message: own code } } }
  - { id: one, on: [create_account], when: name == "one", then: { deny: { message: no } } }
  - { id: odd, on: [add_subscribers], when: subscriber == "odd", then: { refuse: {} } }
  - { id: all, on: [add_subscribers], when: account_id == "closed", then: { deny: { code: 120009, message: closed } } }
`,
    });
  });
  afterAll(() => gatehouse[Symbol.asyncDispose]());

  it("is denied with the policy's own code and message", async () => {
    expect(await gatehouse.post(beforeCreate, creation("own"))).toEqual({
      status: 200,
      answer: { ActionStatus: "OK", ErrorInfo: "own code", ErrorCode: 120001 },
    });
  });

  it("is denied with 1 when the policy has no code of its own", async () => {
    expect((await gatehouse.post(beforeCreate, creation("one"))).answer).toEqual({ ActionStatus: "OK", ErrorInfo: "no", ErrorCode: 1 });
  });

  it("about subscribers is denied with 1: no other code is documented there", async () => {
    const body = { Official_Account: "closed", Operator_Account: "a", SubscribeAccountList: [{ Subscriber_Account: "b" }] };
    expect((await gatehouse.post(beforeAdd, body)).answer).toEqual({ ActionStatus: "OK", ErrorInfo: "closed", ErrorCode: 1 });
  });

  it("names the refused subscribers, and has no such member when nobody is refused", async () => {
    const body = (...users: string[]) => ({ Official_Account: "a", SubscribeAccountList: users.map((u) => ({ Subscriber_Account: u })) });
    expect((await gatehouse.post(beforeAdd, body("even", "odd"))).answer).toEqual({ ...ok, RefusedSubscribers_Account: ["odd"] });
    expect((await gatehouse.post(beforeAdd, body("even"))).answer).toEqual(ok);
  });

  it.each([
    ["a number", 1670574414123, "2022-12-09T08:26:54.123Z"],
    ["a numeric string", "1670574414123", "2022-12-09T08:26:54.123Z"],
    ["absent", undefined, undefined],
    ["not a time", "soon", undefined],
    ["below zero", -5, undefined],
    ["a fraction", 1.5, undefined],
    ["too large", 1e300, undefined],
    ["an object", {}, undefined],
  ])("is decided when EventTime is %s", async (_name, EventTime, recorded) => {
    expect(await gatehouse.post(beforeCreate, creation("x", { EventTime }))).toEqual({ status: 200, answer: ok });
    const { decisions } = await createClient(DecisionService, gatehouse.server.localDoor).listDecisions({ pageSize: 1 });
    const time = decisions[0]?.eventTime;
    expect(time === undefined ? undefined : new Date(Number(time.seconds) * 1000 + time.nanos / 1e6).toISOString()).toBe(recorded);
  });

  it("is accepted on every path, with unknown members and parameters", async () => {
    const reply = await gatehouse.post(beforeCreate, creation("own", { New_Member: [1] }), {
      path: "/hooks/chat",
      query: { token: "x", RequestId: "r-1" },
    });
    expect(reply.answer).toMatchObject({ ErrorCode: 120001 });
    const { decisions } = await createClient(DecisionService, gatehouse.server.localDoor).listDecisions({ pageSize: 1 });
    expect(decisions[0]?.origin).toMatchObject({ source: "webhook", traceId: "r-1" });
  });

  it("keeps whatever platform and address it names, cut to what fits", async () => {
    const query = { OptPlatform: "Größe".repeat(40), ClientIP: "not an address" };
    expect((await gatehouse.post(beforeCreate, creation("own"), { query })).answer).toMatchObject({ ErrorCode: 120001 });
    const { decisions } = await createClient(DecisionService, gatehouse.server.localDoor).listDecisions({ pageSize: 1 });
    expect(decisions[0]?.origin?.clientIp).toBe("not an address");
    expect(Buffer.byteLength(decisions[0]?.origin?.platform ?? "")).toBeLessThanOrEqual(64);
  });

  it("with an unknown command, whatever its body, is answered and counted", async () => {
    const line = 'gatehouse_webhook_answers_total{command="other",outcome="ignored"}';
    const before = await metric(gatehouse, line);
    for (const body of [{ CallbackCommand: "Group.CallbackBeforeSendMsg" }, "rubbish", "[1]", ""]) {
      expect(await gatehouse.post("Group.CallbackBeforeSendMsg", body)).toEqual({ status: 200, answer: ok });
    }
    expect(await metric(gatehouse, line)).toBe(before + 4);
  });

  it("that is the console's probe is answered, without an app and a body", async () => {
    const response = await fetch(`${gatehouse.webhookUrl}/?contenttype=json`, { method: "POST" });
    expect([response.status, await response.json()]).toEqual([200, ok]);
    expect(await metric(gatehouse, 'gatehouse_webhook_answers_total{command="other",outcome="probe"}')).toBeGreaterThan(0);
  });

  const hostile: [string, string | Buffer | object][] = [
    ["not JSON", "{"],
    ["empty", ""],
    ["null", "null"],
    ["a list", "[]"],
    ["a number", "12"],
    ["deeply nested", "[".repeat(100_000)],
    ["a name that is a number", creation(12)],
    ["a name that is missing", creation(undefined)],
    ["an empty name", creation("")],
    ["a name of 151 bytes", creation("x".repeat(151))],
    ["a Chinese name of 153 bytes", creation("公".repeat(51))],
    ["half of a surrogate pair in the name", `{"CallbackCommand":"${beforeCreate}","Name":"\\ud800"}`],
    ["a NUL in the name", creation("a\0b")],
    ["an operator of 33 bytes", creation("x", { Operator_Account: "o".repeat(33) })],
    ["an operator that is not ASCII", creation("x", { Operator_Account: "ö" })],
    ["__proto__ as a member", `{"__proto__":{"Name":"x"},"CallbackCommand":"${beforeCreate}"}`],
  ];
  it.each(hostile)("with a body that cannot be judged gets the fallback: %s", async (_name, body) => {
    const before = await decisionCount(gatehouse);
    expect(await gatehouse.post(beforeCreate, body)).toEqual({ status: 200, answer: ok });
    expect(await decisionCount(gatehouse)).toBe(before);
  });

  it.each<[string, object]>([
    ["no list", {}],
    ["a list that is a string", { SubscribeAccountList: "jared" }],
    ["an empty list", { SubscribeAccountList: [] }],
    ["a list of strings", { SubscribeAccountList: ["jared"] }],
    ["101 subscribers", { SubscribeAccountList: Array.from({ length: 101 }, (_, i) => ({ Subscriber_Account: `u${i}` })) }],
  ])("about subscribers with %s gets the fallback", async (_name, members) => {
    expect(await gatehouse.post(beforeAdd, { Official_Account: "a", ...members })).toEqual({ status: 200, answer: ok });
  });

  it("that tells of an event which cannot be kept is not acknowledged", async () => {
    const reply = await gatehouse.post(afterCreate, { Official_Account: "", Name: "x" });
    expect(reply).toEqual({ status: 200, answer: { ActionStatus: "FAIL", ErrorInfo: "The event could not be recorded.", ErrorCode: 1 } });
  });

  it("of 100 subscribers is decided", async () => {
    const SubscribeAccountList = Array.from({ length: 100 }, (_, i) => ({ Subscriber_Account: i === 50 ? "odd" : `u${i}` }));
    const { answer } = await gatehouse.post(beforeAdd, { Official_Account: "a", SubscribeAccountList });
    expect(answer).toEqual({ ...ok, RefusedSubscribers_Account: ["odd"] });
  });
});

describe("a message", () => {
  const beforeSend = "OfficialAccount.CallbackBeforeSendMsg";
  const text = (value: string) => ({ MsgType: "TIMTextElem", MsgContent: { Text: value } });
  let gatehouse: TestGatehouse;
  beforeAll(async () => {
    gatehouse = await startGatehouse({
      policy: `
name: test
rules:
  - { id: own, on: [send_message], when: text == "own", then: { deny: { code: 130000, message: own code } } }
  - { id: out, on: [send_message], when: text == "out", then: { discard: {} } }
  - { id: all, on: [send_message], when: text == "all", then: { rewrite: { replace: { with: instead }, remove: { custom_data: true } } } }
  - { id: online, on: [send_message], when: online_only, then: { deny: { message: online } } }
`,
      env: { GATEHOUSE_WEBHOOK_FALLBACK_SEND_MESSAGE: "discard" },
    });
  });
  afterAll(() => gatehouse[Symbol.asyncDispose]());
  const post = (members: object | string) => gatehouse.post(beforeSend, members);
  const answered = (answer: object) => ({ status: 200, answer });

  it.each([
    ["allowed", [text("fine")], ok],
    ["denied with the policy's own code", [text("own")], { ...ok, ErrorCode: 130000, ErrorInfo: "own code" }],
    ["discarded", [text("out")], { ...ok, ErrorCode: 2 }],
    ["rewritten", [text("all")], { ...ok, MsgBody: [text("instead")], CloudCustomData: "" }],
  ])("can be %s, and is counted so", async (_name, MsgBody, answer) => {
    expect(await post({ Official_Account: "a", MsgBody, CloudCustomData: "data" })).toEqual(answered(answer));
    const outcome = { allowed: "allow", discarded: "discard", rewritten: "rewrite" }[_name] ?? "deny";
    expect(await metric(gatehouse, `gatehouse_webhook_answers_total{command="${beforeSend}",outcome="${outcome}"}`)).toBe(1);
  });

  it.each([
    [1, 1],
    ["1", 1],
    [true, 1],
    [0, 0],
    [undefined, 0],
    ["yes", 0],
  ])("is for users online when OnlineOnlyFlag is %j", async (OnlineOnlyFlag, ErrorCode) => {
    expect((await post({ Official_Account: "a", MsgBody: [], OnlineOnlyFlag })).answer).toMatchObject({ ErrorCode });
  });

  it.each<[string, object | string]>([
    ["no elements", { Official_Account: "a" }],
    ["elements that are no list", { Official_Account: "a", MsgBody: {} }],
    ["an element that is a text", { Official_Account: "a", MsgBody: ["x"] }],
    ["no account", { MsgBody: [text("x")] }],
    ["custom data that is no text", { Official_Account: "a", MsgBody: [], CloudCustomData: {} }],
    ["more elements than any message has", { Official_Account: "a", MsgBody: Array.from({ length: 1001 }, () => ({})) }],
    ["an element that is too large", { Official_Account: "a", MsgBody: [text("x".repeat(70_000))] }],
    ["rubbish for a body", "rubbish"],
  ])("with %s gets the fallback", async (_name, members) => {
    const before = await decisionCount(gatehouse);
    expect(await post(members)).toEqual(answered({ ...ok, ErrorCode: 2 }));
    expect(await decisionCount(gatehouse)).toBe(before);
  });
});

describe("what cannot have come from Chat", () => {
  let gatehouse: TestGatehouse;
  beforeAll(async () => {
    gatehouse = await startGatehouse();
  });
  afterAll(() => gatehouse[Symbol.asyncDispose]());

  it.each([
    ["another app", 403, `/?SdkAppid=1400000001&CallbackCommand=${beforeCreate}`, "POST", creation("x")],
    ["an app that is no number", 403, `/?SdkAppid=abc&CallbackCommand=${beforeCreate}`, "POST", creation("x")],
    ["no app, but a command of ours", 403, `/?CallbackCommand=${beforeCreate}`, "POST", creation("x")],
    ["another command in the body", 403, `/?SdkAppid=1400000000&CallbackCommand=${beforeAdd}`, "POST", creation("x")],
    ["GET", 405, `/?SdkAppid=1400000000&CallbackCommand=${beforeCreate}`, "GET", undefined],
    ["PUT", 405, `/?SdkAppid=1400000000&CallbackCommand=${beforeCreate}`, "PUT", creation("x")],
  ])("is refused: %s", async (_name, status, path, method, body) => {
    const response = await fetch(gatehouse.webhookUrl + path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    expect([response.status, await response.json()]).toEqual([
      status,
      { ActionStatus: "FAIL", ErrorInfo: expect.any(String), ErrorCode: 1 },
    ]);
    expect(await decisionCount(gatehouse)).toBe(0);
  });

  it.each([
    ["with its length", (body: string) => body],
    [
      "in chunks",
      (body: string) =>
        new ReadableStream({
          start(c) {
            c.enqueue(Buffer.from(body));
            c.close();
          },
        }),
    ],
  ])("is refused: a body that is too large, %s", async (_name, make) => {
    const body = JSON.stringify(creation("x", { padding: "x".repeat(300_000) }));
    const response = await fetch(`${gatehouse.webhookUrl}/?SdkAppid=1400000000&CallbackCommand=${beforeCreate}`, {
      method: "POST",
      body: make(body),
      duplex: "half",
    } as RequestInit);
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ ActionStatus: "FAIL" });
  });

  it("does not disturb others when it breaks off", async () => {
    const socket = connect(gatehouse.server.webhook.port, "127.0.0.1");
    await new Promise((resolve) => socket.once("connect", resolve));
    socket.write(`POST /?SdkAppid=1400000000 HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"Callback`);
    socket.destroy();
    expect((await gatehouse.post(beforeCreate, creation("x"))).status).toBe(200);
  });

  it("finds nothing but webhooks and a liveness page here", async () => {
    expect(await (await fetch(`${gatehouse.webhookUrl}/healthz`)).json()).toEqual({ status: "ok" });
    for (const path of ["/metrics", "/readyz", "/gatehouse.v1.DecisionService/ListDecisions"]) {
      expect((await fetch(gatehouse.webhookUrl + path)).status).toBe(405);
    }
  });
});

describe("with the fallback deny", () => {
  it("a creation that cannot be judged is denied", async () => {
    await using gatehouse = await startGatehouse({ env: { GATEHOUSE_WEBHOOK_FALLBACK_CREATE_ACCOUNT: "deny" } });
    expect(await gatehouse.post(beforeCreate, "rubbish")).toEqual({ status: 200, answer: { ...ok, ErrorCode: 1 } });
  });
});

describe("an app with secrets", () => {
  const apps = [{ id: 1400000000, path_secret: "secret-of-the-path", query_secret: "secret-of-the-query" }];
  const query = { token: "secret-of-the-query" };

  it("accepts what has both, and nothing else; who was refused stands in the log, the secrets do not", async () => {
    await using gatehouse = await startGatehouse({ apps, env: { GATEHOUSE_WEBHOOK_TRUSTED_PROXIES: "127.0.0.0/8" } });
    const status = async (options: { query?: Record<string, string>; path?: string }) =>
      (await gatehouse.post(beforeCreate, creation("x"), options)).status;
    expect(await status({ path: "/chat/secret-of-the-path", query })).toBe(200);
    expect(await status({ path: "/chat/secret-of-the-path" })).toBe(401);
    expect(await status({ path: "/", query })).toBe(401);
    const parameters = new URLSearchParams({ SdkAppid: "1400000000", CallbackCommand: beforeCreate });
    const response = await fetch(`${gatehouse.webhookUrl}/?${parameters}`, {
      method: "PUT",
      headers: { "X-Forwarded-For": "203.0.113.9" },
    });
    expect(response.status).toBe(405);
    const log = gatehouse.log.join("");
    expect(log).toMatch(/"outcome":"rejected_bad_secret".*"client":"127\.0\.0\.1"/);
    expect(log).toMatch(/"outcome":"rejected_method".*"client":"203\.0\.113\.9"/);
    expect(log).not.toContain("secret-of");
  });
});

describe("an app with tokens", () => {
  it("accepts what one of them signed within a minute, and nothing else", async () => {
    await using gatehouse = await startGatehouse({ env: { GATEHOUSE_APPS: "1400000000=old|new" } });
    const signed = (token: string, seconds: number) => {
      const RequestTime = String(seconds);
      return {
        RequestTime,
        Sign: createHash("sha256")
          .update(token + RequestTime)
          .digest("hex"),
      };
    };
    const nowSeconds = Math.floor(Date.now() / 1000);
    const status = async (query: Record<string, string>) => (await gatehouse.post(beforeCreate, creation("x"), { query })).status;
    expect(await status(signed("old", nowSeconds))).toBe(200);
    expect(await status(signed("new", nowSeconds))).toBe(200);
    expect(await status(signed("other", nowSeconds))).toBe(401);
    expect(await status(signed("old", nowSeconds - 62))).toBe(401);
    expect(await status(signed("old", nowSeconds + 62))).toBe(401);
    expect(await status({})).toBe(401);
    expect(await status({ ...signed("old", nowSeconds), Sign: "" })).toBe(401);
    expect(gatehouse.log.join("")).not.toContain(signed("old", nowSeconds).Sign);
  });

  it("accepts several webhooks with one signature, which all of one second have, and decides each", async () => {
    await using gatehouse = await startGatehouse({ env: { GATEHOUSE_APPS: "1400000000=token" } });
    const RequestTime = String(Math.floor(Date.now() / 1000));
    const Sign = createHash("sha256").update(`token${RequestTime}`).digest("hex");
    const names = ["a", "b", "c", "a"];
    const replies = await Promise.all(names.map((name) => gatehouse.post(beforeCreate, creation(name), { query: { Sign, RequestTime } })));
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(await decisionCount(gatehouse)).toBe(4);
  });

  it("takes the window that is set", async () => {
    await using gatehouse = await startGatehouse({
      env: { GATEHOUSE_APPS: "1400000000=token", GATEHOUSE_WEBHOOK_SIGN_WINDOW_SECONDS: "600" },
    });
    const RequestTime = String(Math.floor(Date.now() / 1000) - 300);
    const Sign = createHash("sha256").update(`token${RequestTime}`).digest("hex");
    expect((await gatehouse.post(beforeCreate, creation("x"), { query: { Sign, RequestTime } })).status).toBe(200);
  });
});

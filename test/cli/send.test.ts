// `gatehouse send` against a small HTTP server that keeps what it gets.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { samples } from "../../src/cli/samples.ts";
import { gatehouse, listen, nowMs } from "./harness.ts";

const vectors = new URL("../vectors/", import.meta.url);
const ok = { ActionStatus: "OK", ErrorInfo: "", ErrorCode: 0 };

interface Received {
  method: string;
  url: URL;
  body: string;
}

/** A webhook listener that gives one answer to everything. */
async function chatEnd(answer: unknown = ok, status = 200): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const url = await listen(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    received.push({ method: request.method ?? "", url: new URL(request.url ?? "", "http://x"), body });
    response.writeHead(status).end(typeof answer === "string" ? answer : JSON.stringify(answer));
  });
  return { url, received };
}

function writeTemporary(name: string, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-send-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test("a sample goes out as Chat sends it, and the answer is shown", async () => {
  const { url, received } = await chatEnd();
  const { code, stdout, stderr } = await gatehouse(["send", "before-create", "--url", `${url}/hook?token=t`]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(received).toHaveLength(1);
  expect(received[0]?.method).toBe("POST");
  expect(received[0]?.url.pathname).toBe("/hook");
  expect(Object.fromEntries(received[0]?.url.searchParams ?? [])).toEqual({
    token: "t",
    SdkAppid: "1400000000",
    CallbackCommand: "OfficialAccount.CallbackBeforeCreateOfficialAccount",
    contenttype: "json",
    ClientIP: "127.0.0.1",
    OptPlatform: "RESTAPI",
  });
  expect(JSON.parse(received[0]?.body ?? "")).toEqual(samples["before-create"]?.body);
  expect(stdout).toContain(`POST ${url}/hook?token=t&SdkAppid=1400000000&`);
  expect(stdout).toMatch(/200 OK in [\d.]+ ms/);
  expect(stdout).toContain("→ allowed\n");
});

test("every sample has the values of its published vector", () => {
  const published: Record<string, string> = {
    "before-create": "before-create-allow.json",
    "before-add-subscriber": "before-add-subscriber-allow.json",
    "after-create": "after-create.json",
    "after-add-subscriber": "after-add-subscriber.json",
    "after-delete-subscriber": "after-delete-subscriber.json",
    "after-info-changed": "after-info-changed.json",
    "after-destroyed": "after-destroyed.json",
    "after-full": "after-full.json",
    "before-send-message": "before-send-message-allow.json",
    "after-send-message": "after-send-message.json",
    "after-message-withdrawn": "after-message-withdrawn.json",
  };
  expect(Object.keys(samples).filter((name) => !(name in published))).toEqual(["state-change"]);
  for (const [name, file] of Object.entries(published)) {
    const vector = JSON.parse(readFileSync(new URL(file, vectors), "utf8"));
    expect(samples[name]?.body).toEqual(vector.body);
    expect(samples[name]?.platform).toBe(vector.query.OptPlatform);
  }
});

test("--all sends the life of an account in order", async () => {
  const { url, received } = await chatEnd();
  const { code } = await gatehouse(["send", "--all", "--event-time", "now", "--url", url]);
  expect(code).toBe(0);
  expect(received.map((request) => request.url.searchParams.get("CallbackCommand")?.replace("OfficialAccount.Callback", ""))).toEqual([
    "BeforeCreateOfficialAccount",
    "AfterCreateOfficialAccount",
    "BeforeAddSubscriber",
    "AfterAddSubscriber",
    "AfterOfficialAccountFull",
    "BeforeSendMsg",
    "AfterSendMsg",
    "AfterMsgWithDraw",
    "AfterOfficialAccountInfoChanged",
    "AfterDeleteSubscriber",
    "AfterOfficialAccountDestroyed",
  ]);
  expect(received.map((request) => JSON.parse(request.body).EventTime)).toEqual(received.map((_, index) => nowMs + index));
});

test("--list lists the samples and sends nothing", async () => {
  const { code, stdout } = await gatehouse(["send", "--list", "--url", "http://127.0.0.1:1"]);
  expect(code).toBe(0);
  for (const name of Object.keys(samples)) expect(stdout).toMatch(new RegExp(`^${name} `, "m"));
});

test("flags change the webhook", async () => {
  const { url, received } = await chatEnd();
  const flags = [
    "--app",
    "1400000001",
    "--platform",
    "iPad",
    "--client-ip",
    "10.0.0.1",
    "--query",
    "RequestId=r=1",
    "--unset-query",
    "contenttype",
  ];
  const members = [
    "--set",
    "Owner_Account=42",
    "--set",
    "EventTime:=7",
    "--set",
    'Note:={"a":[1]}',
    "--unset",
    "Name",
    "--subscriber",
    "a",
    "--subscriber",
    "b",
  ];
  const { code } = await gatehouse(["send", "before-create", "--url", url, ...flags, ...members]);
  expect(code).toBe(0);
  expect(Object.fromEntries(received[0]?.url.searchParams ?? [])).toEqual({
    SdkAppid: "1400000001",
    CallbackCommand: "OfficialAccount.CallbackBeforeCreateOfficialAccount",
    ClientIP: "10.0.0.1",
    OptPlatform: "iPad",
    RequestId: "r=1",
  });
  expect(JSON.parse(received[0]?.body ?? "")).toEqual({
    CallbackCommand: "OfficialAccount.CallbackBeforeCreateOfficialAccount",
    Operator_Account: "107867",
    Owner_Account: "42",
    EventTime: 7,
    Note: { a: [1] },
    SubscribeAccountList: [{ Subscriber_Account: "a" }, { Subscriber_Account: "b" }],
  });
});

test("--command alone makes a webhook of nothing but command and time", async () => {
  const { url, received } = await chatEnd();
  await gatehouse(["send", "--command", "State.StateChange", "--url", url], { GATEHOUSE_APP: "5" });
  expect(received[0]?.url.searchParams.get("SdkAppid")).toBe("5");
  expect(JSON.parse(received[0]?.body ?? "")).toEqual({ CallbackCommand: "State.StateChange", EventTime: nowMs });
});

test.each([
  ["xxxxyyyy", "1669872112", "17773bc39a671d7b9aa835458704d2a6db81360a5940292b587d6d760d484061"],
  ["e10adc3949ba59abbe56e057f20f883e", "1676091353", "a5d271b35bd72858cdf1ad0b9dfbf037d19146062c0ecb712a0a3235489d6021"],
])("token %s at %s signs as published", async (token, time, signature) => {
  const { url, received } = await chatEnd();
  await gatehouse(["send", "before-create", "--url", url, "--token", token, "--request-time", time]);
  await gatehouse(["send", "before-create", "--url", url, "--request-time", time], { GATEHOUSE_WEBHOOK_TOKEN: token });
  for (const request of received) {
    expect(request.url.searchParams.get("Sign")).toBe(signature);
    expect(request.url.searchParams.get("RequestTime")).toBe(time);
  }
  expect(received).toHaveLength(2);
});

test("the time of a signature is now, in seconds", async () => {
  const { url, received } = await chatEnd();
  await gatehouse(["send", "before-create", "--url", url, "--token", "t"]);
  expect(received[0]?.url.searchParams.get("RequestTime")).toBe("1670574414");
});

test("the project's vectors go out as they stand, and answers are compared with the wanted ones", async () => {
  const { url, received } = await chatEnd();
  const names = readdirSync(vectors).filter((name) => name.endsWith(".json"));
  const paths = names.map((name) => new URL(name, vectors).pathname);
  const { code, stdout } = await gatehouse(["send", ...paths, "--json", "--url", url]);
  const lines = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines).toHaveLength(names.length);
  for (const [index, name] of names.entries()) {
    const vector = JSON.parse(readFileSync(new URL(name, vectors), "utf8"));
    expect(Object.fromEntries(received[index]?.url.searchParams ?? [])).toEqual(vector.query);
    if (vector.rawBody === undefined) expect(JSON.parse(received[index]?.body ?? "")).toEqual(vector.body);
    else expect(received[index]?.body).toBe(vector.rawBody);
    const more = Object.entries(vector.want).filter(([member]) => !(member in ok));
    expect(lines[index].good).toBe(more.length === 0);
    expect(lines[index].differences).toEqual(more.map(([member, wanted]) => `${member} is absent, wanted ${JSON.stringify(wanted)}`));
  }
  expect(code).toBe(1);
});

test("a file may hold one body, several in an array, or one on each line", async () => {
  const { url, received } = await chatEnd();
  const body = { CallbackCommand: "State.StateChange", Info: {} };
  const vector = { query: { CallbackCommand: "x" }, rawBody: "not json" };
  const files = [
    writeTemporary("one.json", JSON.stringify(body)),
    writeTemporary("array.json", JSON.stringify([body, vector])),
    writeTemporary("lines.ndjson", `${JSON.stringify(body)}\n\n${JSON.stringify(vector)}\n`),
  ];
  const { code } = await gatehouse(["send", ...files.flatMap((file) => ["--file", file]), "--url", url]);
  expect(code).toBe(0);
  expect(received.map((request) => request.body)).toEqual(
    [body, body, vector, body, vector].map((item) => ("rawBody" in item ? item.rawBody : JSON.stringify(item))),
  );
  expect(received[0]?.url.searchParams.get("SdkAppid")).toBe("1400000000");
  expect(received[0]?.url.searchParams.get("CallbackCommand")).toBe("State.StateChange");
  expect(received[2]?.url.search).toBe("?CallbackCommand=x");
});

test.each([
  ["a file that is not there", "missing.json", undefined, /cannot read .*: there is no such file\./],
  ["a file that is no JSON", "a.json", "{", /neither JSON nor one JSON value on each line/],
  ["a value that is no object", "a.json", "[1]", /is not a JSON object/],
  ["a body and a rawBody", "a.json", '{"body": {}, "rawBody": ""}', /both body and rawBody/],
  ["a body that is no object", "a.json", '{"body": []}', /body must be an object/],
])("%s is said in one line and ends with 1", async (_name, name, text, message) => {
  const path = text === undefined ? `/nonexistent/${name}` : writeTemporary(name, text);
  const { code, stderr } = await gatehouse(["send", path, "--url", "http://127.0.0.1:1"]);
  expect(code).toBe(1);
  expect(stderr).toMatch(message);
  expect(stderr.trimEnd()).not.toContain("\n");
});

test.each([
  ["a status other than 200", ok, 503, /the status is 503, not 200/],
  ["an answer that is no JSON", "<html>", 200, /not a JSON object/],
  ["an empty answer", "", 200, /not a JSON object/],
  ["an answer without ErrorInfo", { ActionStatus: "OK", ErrorCode: 0 }, 200, /ErrorInfo is not a string/],
  ["a code that is no integer", { ...ok, ErrorCode: "0" }, 200, /ErrorCode is not an integer/],
  ["an answer that says FAIL", { ActionStatus: "FAIL", ErrorCode: 1, ErrorInfo: "no disk" }, 200, /ActionStatus is FAIL: no disk/],
])("%s ends with 1 and says why", async (_name, answer, status, message) => {
  const { url } = await chatEnd(answer, status);
  const { code, stdout } = await gatehouse(["send", "after-create", "--url", url]);
  expect(code).toBe(1);
  expect(stdout).toMatch(message);
});

test.each([
  ["before-create", { ...ok, ErrorCode: 1 }, "denied with code 1\n"],
  ["before-create", { ...ok, ErrorCode: 120002, ErrorInfo: "Reserved.\u001b[2J" }, "denied with code 120002: Reserved.\\x1b[2J\n"],
  ["before-add-subscriber", { ...ok, RefusedSubscribers_Account: ["jared"] }, "allowed without jared\n"],
  ["before-send-message", { ...ok, ErrorCode: 2 }, "to be dropped in silence\n"],
  ["before-send-message", { ...ok, MsgBody: [] }, "allowed, rewritten\n"],
  ["after-create", ok, "taken note of\n"],
] as const)("the answer to %s is put in words", async (sample, answer, words) => {
  const { url } = await chatEnd(answer);
  const { code, stdout } = await gatehouse(["send", sample, "--url", url]);
  expect(code).toBe(0);
  expect(stdout).toContain(`→ ${words}`);
  expect(stdout).not.toContain("\u001b");
});

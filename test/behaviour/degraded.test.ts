// Webhooks that cannot be decided in time: each gets a valid answer within 2 s, and each fallback is recorded exactly once afterwards.
import { once } from "node:events";
import { connect } from "node:net";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { describe, expect, it, vi } from "vitest";
import { CaseKind, CaseService } from "../../gen/gatehouse/v1/case_service_pb.ts";
import { type Decision, DegradedCause, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { DecisionService } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { holdWrites, stallWrites } from "../database-from-outside.ts";
import { startGatehouse, type TestGatehouse, testApp } from "../gatehouse.ts";
import { isPostgres } from "../test-database.ts";

const beforeCreate = "OfficialAccount.CallbackBeforeCreateOfficialAccount";
const afterCreate = "OfficialAccount.CallbackAfterCreateOfficialAccount";
const ok = { ActionStatus: "OK", ErrorInfo: "", ErrorCode: 0 };

const policy = `
name: test
rules:
  - { id: bad, on: [create_account], when: 'name.startsWith("bad")', then: { deny: { code: 120001, message: no } } }
`;

const creation = (name: string, operator = "ann") => ({ Operator_Account: operator, Owner_Account: operator, Name: name });

/** Posts a creation, and sees to it that the answer is valid and comes within 2 s. */
async function ask(gatehouse: TestGatehouse, name: string, operator?: string): Promise<number> {
  const beginMs = performance.now();
  const { status, answer } = await gatehouse.post(beforeCreate, creation(name, operator));
  expect(performance.now() - beginMs).toBeLessThan(2000);
  expect(status).toBe(200);
  expect(answer).toEqual({ ActionStatus: "OK", ErrorInfo: expect.any(String), ErrorCode: expect.any(Number) });
  return (answer as { ErrorCode: number }).ErrorCode;
}

async function allDecisions(gatehouse: TestGatehouse): Promise<Decision[]> {
  const client = createClient(DecisionService, gatehouse.server.localDoor);
  const found: Decision[] = [];
  let pageToken = "";
  do {
    const page = await client.listDecisions({ pageSize: 1000, pageToken });
    found.push(...page.decisions);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return found;
}

const nameOf = ({ action }: Decision) => (action.case === "createAccount" ? action.value.name : "");

async function metric(gatehouse: TestGatehouse, line: string): Promise<number> {
  const text = await (await fetch(`${gatehouse.apiUrl}/metrics`)).text();
  return Number(
    text
      .split("\n")
      .find((found) => found.startsWith(`${line} `))
      ?.split(" ")
      .at(-1) ?? 0,
  );
}

// Only SQLite has a writer thread, and metrics, readiness and a log line that tell of it: see docs/operations.md.
describe.skipIf(isPostgres)("while the writer thread hangs", () => {
  it("webhooks get the fallback in time, health and metrics answer, and every fallback is recorded once afterwards", async () => {
    await using gatehouse = await startGatehouse({ policy, env: { GATEHOUSE_WEBHOOK_MAX_IN_FLIGHT: "40" } });
    const unstall = await stallWrites(gatehouse.folder, 5000);
    const stalling = ask(gatehouse, "good stalling", "stall");
    await vi.waitUntil(async () => (await metric(gatehouse, "gatehouse_store_unanswered_seconds")) > 0);

    const names = Array.from({ length: 100 }, (_, i) => `${i % 2 === 0 ? "good" : "bad"} ${i}`);
    const answers = await Promise.all(names.map((name) => ask(gatehouse, name)));
    expect(new Set([await stalling, ...answers])).toEqual(new Set([0]));
    expect((await fetch(`${gatehouse.webhookUrl}/healthz`)).status).toBe(200);
    expect((await fetch(`${gatehouse.apiUrl}/healthz`)).status).toBe(200);
    const readyz = await fetch(`${gatehouse.apiUrl}/readyz`);
    expect([readyz.status, await readyz.json()]).toEqual([
      503,
      { status: "not ready", reason: expect.stringContaining("look at its disk") },
    ]);
    expect(await metric(gatehouse, `gatehouse_degraded_total{command="${beforeCreate}",cause="deadline"}`)).toBe(40);
    expect(await metric(gatehouse, `gatehouse_degraded_total{command="${beforeCreate}",cause="overload"}`)).toBe(61);
    const event = await gatehouse.post(afterCreate, { Official_Account: "a", ...creation("x") });
    expect(event.answer).toMatchObject({ ActionStatus: "FAIL" });

    await vi.waitUntil(async () => (await allDecisions(gatehouse)).filter(({ degraded }) => degraded).length === 101, { timeout: 30_000 });
    await unstall();
    const decisions = await allDecisions(gatehouse);
    expect(decisions.map(nameOf).sort()).toEqual(["good stalling", ...names].sort());
    for (const decision of decisions) {
      expect(decision).toMatchObject({ verdict: Verdict.ALLOW, code: 0 });
      expect(decision.lateVerdict).toBe(nameOf(decision).startsWith("bad") ? Verdict.DENY : Verdict.ALLOW);
      expect(decision.answerTime).toBeDefined();
    }
    const causes = decisions.map(({ degradedCause }) => degradedCause);
    expect(causes.filter((cause) => cause === DegradedCause.DEADLINE)).toHaveLength(40);
    expect(causes.filter((cause) => cause === DegradedCause.OVERLOAD)).toHaveLength(61);

    // What the policy would have denied is for a person to look at, each once.
    const { listCases } = createClient(CaseService, gatehouse.server.localDoor);
    // A case opens just after its decision was marked.
    await vi.waitUntil(async () => (await listCases({ pageSize: 1000 })).cases.length >= 50, { timeout: 10_000 });
    const { cases } = await listCases({ pageSize: 1000 });
    const denied = decisions.filter(({ lateVerdict }) => lateVerdict === Verdict.DENY).map(({ decisionId }) => decisionId);
    expect(denied).toHaveLength(50);
    expect(cases.map(({ decisionId }) => decisionId).sort()).toEqual(denied.sort());
    expect(new Set(cases.map(({ kind }) => kind))).toEqual(new Set([CaseKind.LATE_DENY]));

    expect(await ask(gatehouse, "bad again")).toBe(120001);
    expect((await fetch(`${gatehouse.apiUrl}/readyz`)).status).toBe(200);
    expect(await metric(gatehouse, "gatehouse_fallbacks_waiting")).toBe(0);
    expect(gatehouse.log.filter((line) => line.includes("does not answer"))).toHaveLength(1);
    expect(gatehouse.log.filter((line) => line.includes("was not decided") && line.includes("fallback_deadline"))).toHaveLength(1);
  }, 60_000);
});

describe("while another process holds the database", () => {
  it("webhooks get the fallback in time, and every fallback is recorded once afterwards", async () => {
    await using gatehouse = await startGatehouse({ policy, env: { GATEHOUSE_WEBHOOK_FALLBACK_CREATE_ACCOUNT: "deny" } });
    const letGo = await holdWrites(gatehouse.folder);
    const names = Array.from({ length: 30 }, (_, i) => `${i % 2 === 0 ? "good" : "bad"} ${i}`);
    const answers = await Promise.all(names.map((name) => ask(gatehouse, name)));
    expect(new Set(answers)).toEqual(new Set([1]));
    await letGo();
    await vi.waitUntil(async () => (await allDecisions(gatehouse)).filter(({ degraded }) => degraded).length === 30, { timeout: 30_000 });
    const decisions = await allDecisions(gatehouse);
    expect(decisions.map(nameOf).sort()).toEqual([...names].sort());
    for (const decision of decisions) expect(decision).toMatchObject({ verdict: Verdict.DENY, code: 1 });
    expect(await ask(gatehouse, "good")).toBe(0);
  }, 60_000);
});

describe("a budget", () => {
  const env = { GATEHOUSE_WEBHOOK_BUDGETS_CREATE_ACCOUNT: "150", GATEHOUSE_WEBHOOK_FALLBACK_CREATE_ACCOUNT: "deny" };

  /** Sends the head of a webhook and a part of its body; resolves to the connection and what has come back so far. */
  async function sendSlowly(gatehouse: TestGatehouse, command: string, body: string, firstBytes: number) {
    const socket = connect(gatehouse.server.webhook.port, "127.0.0.1");
    await once(socket, "connect");
    const received = { text: "" };
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      received.text += chunk;
    });
    const target = `/?SdkAppid=1400000000&CallbackCommand=${command}`;
    socket.write(`POST ${target} HTTP/1.1\r\nHost: x\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body.slice(0, firstBytes)}`);
    return { socket, received, rest: body.slice(firstBytes) };
  }

  it("that ends while the body is still coming is kept, and what comes then is recorded", async () => {
    await using gatehouse = await startGatehouse({ policy, env });
    const { socket, received, rest } = await sendSlowly(gatehouse, beforeCreate, JSON.stringify(creation("slow")), 10);
    const beginMs = Date.now();
    await vi.waitUntil(() => received.text.endsWith("}"), { timeout: 5000 });
    expect(received.text).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\n\r\n\{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":1\}$/s);
    expect(await allDecisions(gatehouse)).toEqual([]);
    socket.write(rest);
    await vi.waitUntil(async () => (await allDecisions(gatehouse)).some(({ degraded }) => degraded), { timeout: 5000 });
    const [decision, ...others] = await allDecisions(gatehouse);
    expect(others).toEqual([]);
    expect(decision).toMatchObject({ verdict: Verdict.DENY, lateVerdict: Verdict.ALLOW, degradedCause: DegradedCause.DEADLINE });
    expect(timestampMs(decision?.answerTime ?? timestampFromMs(0))).toBeGreaterThanOrEqual(beginMs);

    // The connection goes on with the next webhook.
    received.text = "";
    const body = JSON.stringify(creation("bad"));
    socket.write(
      `POST /?SdkAppid=1400000000&CallbackCommand=${beforeCreate} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await vi.waitUntil(() => received.text.endsWith("}"), { timeout: 5000 });
    expect(received.text).toMatch(/"ErrorCode":(?:120001|1)\}$/);
    socket.destroy();
  });

  it("is each command's own", async () => {
    await using gatehouse = await startGatehouse({ policy, env: { ...env, GATEHOUSE_WEBHOOK_BUDGETS_EVENTS: "20" } });
    const body = JSON.stringify({ Official_Account: "a" });
    const creationSent = await sendSlowly(gatehouse, beforeCreate, body, 5);
    const eventSent = await sendSlowly(gatehouse, afterCreate, body, 5);
    await vi.waitUntil(() => eventSent.received.text.endsWith("}"), { timeout: 5000 });
    expect(eventSent.received.text).toContain('"ActionStatus":"FAIL"');
    await vi.waitUntil(() => creationSent.received.text.endsWith("}"), { timeout: 5000 });
    expect(creationSent.received.text).toContain('"ErrorCode":1}');
    for (const { socket } of [creationSent, eventSent]) socket.destroy();
    expect(await metric(gatehouse, `gatehouse_webhook_answers_total{command="${afterCreate}",outcome="not_recorded_deadline"}`)).toBe(1);
  });
});

it("what waits is recorded when the service stops", async () => {
  const env = { GATEHOUSE_WEBHOOK_BUDGETS_CREATE_ACCOUNT: "50" };
  const first = await startGatehouse({ policy, env });
  const { folder } = first;
  const letGo = await holdWrites(folder);
  expect(await Promise.all([ask(first, "bad first"), ask(first, "bad"), ask(first, "good")])).toEqual([0, 0, 0]);
  const stopping = first.server.stop(20_000);
  await letGo();
  await stopping;
  await using second = await startGatehouse({ policy, env, folder });
  const decisions = await allDecisions(second);
  expect(decisions.map(nameOf).sort()).toEqual(["bad", "bad first", "good"]);
  expect(decisions.every(({ degraded }) => degraded)).toBe(true);
}, 60_000);

it("an app that asks more often than it may gets the fallback, and its events are recorded all the same", async () => {
  await using gatehouse = await startGatehouse({ policy, apps: [{ id: testApp, max_per_second: 3 }] });
  const answers: number[] = [];
  for (let i = 0; i < 5; i++) answers.push(await ask(gatehouse, `bad ${i}`));
  expect(answers).toEqual([120001, 120001, 120001, 0, 0]);
  expect(await gatehouse.post(afterCreate, { Official_Account: "a", ...creation("x") })).toEqual({ status: 200, answer: ok });
  await vi.waitUntil(async () => (await allDecisions(gatehouse)).length === 5);
  const degraded = (await allDecisions(gatehouse)).filter((decision) => decision.degraded);
  expect(degraded.map(nameOf).sort()).toEqual(["bad 3", "bad 4"]);
  for (const decision of degraded) expect(decision.degradedCause).toBe(DegradedCause.OVERLOAD);
});

it("decisions go before events: events take half of the room at most", async () => {
  await using gatehouse = await startGatehouse({ policy, env: { GATEHOUSE_WEBHOOK_MAX_IN_FLIGHT: "10" } });
  const letGo = await holdWrites(gatehouse.folder);
  const first = ask(gatehouse, "good first");
  await vi.waitUntil(async () => (await metric(gatehouse, "gatehouse_webhook_in_flight")) === 1);
  const events = Array.from({ length: 20 }, (_, i) => gatehouse.post(afterCreate, { Official_Account: `a${i}`, ...creation("x") }));
  await Promise.all(events.slice(4));
  expect(await metric(gatehouse, "gatehouse_webhook_in_flight")).toBe(5);
  const asked = Array.from({ length: 10 }, (_, i) => ask(gatehouse, `good ${i}`));
  await Promise.all([first, ...asked, ...events]);
  const count = (command: string, outcome: string) =>
    metric(gatehouse, `gatehouse_webhook_answers_total{command="${command}",outcome="${outcome}"}`);
  expect(await count(afterCreate, "not_recorded_overload")).toBe(16);
  expect(await count(beforeCreate, "fallback_overload")).toBe(5);
  await letGo();
  await vi.waitUntil(async () => (await allDecisions(gatehouse)).length === 11, { timeout: 30_000 });
}, 60_000);

it("far more webhooks than there is room for are all answered in time, and what waits for being recorded is bounded", async () => {
  await using gatehouse = await startGatehouse({
    policy,
    env: { GATEHOUSE_WEBHOOK_MAX_IN_FLIGHT: "20", GATEHOUSE_WEBHOOK_MAX_UNRECORDED: "100" },
  });
  const letGo = await holdWrites(gatehouse.folder);
  for (let round = 0; round < 3; round++) {
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => ask(gatehouse, `bad ${round} ${i}`)));
    expect(new Set(answers)).toEqual(new Set([0]));
    expect(await metric(gatehouse, "gatehouse_fallbacks_waiting")).toBeLessThanOrEqual(100);
    expect(await metric(gatehouse, "gatehouse_webhook_in_flight")).toBeLessThanOrEqual(20);
  }
  await letGo();
  await vi.waitUntil(async () => (await ask(gatehouse, "bad again")) === 120001, { timeout: 10_000 });
  await vi.waitUntil(async () => (await metric(gatehouse, "gatehouse_fallbacks_waiting")) === 0, { timeout: 30_000 });
  expect(await metric(gatehouse, 'gatehouse_fallbacks_dropped_total{why="full"}')).toBeGreaterThan(0);
}, 60_000);

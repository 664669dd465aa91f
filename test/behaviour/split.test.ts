// The gateway apart from the service: what it acknowledged reaches the service once and in order, whatever happens to either.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { afterEach, describe, expect, it } from "vitest";
import { type ChatLoad, outOfOrder, startChatLoad } from "../../bench/harness/chat-load.ts";
import { readDegraded, readRecorded } from "../../bench/harness/recorded.ts";
import { Role } from "../../gen/gatehouse/v1/access_pb.ts";
import { AccountService } from "../../gen/gatehouse/v1/account_service_pb.ts";
import { DegradedCause, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { createCa, writePair } from "../certificates.ts";
import { startGatehouse, testApp } from "../gatehouse.ts";
import { type GatehouseProcess, startGatehouseProcess } from "../gatehouse-process.ts";
import { startGateway } from "../gateway.ts";
import { makeKey } from "./callers.ts";

const beforeCreate = "OfficialAccount.CallbackBeforeCreateOfficialAccount";
const afterCreate = "OfficialAccount.CallbackAfterCreateOfficialAccount";
const ok = { ActionStatus: "OK", ErrorInfo: "", ErrorCode: 0 };
const creation = (name: string) => ({ Operator_Account: "ann", Owner_Account: "ann", Name: name });
const created = (id: string) => ({ Official_Account: id, ...creation(id) });

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-split-"));
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts a process, which does not outlive the test. */
async function start(args: readonly string[], env: Record<string, string>): Promise<GatehouseProcess> {
  const started = await startGatehouseProcess(args, env);
  closers.push(() => started.child.exitCode === null && started.child.signalCode === null && started.end("SIGKILL"));
  return started;
}

/** A service that comes back where it was. */
async function openService() {
  const env: Record<string, string> = { GATEHOUSE_DATABASE: join(newFolder(), "gatehouse.db"), GATEHOUSE_APPS: String(testApp) };
  let running = await start(["serve"], env);
  const grpc = running.addresses.grpc ?? "";
  return {
    grpc,
    kill: () => running.end("SIGKILL"),
    signal: (signal: NodeJS.Signals) => running.child.kill(signal),
    async restart() {
      running = await start(["serve"], { ...env, GATEHOUSE_GRPC_LISTEN: grpc });
    },
    feed: () => readRecorded(`http://${running.addresses.api}`),
    degraded: () => readDegraded(`http://${running.addresses.api}`),
  };
}

/** Chat under load, until the test ends at the latest. */
function startLoad(port: number, connections: number): ChatLoad & { more(events: number): Promise<void> } {
  const load = startChatLoad({ port, app: testApp, connections });
  closers.push(load.cut);
  return {
    ...load,
    /** Resolves when so many more events were acknowledged. */
    async more(events) {
      const target = load.acknowledged.length + events;
      await expect.poll(() => load.acknowledged.length, { timeout: 30_000, interval: 10 }).toBeGreaterThan(target);
    },
  };
}

describe("the gateway apart from the service", () => {
  it("answers as the service decides, and records as if it were there", async () => {
    await using gatehouse = await startGatehouse();
    await using gateway = await startGateway({ service: `dns:///127.0.0.1:${gatehouse.server.grpc.port}` });
    expect(await gateway.post(beforeCreate, creation("公".repeat(41)))).toEqual({
      status: 200,
      answer: { ...ok, ErrorInfo: "A name has at most 40 characters.", ErrorCode: 120003 },
    });
    expect(await gateway.post(afterCreate, created("a"))).toEqual({ status: 200, answer: ok });
    expect(await gateway.post(afterCreate, created(""))).toMatchObject({ answer: { ActionStatus: "FAIL" } });
    const { accounts, decisions } = await readRecorded(gatehouse.apiUrl);
    expect(accounts).toEqual(["a"]);
    expect(decisions).toMatchObject([{ decision: { degraded: false, verdict: Verdict.DENY, requestId: expect.stringMatching(/^gw-/) } }]);
    expect(await gateway.ready()).toEqual({ status: 200, body: { status: "ready", service: "serving" } });
    expect(await gateway.metric("gatehouse_spool_waiting")).toBe(0);
  });

  it("shows the service its key and its certificate over TLS, and may not do without them", async () => {
    const folder = newFolder();
    const ca = createCa("the company");
    writeFileSync(join(folder, "ca.crt"), ca.certPem);
    const server = writePair(folder, ca.issue("service"));
    const own = writePair(folder, ca.issue("gateway"), "gateway");
    await using gatehouse = await startGatehouse({
      env: {
        GATEHOUSE_AUTH_REQUIRED: "always",
        GATEHOUSE_AUTH_BOOTSTRAP_KEY: "k".repeat(40),
        GATEHOUSE_GRPC_TLS_CERT_FILE: server.certFile,
        GATEHOUSE_GRPC_TLS_KEY_FILE: server.keyFile,
        GATEHOUSE_GRPC_TLS_CLIENT_CA_FILE: join(folder, "ca.crt"),
      },
    });
    const { keyText } = await makeKey(gatehouse, [Role.DECIDER]);
    const service = `dns:///localhost:${gatehouse.server.grpc.port}`;
    const tls = { GATEHOUSE_SERVICE_CA_FILE: join(folder, "ca.crt") };
    const certificate = { GATEHOUSE_SERVICE_CERT_FILE: own.certFile, GATEHOUSE_SERVICE_KEY_FILE: own.keyFile };
    const outcomes: Record<string, number> = {};
    const settings = {
      all: { ...tls, ...certificate, GATEHOUSE_API_KEY: keyText },
      "no key": { ...tls, ...certificate },
      "no certificate": { ...tls, GATEHOUSE_API_KEY: keyText },
      "no TLS": { GATEHOUSE_API_KEY: keyText },
    };
    for (const [name, env] of Object.entries(settings)) {
      await using gateway = await startGateway({ service, env });
      expect(await gateway.post(afterCreate, created(name))).toEqual({ status: 200, answer: ok });
      outcomes[name] = await gateway.metric("gatehouse_spool_waiting");
      expect(gateway.log.join("").includes("without TLS")).toBe(name === "no TLS");
    }
    expect(outcomes).toEqual({ all: 0, "no key": 1, "no certificate": 1, "no TLS": 1 });
    const { events } = await createClient(AccountService, gatehouse.server.localDoor).listAccountEvents({
      appId: testApp,
      accountId: "all",
    });
    expect(events).toHaveLength(1);
  });

  it("loses nothing, doubles nothing and keeps the order while the service is killed again and again under load", async () => {
    const service = await openService();
    await using gateway = await startGateway({ service: `dns:///${service.grpc}` });
    const load = startLoad(gateway.server.webhook.port, 16);
    await load.more(200);
    for (let round = 0; round < 3; round++) {
      await service.kill();
      await load.more(300);
      expect(await gateway.ready()).toMatchObject({ status: 200, body: { service: expect.stringContaining("away") } });
      await service.restart();
      await expect.poll(() => gateway.metric("gatehouse_spool_waiting"), { timeout: 30_000 }).toBe(0);
      await load.more(200);
    }
    const { asked, acknowledged, unwell, latencies } = await load.stop();
    await expect.poll(() => gateway.metric("gatehouse_spool_waiting"), { timeout: 30_000 }).toBe(0);
    expect(unwell).toEqual([]);
    expect(Math.max(...latencies)).toBeLessThan(2_000);

    const { accounts, decisions } = await service.feed();
    expect([...accounts].sort()).toEqual(acknowledged.map(({ id }) => id).sort());
    expect(outOfOrder(accounts, acknowledged)).toEqual([]);
    expect(decisions.map(({ name }) => name).sort()).toEqual([...asked].sort());
    const fallbacks = await Promise.all(
      ["unavailable", "deadline", "overload"].map((cause) =>
        gateway.metric(`gatehouse_degraded_total{command="${beforeCreate}",cause="${cause}"}`),
      ),
    );
    // A decision whose answer was lost has its mark beside it, not in the feed, which does not change.
    const degraded = await service.degraded();
    expect(degraded.length).toBe(fallbacks.reduce((sum, count) => sum + count));
    expect(degraded.length).toBeGreaterThan(300);
    expect(new Set(degraded)).toEqual(new Set([Verdict.ALLOW]));
    expect(await gateway.metric("gatehouse_spool_refused")).toBe(0);
  }, 120_000);

  it("answers in time while the service stands still, and has told it everything afterwards", async () => {
    const service = await openService();
    await using gateway = await startGateway({ service: `dns:///${service.grpc}`, env: { GATEHOUSE_WEBHOOK_BUDGET_MS: "600" } });
    const load = startLoad(gateway.server.webhook.port, 8);
    await load.more(50);
    service.signal("SIGSTOP");
    closers.push(() => service.signal("SIGCONT"));
    await load.more(30);
    service.signal("SIGCONT");
    await load.more(100);
    const { asked, acknowledged, unwell, latencies } = await load.stop();
    await expect.poll(() => gateway.metric("gatehouse_spool_waiting"), { timeout: 30_000 }).toBe(0);
    expect(unwell).toEqual([]);
    expect(Math.max(...latencies)).toBeLessThan(2_000);
    const { accounts, decisions } = await service.feed();
    expect([...accounts].sort()).toEqual(acknowledged.map(({ id }) => id).sort());
    expect(outOfOrder(accounts, acknowledged)).toEqual([]);
    expect(decisions.map(({ name }) => name).sort()).toEqual([...asked].sort());
    expect((await service.degraded()).length).toBeGreaterThan(0);
  }, 60_000);

  it("has on disk what it acknowledged when it is killed itself, and delivers it after the next start", async () => {
    const service = await openService();
    await service.kill();
    const env = { GATEHOUSE_SPOOL: join(newFolder(), "spool.db"), GATEHOUSE_APPS: String(testApp) };
    const gateway = await start(["gateway", "--service", `dns:///${service.grpc}`], env);
    const load = startLoad(Number(gateway.addresses.webhook?.split(":")[1]), 8);
    await load.more(200);
    await gateway.end("SIGKILL");
    await expect(load.stop()).rejects.toThrow();
    await service.restart();
    const again = await start(["gateway", "--service", `dns:///${service.grpc}`], env);
    await expect
      .poll(async () => (await service.feed()).accounts.length, { timeout: 30_000 })
      .toBeGreaterThanOrEqual(load.acknowledged.length);
    expect(await again.end("SIGTERM")).toBeUndefined();
    const { accounts } = await service.feed();
    const missing = load.acknowledged.filter(({ id }) => !accounts.includes(id));
    expect(missing).toEqual([]);
    expect(new Set(accounts).size).toBe(accounts.length);
    expect(outOfOrder(accounts, load.acknowledged)).toEqual([]);
  }, 60_000);

  it("begins without the service, and delivers when that comes", async () => {
    const service = await openService();
    await service.kill();
    await using gateway = await startGateway({ service: `dns:///${service.grpc}` });
    expect(await gateway.post(beforeCreate, creation("x"))).toEqual({ status: 200, answer: ok });
    expect(await gateway.post(afterCreate, created("a"))).toEqual({ status: 200, answer: ok });
    expect(await gateway.metric("gatehouse_spool_waiting")).toBe(2);
    await service.restart();
    await expect.poll(() => gateway.metric("gatehouse_spool_waiting"), { timeout: 15_000 }).toBe(0);
    const { accounts, decisions } = await service.feed();
    expect(accounts).toEqual(["a"]);
    expect(decisions).toMatchObject([
      { name: "x", decision: { degraded: true, degradedCause: DegradedCause.UNAVAILABLE, verdict: Verdict.ALLOW } },
    ]);
    expect(gateway.log.join("")).toContain("the service is back, and has everything that was kept for it");
  });

  it("does not acknowledge what its spool cannot hold, and still answers what Chat asks", async () => {
    const service = await openService();
    await service.kill();
    await using gateway = await startGateway({ service: service.grpc, env: { GATEHOUSE_SPOOL_MAX_BYTES: "65536" } });
    const acknowledged: string[] = [];
    let refused = 0;
    for (let n = 0; refused < 3; n++) {
      const { status, answer } = await gateway.post(afterCreate, created(`a${n}-${"x".repeat(30)}`));
      expect(status).toBe(200);
      if ((answer as typeof ok).ActionStatus === "OK") acknowledged.push(`a${n}-${"x".repeat(30)}`);
      else refused++;
    }
    expect(await gateway.post(beforeCreate, creation("x"))).toEqual({ status: 200, answer: ok });
    expect(await gateway.metric('gatehouse_spool_items_total{kind="event",result="full"}')).toBe(3);
    expect(gateway.log.join("")).toContain("an event could not be kept, and was not acknowledged");
    await service.restart();
    await expect.poll(() => gateway.metric("gatehouse_spool_waiting"), { timeout: 15_000 }).toBe(0);
    expect((await service.feed()).accounts).toEqual(acknowledged);
  });

  it("sets aside what the service will never take, and goes on", async () => {
    const service = await openService();
    await service.kill();
    await using gateway = await startGateway({ service: service.grpc, env: { GATEHOUSE_APPS: `${testApp},5` } });
    const other = `http://127.0.0.1:${gateway.server.webhook.port}/?SdkAppid=5&CallbackCommand=${afterCreate}`;
    expect(await (await fetch(other, { method: "POST", body: JSON.stringify(created("foreign")) })).json()).toEqual(ok);
    await gateway.post(afterCreate, created("a"));
    await service.restart();
    await expect.poll(() => gateway.metric("gatehouse_spool_waiting"), { timeout: 15_000 }).toBe(0);
    expect((await service.feed()).accounts).toEqual(["a"]);
    expect(await gateway.metric("gatehouse_spool_refused")).toBe(1);
    expect(gateway.log.join("")).toContain("App 5 is not configured here");
  });

  it("delivers what it can before it stops", async () => {
    const service = await openService();
    await service.kill();
    const gateway = await startGateway({ service: service.grpc });
    for (const id of ["a", "b", "c"]) await gateway.post(afterCreate, created(id));
    await service.restart();
    await gateway.server.stop(10_000);
    await gateway[Symbol.asyncDispose]();
    expect((await service.feed()).accounts).toEqual(["a", "b", "c"]);
  });
});

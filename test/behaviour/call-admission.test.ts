// Calls beyond what can be answered, or beyond what an app or a key may ask: refused through every network door, with words and a hint when to try again.
import { type Client, ConnectError, createClient } from "@connectrpc/connect";
import { describe, expect, it, vi } from "vitest";
import { Role } from "../../gen/gatehouse/v1/access_pb.ts";
import { DecisionService } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { FeedService, FeedStart } from "../../gen/gatehouse/v1/feed_service_pb.ts";
import { ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import type { GatehouseError } from "../../src/errors.ts";
import { fromWireError } from "../../src/rpc/wire-error.ts";
import { stallWrites } from "../database-from-outside.ts";
import { startGatehouse, testApp } from "../gatehouse.ts";
import { makeKey, reasonOfCall } from "./callers.ts";
import { requestOf, rpcTransports } from "./doors.ts";

const networkDoors = Object.entries(rpcTransports).filter(([name]) => name !== "local");
const event = { appId: testApp, event: { case: "accountCreated" as const, value: { accountId: "a", owner: "o", name: "x" } } };

async function errorOf(call: Promise<unknown>): Promise<GatehouseError | undefined> {
  return call.then(
    () => undefined,
    (error: unknown) => fromWireError(ConnectError.from(error)),
  );
}

describe.each(networkDoors)("through %s", (_name, transport) => {
  it("an app is held to its limit in decisions and records together, and nothing else is", async () => {
    await using gatehouse = await startGatehouse({ apps: [{ id: testApp, max_per_second: 2 }] });
    const moderation = createClient(ModerationService, transport(gatehouse));
    await moderation.decide(requestOf({ name: "x" }));
    await moderation.record(event);
    const calls: (() => Promise<unknown>)[] = [() => moderation.decide(requestOf({ name: "x" })), () => moderation.record(event)];
    for (const call of calls) {
      const error = await errorOf(call());
      expect(error).toMatchObject({ reason: ErrorReason.RATE_LIMITED, metadata: { limit: `app ${testApp}` } });
      expect(Number(error?.metadata.retry_after_ms)).toBeGreaterThan(0);
      expect(Number(error?.metadata.retry_after_ms)).toBeLessThanOrEqual(500);
    }
    await createClient(DecisionService, transport(gatehouse)).listDecisions({});
    const metrics = await (await fetch(`${gatehouse.apiUrl}/metrics`)).text();
    expect(metrics).toContain('gatehouse_rpc_rate_limited_total{limit="app"} 2\n');
    await vi.waitUntil(async () => (await errorOf(moderation.decide(requestOf({ name: "y" })))) === undefined, { timeout: 5000 });
  });

  it("a key is held to its limit in all its calls, streams included, and no other key is", async () => {
    const env = { GATEHOUSE_RPC_KEY_MAX_PER_SECOND: "1", GATEHOUSE_AUTH_REQUIRED: "always", GATEHOUSE_AUTH_BOOTSTRAP_KEY: "b".repeat(40) };
    await using gatehouse = await startGatehouse({ env });
    const door = transport(gatehouse);
    const [busy, calm] = [await makeKey(gatehouse, [Role.OPERATOR]), await makeKey(gatehouse, [Role.VIEWER])];
    const moderation = createClient(ModerationService, door);
    const watch = () => reasonOfCall(door, FeedService.method.watchChanges, busy.header, { start: FeedStart.NOW });
    const decide = () => errorOf(moderation.decide(requestOf({ name: "x" }), { headers: busy.header }));
    const list = () => reasonOfCall(door, DecisionService.method.listDecisions, busy.header, {});
    const [watched, decided, listed] = await Promise.all([
      Promise.all([watch(), watch(), watch()]),
      Promise.all([decide(), decide(), decide()]),
      Promise.all([list(), list(), list()]),
    ]);
    const refused = decided.find((error) => error !== undefined);
    expect(refused).toMatchObject({
      reason: ErrorReason.RATE_LIMITED,
      message: expect.stringMatching(/^This key calls more often than rpc\.key_max_per_second/),
      metadata: { limit: `key ${busy.keyId}` },
    });
    expect(Number(refused?.metadata.retry_after_ms)).toBeGreaterThan(0);
    expect(Number(refused?.metadata.retry_after_ms)).toBeLessThanOrEqual(1000);
    for (const reasons of [watched, listed]) expect(reasons).toContain("RATE_LIMITED");
    expect(await reasonOfCall(door, DecisionService.method.listDecisions, calm.header, {})).toBe("OK");
    const count = [...watched, ...listed].filter((reason) => reason === "RATE_LIMITED").length + decided.filter(Boolean).length;
    const metrics = await (await fetch(`${gatehouse.apiUrl}/metrics`, { headers: calm.header })).text();
    expect(metrics).toContain(`gatehouse_rpc_rate_limited_total{limit="key"} ${count}\n`);
    await vi.waitUntil(async () => (await decide()) === undefined, { timeout: 5000 });
  });

  it("who shows nothing, where nothing is asked for, has no limit of a key", async () => {
    await using gatehouse = await startGatehouse({ env: { GATEHOUSE_RPC_KEY_MAX_PER_SECOND: "1" } });
    const decisions = createClient(DecisionService, transport(gatehouse));
    await Promise.all(Array.from({ length: 20 }, () => decisions.listDecisions({})));
  });

  it("calls beyond the bound are refused at once, while health and metrics answer", async () => {
    await using gatehouse = await startGatehouse({ env: { GATEHOUSE_RPC_MAX_IN_FLIGHT: "3" } });
    const unstall = await stallWrites(gatehouse.folder, 1500);
    const moderation: Client<typeof ModerationService> = createClient(ModerationService, transport(gatehouse));
    const stalling = moderation.decide(requestOf({ name: "x", operator: "stall" }));
    const text = async () => (await fetch(`${gatehouse.apiUrl}/metrics`)).text();
    await vi.waitUntil(async () => (await text()).includes("gatehouse_rpc_in_flight 1\n"));
    const waiting = [moderation.decide(requestOf({ name: "x" })), moderation.record(event)];
    await vi.waitUntil(async () => (await text()).includes("gatehouse_rpc_in_flight 3\n"));
    const decisions = createClient(DecisionService, transport(gatehouse));
    const calls: (() => Promise<unknown>)[] = [() => moderation.decide(requestOf({ name: "x" })), () => decisions.listDecisions({})];
    for (const call of calls) {
      expect(await errorOf(call())).toMatchObject({ reason: ErrorReason.OVERLOADED, metadata: { retry_after_ms: "250" } });
    }
    expect((await fetch(`${gatehouse.apiUrl}/healthz`)).status).toBe(200);
    expect(await text()).toContain(
      'gatehouse_rpc_calls_total{method="gatehouse.v1.ModerationService/Decide",code="RESOURCE_EXHAUSTED"} 1\n',
    );
    await Promise.all([stalling, ...waiting]);
    await decisions.listDecisions({});
    await unstall();
  });
});

// A replica that stands still for longer than the lease of what goes on in the background, and goes on afterwards as if no time had gone by.
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { ListService } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { PolicyPointer, PolicyService } from "../../gen/gatehouse/v1/policy_service_pb.ts";
import { testApp } from "../gatehouse.ts";
import { type GatehouseProcess, startGatehouseProcess } from "../gatehouse-process.ts";
import { databaseOf, giveBackDatabaseOf, isPostgres } from "../test-database.ts";

function policyOf(code: number): string {
  return `
name: paused
lists: { banned: { kind: exact } }
default: { create_account: allow, add_subscribers: allow }
rules:
  - { id: banned, on: [create_account], when: 'inList(owner, "banned")', then: { deny: { code: 120001 } } }
  - { id: named, on: [create_account], when: name == "stop", then: { deny: { code: ${code} } } }
`;
}

/** A replica, and what a test does with it. */
function replicaOf(process: GatehouseProcess) {
  const transport = createGrpcTransport({ baseUrl: `http://${process.addresses.grpc}` });
  return {
    process,
    policies: createClient(PolicyService, transport),
    lists: createClient(ListService, transport),
    async decide(owner: string, name: string) {
      const value = { operator: owner, owner, name };
      const { decision } = await createClient(ModerationService, transport).decide({
        appId: testApp,
        action: { case: "createAccount", value },
      });
      return decision;
    },
    /** How many creations it has noted as abandoned. */
    async abandoned(): Promise<number> {
      const text = await (await fetch(`http://${process.addresses.api}/metrics`)).text();
      return Number(/^gatehouse_follow_ups_total\{action="create_account",follow_up="abandoned"\} (\d+)$/m.exec(text)?.[1] ?? 0);
    },
  };
}

describe.runIf(isPostgres)("a replica that stands still", () => {
  let paused: ReturnType<typeof replicaOf>;
  let other: ReturnType<typeof replicaOf>;
  let observer: pg.Client;

  beforeAll(async () => {
    const url = await databaseOf("paused");
    const env = {
      GATEHOUSE_DATABASE: url,
      GATEHOUSE_POLICY: "none",
      GATEHOUSE_APPS: String(testApp),
      // What is allowed is soon abandoned.
      GATEHOUSE_RESERVATION_SECONDS: "1",
    };
    observer = new pg.Client({ connectionString: url });
    await observer.connect();
    paused = replicaOf(await startGatehouseProcess(["serve"], env));
    await vi.waitUntil(keeper, { timeout: 15_000 });
    other = replicaOf(await startGatehouseProcess(["serve"], env));
    await paused.policies.publishPolicy({ text: policyOf(120_002), activate: PolicyPointer.LIVE });
  }, 60_000);

  afterAll(async () => {
    await observer.end();
    paused.process.child.kill("SIGCONT");
    for (const { process } of [paused, other]) await process.end("SIGTERM");
    await giveBackDatabaseOf("paused");
  }, 60_000);

  /** The connection that is the keeper's; undefined while there is none. */
  async function keeper(): Promise<number | undefined> {
    const sql = `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
    return (await observer.query<{ pid: number }>(sql)).rows[0]?.pid;
  }

  it("loses the background work to another, does not do it again, and decides by what was changed meanwhile", async () => {
    // Before: it is the keeper, and knows the policy and the list.
    const before = await keeper();
    expect((await paused.decide("ann", "stop"))?.code).toBe(120_002);
    expect((await paused.decide("ann", "a"))?.verdict).toBe(Verdict.ALLOW);
    await vi.waitUntil(async () => (await paused.abandoned()) === 1, { timeout: 15_000 });
    expect(await other.abandoned()).toBe(0);

    paused.process.child.kill("SIGSTOP");
    await vi.waitUntil(async () => ![undefined, before].includes(await keeper()), { timeout: 30_000 });
    const after = await keeper();
    const { policy } = await other.policies.publishPolicy({ text: policyOf(120_003), activate: PolicyPointer.LIVE });
    await other.lists.addEntries({ list: "banned", entries: [{ value: "ann" }] });
    for (let i = 0; i < 5; i += 1) await other.decide(`owner ${i}`, "b");
    await vi.waitUntil(async () => (await other.abandoned()) === 5, { timeout: 15_000 });

    paused.process.child.kill("SIGCONT");
    const decision = await paused.decide("bob", "stop");
    expect([decision?.policyVersion, decision?.code]).toEqual([policy?.version, 120_003]);
    expect((await paused.decide("ann", "c"))?.code).toBe(120_001);
    for (let i = 0; i < 5; i += 1) expect((await paused.decide(`owner ${i}`, "d"))?.verdict).toBe(Verdict.ALLOW);
    await vi.waitUntil(async () => (await other.abandoned()) === 10, { timeout: 15_000 });
    expect(await paused.abandoned()).toBe(1);
    expect(await keeper()).toBe(after);
  }, 120_000);
});

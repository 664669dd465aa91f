// Several services over one PostgreSQL database: the same answers, whichever of them is asked.
import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { ListService } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { PolicyPointer, PolicyService } from "../../gen/gatehouse/v1/policy_service_pb.ts";
import { startGatehouse, type TestGatehouse, testApp } from "../gatehouse.ts";
import { databaseOf, isPostgres } from "../test-database.ts";

/** More rounds can be asked for by hand. */
const rounds = Number(process.env.REPLICA_TEST_ROUNDS ?? 50);

function policyOf(name: string, effect: string): string {
  return `
name: ${name}
lists: { banned: { kind: exact }, words: { kind: pattern } }
default: { create_account: allow, add_subscribers: allow }
rules:
  - { id: named, on: [create_account], when: name == "stop", then: { ${effect} } }
  - { id: banned, on: [create_account], when: 'inList(owner, "banned")', then: { deny: { code: 120001 } } }
  - { id: words, on: [create_account], when: 'matchesList(name, "words")', then: { deny: { code: 120002 } } }
  - { id: quota, on: [create_account], when: liveAccounts(owner) >= 5, then: { deny: { code: 120003 } } }
`;
}

// One process has an SQLite file to itself.
describe.runIf(isPostgres)("several services over one database", () => {
  let services: TestGatehouse[];

  beforeAll(async () => {
    const first = await startGatehouse({ env: { GATEHOUSE_POLICY: "none" } });
    const env = { GATEHOUSE_POLICY: "none", GATEHOUSE_DATABASE: await databaseOf(first.folder) };
    services = [first, await startGatehouse({ env }), await startGatehouse({ env })];
    await activate(services[0], policyOf("first", "allow: {}"));
  });

  afterAll(async () => {
    for (const service of services.toReversed()) await service[Symbol.asyncDispose]();
  });

  async function activate(service: TestGatehouse | undefined, text: string): Promise<string> {
    const client = createClient(PolicyService, localDoor(service));
    const { policy } = await client.publishPolicy({ text, activate: PolicyPointer.LIVE });
    return policy?.version ?? "";
  }

  function localDoor(service: TestGatehouse | undefined) {
    if (service === undefined) throw new Error("No service runs.");
    return service.server.localDoor;
  }

  async function decide(service: TestGatehouse | undefined, owner: string, name: string) {
    const client = createClient(ModerationService, localDoor(service));
    const { decision } = await client.decide({
      appId: testApp,
      action: { case: "createAccount", value: { operator: owner, owner, name } },
    });
    return decision;
  }

  it("a policy that one activates decides the next request of another, every time", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const isStopping = round % 2 === 0;
      const version = await activate(services[round % 3], policyOf(`p${round}`, isStopping ? "deny: { code: 120009 }" : "allow: {}"));
      const decision = await decide(services[(round + 1) % 3], `owner ${round}`, "stop");
      expect([decision?.policyVersion, decision?.verdict]).toEqual([version, isStopping ? Verdict.DENY : Verdict.ALLOW]);
    }
  }, 120_000);

  it("an entry that one adds counts for the next request of another, in lists of every kind", async () => {
    const lists = services.map((service) => createClient(ListService, localDoor(service)));
    for (let round = 0; round < rounds / 5; round += 1) {
      const user = `banned ${round}`;
      await lists[round % 3]?.addEntries({ list: "banned", entries: [{ value: user }] });
      await lists[round % 3]?.addEntries({ list: "words", entries: [{ value: `word${round}` }] });
      expect((await decide(services[(round + 1) % 3], user, "x"))?.code).toBe(120_001);
      expect((await decide(services[(round + 2) % 3], "ann", `a word${round} b`))?.code).toBe(120_002);
      await lists[(round + 1) % 3]?.removeEntries({ list: "banned", values: [user] });
      expect((await decide(services[(round + 2) % 3], user, "x"))?.verdict).toBe(Verdict.ALLOW);
    }
  }, 120_000);

  it("a policy that one activates is compiled by another before that is asked for a decision", async () => {
    const signals = { tone: { url: "http://127.0.0.1:1/", on_failure: 0 } };
    const env = { GATEHOUSE_POLICY: "none", GATEHOUSE_DATABASE: await databaseOf(services[0]?.folder ?? "") };
    await using rated = await startGatehouse({ env, signals });
    const text = policyOf("rated", "deny: {}").replace('name == "stop"', `'signal("tone", name) > 0.5'`);
    await activate(rated, text);
    // Only what is taken up is looked through for signals that are not declared.
    await vi.waitUntil(() => services[1]?.log.some((line) => line.includes("a rule asks a signal that there is not")), { timeout: 15_000 });
  });

  it("a quota holds over all of them", async () => {
    const decisions = await Promise.all(Array.from({ length: 60 }, (_, index) => decide(services[index % 3], "quota", `name ${index}`)));
    expect(decisions.filter((decision) => decision?.verdict === Verdict.ALLOW)).toHaveLength(5);
  });
});

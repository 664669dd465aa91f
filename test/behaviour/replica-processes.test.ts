// Replicas over one database, each a process of its own: what one is told counts for the very next decision of another.
import { createClient, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createNextDecisions, type NextDecisions } from "../../bench/chaos/next-decision.ts";
import { policyText } from "../../bench/chaos/policy.ts";
import { PolicyPointer, PolicyService } from "../../gen/gatehouse/v1/policy_service_pb.ts";
import { testApp } from "../gatehouse.ts";
import { type GatehouseProcess, startGatehouseProcess } from "../gatehouse-process.ts";
import { databaseOf, giveBackDatabaseOf, isPostgres } from "../test-database.ts";

const replicas: GatehouseProcess[] = [];
let transports: Transport[] = [];
let next: NextDecisions;

// One process has an SQLite file to itself.
describe.runIf(isPostgres)("replicas over one database", () => {
  beforeAll(async () => {
    const env = { GATEHOUSE_DATABASE: await databaseOf("replicas"), GATEHOUSE_POLICY: "none", GATEHOUSE_APPS: String(testApp) };
    replicas.push(...(await Promise.all([startGatehouseProcess(["serve"], env), startGatehouseProcess(["serve"], env)])));
    transports = replicas.map(({ addresses }) => createGrpcTransport({ baseUrl: `http://${addresses.grpc}` }));
    next = createNextDecisions(testApp, transports);
  }, 60_000);

  afterAll(async () => {
    await Promise.all(replicas.map((replica) => replica.end("SIGTERM")));
    await giveBackDatabaseOf("replicas");
  }, 60_000);

  it("has no policy until one replica activates the first, which the other takes up without being asked for a decision", async () => {
    const readiness = async () => (await fetch(`http://${replicas[1]?.addresses.api}/readyz`)).status;
    expect(await readiness()).toBe(503);
    const [first] = transports;
    if (first === undefined) throw new Error("There are no replicas.");
    await createClient(PolicyService, first).publishPolicy({ text: policyText(0), activate: PolicyPointer.LIVE });
    expect(await readiness()).toBe(200);
  });

  it("decides the next request on one replica by the policy that another has activated", async () => {
    expect(await next.policies(100)).toEqual({ times: 100, wrong: [] });
  }, 60_000);

  it("decides the next request on one replica by the list that another has edited", async () => {
    expect(await next.lists(50)).toEqual({ times: 50, wrong: [] });
  }, 60_000);

  it("allows an owner no more than the quota, however many replicas are asked at once", async () => {
    expect(await next.quotas(30)).toEqual({ times: 30, wrong: [] });
  }, 60_000);
});

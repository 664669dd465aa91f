// What the service promises its callers beyond single decisions: idempotency, previews, lists, the policy file, errors.
import { create } from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { describe, expect, it, vi } from "vitest";
import { AccountService } from "../../gen/gatehouse/v1/account_service_pb.ts";
import { DecisionService } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { ChangeKind, FeedService } from "../../gen/gatehouse/v1/feed_service_pb.ts";
import { ListService } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { startGatehouse, type TestGatehouse, testApp } from "../gatehouse.ts";
import { requestOf, rpcTransports } from "./doors.ts";

const denyAll = (message: string) =>
  `name: t\nrules:\n  - { id: all, on: [create_account], then: { deny: { code: 120001, message: ${message} } } }\n`;

async function reasonOf(call: Promise<unknown>): Promise<[Code, string | undefined]> {
  try {
    await call;
  } catch (error) {
    const connectError = ConnectError.from(error);
    return [connectError.code, connectError.findDetails(ErrorInfoSchema)[0]?.reason];
  }
  throw new Error("the call did not fail");
}

async function messageOfCreation(gatehouse: TestGatehouse): Promise<string | undefined> {
  const client = createClient(ModerationService, gatehouse.server.localDoor);
  return (await client.decide(requestOf({ name: "x" }))).decision?.message;
}

describe.each(Object.entries(rpcTransports))("through %s", (name, transport) => {
  it("a repeated request_id gets the first decision, another action under it an error", async () => {
    await using gatehouse = await startGatehouse();
    const client = createClient(ModerationService, transport(gatehouse));
    const first = await client.decide({ ...requestOf({ name: "x" }), requestId: "r1" });
    const again = await client.decide({ ...requestOf({ name: "x" }), requestId: "r1" });
    expect(again).toEqual(first);
    const overlapping = await Promise.all(
      Array.from({ length: 20 }, () => client.decide({ ...requestOf({ name: "x" }), requestId: "r2" })),
    );
    expect(new Set(overlapping.map((r) => r.decision?.decisionId)).size).toBe(1);
    expect(await reasonOf(client.decide({ ...requestOf({ name: "y" }), requestId: "r1" }))).toEqual([
      Code.AlreadyExists,
      "REQUEST_ID_REUSED",
    ]);
  });

  it("a preview says what would be, and leaves nothing", async () => {
    await using gatehouse = await startGatehouse({ policy: denyAll("no") });
    const client = createClient(ModerationService, transport(gatehouse));
    const { decision } = await client.decide({ ...requestOf({ name: "x" }), preview: true, requestId: "r" });
    expect(decision).toMatchObject({ decisionId: "", preview: true, code: 120001, message: "no" });
    const { decisions } = await createClient(DecisionService, transport(gatehouse)).listDecisions({});
    expect(decisions).toEqual([]);
  });

  it("a time that JSON cannot say is refused, and makes nothing unreadable", async () => {
    await using gatehouse = await startGatehouse();
    const client = createClient(ModerationService, transport(gatehouse));
    const eventTime = create(TimestampSchema, { seconds: 10n ** 15n });
    const event = { case: "accountCreated" as const, value: { accountId: "a", owner: "o", name: "x" } };
    const calls = [
      () => client.decide({ ...requestOf({ name: "x" }), eventTime }),
      () => client.record({ appId: testApp, eventTime, event }),
    ];
    // In JSON the client cannot even say it.
    if (name !== "connect with JSON") for (const call of calls) expect((await reasonOf(call()))[1]).toBe("INVALID_REQUEST");
    const json = createClient(FeedService, rpcTransports["connect with JSON"]?.(gatehouse) ?? transport(gatehouse));
    expect((await json.listChanges({ filter: { kinds: [ChangeKind.DECISION, ChangeKind.EVENT] } })).changes).toEqual([]);
  });

  it("errors have a code and a reason", async () => {
    await using gatehouse = await startGatehouse();
    const t = transport(gatehouse);
    const moderation = createClient(ModerationService, t);
    const decisions = createClient(DecisionService, t);
    const lists = createClient(ListService, t);
    expect(await reasonOf(moderation.decide({ ...requestOf({ name: "x" }), appId: 5 }))).toEqual([Code.NotFound, "UNKNOWN_APP"]);
    expect(await reasonOf(moderation.decide({ appId: testApp }))).toEqual([Code.InvalidArgument, "INVALID_REQUEST"]);
    expect(await reasonOf(decisions.getDecision({ decisionId: "dec-1" }))).toEqual([Code.NotFound, "DECISION_NOT_FOUND"]);
    expect(await reasonOf(decisions.listDecisions({ pageToken: "rubbish" }))).toEqual([Code.InvalidArgument, "INVALID_PAGE_TOKEN"]);
    expect(await reasonOf(lists.listEntries({ list: "banned_user" }))).toEqual([Code.NotFound, "LIST_NOT_FOUND"]);
    expect(await reasonOf(createClient(AccountService, t).getAccount({ appId: testApp, accountId: "a" }))).toEqual([
      Code.NotFound,
      "ACCOUNT_NOT_FOUND",
    ]);
  });

  it("pages are walked with tokens that fit only their own query", async () => {
    await using gatehouse = await startGatehouse();
    const moderation = createClient(ModerationService, transport(gatehouse));
    for (let i = 0; i < 5; i++) await moderation.decide(requestOf({ operator: i % 2 === 0 ? "even" : "odd", name: `n${i}` }));
    const client = createClient(DecisionService, transport(gatehouse));
    const names: string[] = [];
    let pageToken = "";
    do {
      const page = await client.listDecisions({ user: "even", pageSize: 2, pageToken });
      for (const { action } of page.decisions) names.push(action.case === "createAccount" ? action.value.name : "");
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(names).toEqual(["n4", "n2", "n0"]);
    const { nextPageToken } = await client.listDecisions({ user: "even", pageSize: 1 });
    expect(await reasonOf(client.listDecisions({ user: "odd", pageToken: nextPageToken }))).toEqual([
      Code.InvalidArgument,
      "INVALID_PAGE_TOKEN",
    ]);
  });
});

describe("a list", () => {
  it("counts for the very next decision, added and removed", async () => {
    await using gatehouse = await startGatehouse();
    const lists = createClient(ListService, gatehouse.server.localDoor);
    const moderation = createClient(ModerationService, gatehouse.server.localDoor);
    for (let i = 0; i < 50; i++) {
      expect(await lists.addEntries({ list: "banned_users", entries: [{ value: "jared", reason: `r${i}` }] })).toMatchObject({
        addedCount: 1,
      });
      const request = requestOf({ account_id: "a", subscribers: ["jared", "leckie"] });
      expect((await moderation.decide(request)).decision?.refused.map((r) => r.subscriber)).toEqual(["jared"]);
      expect(await lists.removeEntries({ list: "banned_users", values: ["jared"] })).toMatchObject({ removedCount: 1 });
      expect((await moderation.decide(request)).decision?.refused).toEqual([]);
    }
  });
});

describe("the policy file", () => {
  it("counts within a second of being changed, and every decision names its version", async () => {
    await using gatehouse = await startGatehouse({ policy: denyAll("first") });
    expect(await messageOfCreation(gatehouse)).toBe("first");
    gatehouse.writePolicy(denyAll("second"));
    await vi.waitFor(async () => expect(await messageOfCreation(gatehouse)).toBe("second"), { timeout: 5000 });
    const { decisions } = await createClient(DecisionService, gatehouse.server.localDoor).listDecisions({});
    expect(new Set(decisions.map((d) => d.policyVersion)).size).toBe(2);
  });

  it("that is bad changes nothing, loudly", async () => {
    await using gatehouse = await startGatehouse({ policy: denyAll("good") });
    gatehouse.writePolicy("name: t\nrulez: []\n");
    await vi.waitFor(() => expect(gatehouse.log.join("")).toContain('Unknown key \\"rulez\\"'), { timeout: 5000 });
    expect(await messageOfCreation(gatehouse)).toBe("good");
  });

  it("that is bad at start leaves the last good policy in force", async () => {
    const first = await startGatehouse({ policy: denyAll("good") });
    await first.server.stop(0);
    await using gatehouse = await startGatehouse({ policy: "rubbish", folder: first.folder });
    expect(await messageOfCreation(gatehouse)).toBe("good");
    expect(gatehouse.log.join("")).toContain("the last good policy stays in force");
  });

  it("that is bad at the first start ends it with the reasons", async () => {
    await expect(startGatehouse({ policy: "name: t\nrulez: []\n" })).rejects.toThrow(/policy\.yaml:2:1: Unknown key "rulez"/);
  });
});

describe("stopping", () => {
  it("answers what was accepted, and everything answered is on disk", async () => {
    const gatehouse = await startGatehouse();
    const client = createClient(ModerationService, rpcTransports.grpc?.(gatehouse) ?? gatehouse.server.localDoor);
    const answers = Array.from({ length: 50 }, (_, i) => client.decide(requestOf({ name: `n${i}` })));
    await answers[0];
    await gatehouse.server.stop(5000);
    const settled = await Promise.allSettled(answers);
    const answered = settled.flatMap((s) => (s.status === "fulfilled" ? [s.value.decision?.decisionId] : []));
    await using again = await startGatehouse({ folder: gatehouse.folder });
    const { decisions } = await createClient(DecisionService, again.server.localDoor).listDecisions({ pageSize: 1000 });
    const stored = new Set(decisions.map((d) => d.decisionId));
    for (const id of answered) expect(stored).toContain(id);
    expect(answered.length).toBeGreaterThan(0);
  });
});

describe("the api listener", () => {
  it("says that it is alive and ready, and counts", async () => {
    await using gatehouse = await startGatehouse();
    await messageOfCreation(gatehouse);
    const get = async (path: string) => {
      const response = await fetch(gatehouse.apiUrl + path);
      return [response.status, await response.text()] as const;
    };
    expect(await get("/healthz")).toEqual([200, '{"status":"ok"}\n']);
    expect(await get("/readyz")).toEqual([200, '{"status":"ready"}\n']);
    expect((await get("/metrics"))[1]).toContain('gatehouse_rpc_calls_total{method="gatehouse.v1.ModerationService/Decide",code="OK"} 1');
    expect((await fetch(`${gatehouse.apiUrl}/readyz`, { method: "POST" })).status).toBe(405);
    expect((await get("/nothing"))[0]).toBe(404);
  });
});

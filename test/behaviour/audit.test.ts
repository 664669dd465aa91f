// What the service promises of the audit log: every administrative act, with who, what, before and after, before it is answered.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { getOption } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { describe, expect, it, vi } from "vitest";
import { access, Role } from "../../gen/gatehouse/v1/access_pb.ts";
import { type AuditEntry, AuditService, PrincipalKind } from "../../gen/gatehouse/v1/audit_service_pb.ts";
import { CaseService } from "../../gen/gatehouse/v1/case_service_pb.ts";
import { KeyService } from "../../gen/gatehouse/v1/key_service_pb.ts";
import { ListService } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { PolicyService } from "../../gen/gatehouse/v1/policy_service_pb.ts";
import { refuseRows } from "../database-from-outside.ts";
import { startGatehouse, type TestGatehouse, testApp } from "../gatehouse.ts";
import { allServices, makeKey, reasonOfCall } from "./callers.ts";
import { requestOf, rpcTransports } from "./doors.ts";
import { failureOf } from "./reason-of.ts";

const policy = "name: audited\nlists:\n  staff: { kind: exact }\nrules: []\n";
const versionOf = (text: string) => createHash("sha256").update(text).digest("hex");

async function entriesOf(gatehouse: TestGatehouse, filter: object = {}): Promise<AuditEntry[]> {
  return (await createClient(AuditService, gatehouse.server.localDoor).listAuditEntries({ pageSize: 1000, ...filter })).entries;
}

/** The latest entry, with its JSON read. */
async function latest(gatehouse: TestGatehouse) {
  const [entry] = await entriesOf(gatehouse, { pageSize: 1 });
  if (entry === undefined) throw new Error("there is no entry");
  const read = (json: string) => (json === "" ? undefined : (JSON.parse(json) as Record<string, unknown>));
  const { method, target, outcome, appId, principal, requestJson, beforeJson, afterJson } = entry;
  const who = { kind: principal?.kind, id: principal?.id, name: principal?.name };
  return { method, target, outcome, appId, who, request: read(requestJson), before: read(beforeJson), after: read(afterJson) };
}

async function* parts<T>(...values: T[]): AsyncGenerator<T> {
  yield* values;
}

describe.each(Object.entries(rpcTransports))("through %s", (name, transport) => {
  async function start() {
    const gatehouse = await startGatehouse({ policy });
    const made = await makeKey(gatehouse, [Role.OPERATOR], { name: "ops" });
    const door = transport(gatehouse);
    const who =
      name === "local" ? { kind: PrincipalKind.PROCESS, id: "", name: "" } : { kind: PrincipalKind.KEY, id: made.keyId, name: "ops" };
    return { gatehouse, door, headers: { headers: made.header }, who, [Symbol.asyncDispose]: () => gatehouse[Symbol.asyncDispose]() };
  }

  it("edits of lists are kept, with the entries before and after", async () => {
    await using started = await start();
    const { gatehouse, door, headers, who } = started;
    const lists = createClient(ListService, door);
    await lists.addEntries({ list: "staff", entries: [{ value: "a", reason: "one" }, { value: "ab" }], author: "x" }, headers);
    expect(await latest(gatehouse)).toMatchObject({
      method: "gatehouse.v1.ListService/AddEntries",
      target: "staff",
      outcome: "OK",
      who,
      request: { list: "staff", entries: [{ value: "a", reason: "one" }, { value: "ab" }] },
      before: [],
      after: [{ value: "a", reason: "one" }, { value: "ab" }],
    });
    await lists.removeEntries({ list: "staff", values: ["a"], reason: "gone" }, headers);
    expect(await latest(gatehouse)).toMatchObject({
      method: "gatehouse.v1.ListService/RemoveEntries",
      before: [{ value: "a", reason: "one" }],
      after: [],
    });
    const many = Array.from({ length: 60 }, (_, i) => ({ value: `v${i}` }));
    await lists.addEntries({ list: "staff", entries: many }, headers);
    const { request, before, after } = await latest(gatehouse);
    expect([before, after]).toEqual([{ entryCount: 1 }, { entryCount: 61 }]);
    expect(request?.entries).toMatchObject({ count: 60, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
  });

  it("an import is one act, with how much came", async () => {
    await using started = await start();
    const { gatehouse, door, headers, who } = started;
    const lists = createClient(ListService, door);
    const count = (await entriesOf(gatehouse)).length;
    await lists.importEntries(
      parts({ list: "staff", entries: [{ value: "a" }] }, { list: "staff", entries: [{ value: "b" }, { value: "c" }] }),
      headers,
    );
    expect(await latest(gatehouse)).toMatchObject({
      method: "gatehouse.v1.ListService/ImportEntries",
      target: "staff",
      outcome: "OK",
      who,
      request: { list: "staff", entries: [{ value: "a" }] },
      before: { entryCount: 0 },
      after: { entryCount: 3, messages: 2, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    const wrong = parts({ list: "staff", entries: [{ value: "d" }] }, { list: "other", entries: [{ value: "e" }] });
    await failureOf(lists.importEntries(wrong, headers));
    expect(await latest(gatehouse)).toMatchObject({ outcome: "INVALID_REQUEST", after: undefined });
    expect(await entriesOf(gatehouse)).toHaveLength(count + 2);
  });

  it("the closing of a case is kept, and signed by its caller when nobody else is named", async () => {
    await using started = await start();
    const { gatehouse, door, headers, who } = started;
    const event = { case: "accountCreated" as const, value: { accountId: "a", name: "nobody asked" } };
    await createClient(ModerationService, gatehouse.server.localDoor).record({ appId: testApp, event });
    const cases = createClient(CaseService, door);
    const caseId = (await cases.listCases({}, headers)).cases[0]?.caseId ?? "";
    const { case: closed } = await cases.closeCase({ caseId, reason: "known" }, headers);
    expect(closed).toMatchObject({ closedBy: who.name, closeReason: "known" });
    expect(await latest(gatehouse)).toMatchObject({
      method: "gatehouse.v1.CaseService/CloseCase",
      target: caseId,
      outcome: "OK",
      who,
      before: { caseId, state: "CASE_STATE_OPEN" },
      after: { caseId, state: "CASE_STATE_CLOSED", closeReason: "known" },
    });
  });

  it("changes of the policy are kept, with where the pointers were", async () => {
    await using started = await start();
    const { gatehouse, door, headers, who } = started;
    const policies = createClient(PolicyService, door);
    const long = `name: next\ndescription: ${"x".repeat(300)}\nrules: []\n`;
    const [first, next] = [versionOf(policy), versionOf(long)];
    await policies.publishPolicy({ text: long }, headers);
    const before = { live: first, shadow: null };
    expect(await latest(gatehouse)).toMatchObject({
      method: "gatehouse.v1.PolicyService/PublishPolicy",
      target: next,
      who,
      request: { text: { sha256: next, bytes: long.length } },
      before: { isPublished: false, ...before },
      after: { isPublished: true, ...before },
    });
    await policies.activatePolicy({ version: next }, headers);
    expect(await latest(gatehouse)).toMatchObject({ target: next, before, after: { live: next, shadow: null } });
    await policies.rollBackPolicy({ reason: "no" }, headers);
    expect(await latest(gatehouse)).toMatchObject({ request: { reason: "no" }, before: { live: next }, after: { live: first } });
    await failureOf(policies.publishPolicy({ text: "name: [" }, headers));
    expect(await latest(gatehouse)).toMatchObject({ outcome: "INVALID_POLICY", before: { isPublished: false }, after: undefined });
  });

  it("keys are kept, without their secrets", async () => {
    await using started = await start();
    const { gatehouse, door, headers, who } = started;
    const keys = createClient(KeyService, door);
    const { key, keyText } = await keys.createKey({ name: "console", roles: [Role.VIEWER] }, headers);
    const keyId = key?.keyId ?? "";
    const made = await latest(gatehouse);
    expect(made).toMatchObject({ target: "console", who, before: undefined, after: { keyId, name: "console", roles: ["ROLE_VIEWER"] } });
    expect(JSON.stringify(made)).not.toContain(keyText.slice(-43));
    await keys.revokeKey({ keyId }, headers);
    const revoked = await latest(gatehouse);
    expect(revoked).toMatchObject({ target: keyId, who, before: { keyId }, after: { keyId, revokeTime: expect.any(String) } });
    expect(revoked.before).not.toHaveProperty("revokeTime");
  });
});

describe("the audit log", () => {
  it("has every act of a method that is declared so, and no other call", async () => {
    await using gatehouse = await startGatehouse({ policy });
    const door = rpcTransports.grpc?.(gatehouse) ?? gatehouse.server.localDoor;
    // Requests that pass the rules of the schema and, but for a few, fail after that.
    const list = { list: "staff", entries: [{ value: "a" }], values: ["a"] };
    const requests: Record<string, object> = {
      AddEntries: list,
      RemoveEntries: list,
      ImportEntries: list,
      PublishPolicy: { text: policy },
      ActivatePolicy: { version: "0".repeat(64) },
      RollBackPolicy: {},
      ClearShadowPolicy: {},
      CreateKey: { name: "n", roles: [Role.VIEWER] },
      EraseUser: { user: "x" },
      RevokeKey: { keyId: "nosuchkey" },
      CloseCase: { caseId: "case-000000000000" },
    };
    for (const service of allServices) {
      for (const method of service.methods) {
        const before = (await entriesOf(gatehouse)).length;
        const isAudited = getOption(method, access).audited;
        if (isAudited) expect(requests, `this test has no request for ${method.name}`).toHaveProperty(method.name);
        const reason = await reasonOfCall(door, method, {}, requests[method.name] ?? {});
        const entries = await entriesOf(gatehouse);
        expect(`${method.name} ${entries.length - before}`).toBe(`${method.name} ${isAudited ? 1 : 0}`);
        if (!isAudited) continue;
        expect(entries[0]).toMatchObject({ method: `${service.typeName}/${method.name}`, outcome: reason });
        expect(entries[0]?.principal?.kind).toBe(PrincipalKind.LOCAL);
      }
    }
  });

  it("keeps nothing of a request that breaks the schema or was not allowed", async () => {
    await using gatehouse = await startGatehouse({ policy });
    const lists = createClient(ListService, rpcTransports.grpc?.(gatehouse) ?? gatehouse.server.localDoor);
    const { header } = await makeKey(gatehouse, [Role.VIEWER]);
    const before = (await entriesOf(gatehouse)).length;
    await failureOf(lists.addEntries({ list: "staff" }));
    await failureOf(lists.addEntries({ list: "staff", entries: [{ value: "a" }] }, { headers: header }));
    expect(await entriesOf(gatehouse)).toHaveLength(before);
  });

  it("must be written, or the act is not begun", async () => {
    await using gatehouse = await startGatehouse({ policy });
    const lists = createClient(ListService, gatehouse.server.localDoor);
    const takeBeginnings = await refuseRows(gatehouse.folder, "audit_entries", "INSERT");
    expect((await failureOf(lists.addEntries({ list: "staff", entries: [{ value: "a" }] }))).reason).toBe("STORE_UNAVAILABLE");
    expect((await lists.listEntries({ list: "staff" })).entries).toEqual([]);
    await takeBeginnings();
    const takeEnds = await refuseRows(gatehouse.folder, "audit_entries", "UPDATE");
    expect((await failureOf(lists.addEntries({ list: "staff", entries: [{ value: "b" }] }))).reason).toBe("STORE_UNAVAILABLE");
    expect(await latest(gatehouse)).toMatchObject({
      method: "gatehouse.v1.ListService/AddEntries",
      outcome: "",
      request: { list: "staff" },
    });
    await takeEnds();
  });

  it("has the changes of the policy file, and nothing of a start with the same file", async () => {
    const first = await startGatehouse({ policy });
    await first.server.stop(0);
    await using gatehouse = await startGatehouse({ policy, folder: first.folder });
    const path = join(gatehouse.folder, "policy.yaml");
    const next = policy.replace("audited", "next");
    gatehouse.writePolicy(next);
    await vi.waitFor(async () => expect(await entriesOf(gatehouse)).toHaveLength(2), { timeout: 5000 });
    await vi.waitFor(async () => expect((await latest(gatehouse)).outcome).toBe("OK"));
    expect(await latest(gatehouse)).toEqual({
      method: "policy file",
      target: versionOf(next),
      outcome: "OK",
      appId: 0,
      who: { kind: PrincipalKind.POLICY_FILE, id: path, name: path },
      request: { path },
      before: { live: versionOf(policy), shadow: null },
      after: { live: versionOf(next), shadow: null },
    });
  });

  it("is found by who, what, where and when, in pages", async () => {
    let nowMs = Date.parse("2030-01-01T00:00:00Z");
    await using gatehouse = await startGatehouse({ policy, now: () => nowMs });
    const { keyId, header } = await makeKey(gatehouse, [Role.OPERATOR]);
    const lists = createClient(ListService, rpcTransports.grpc?.(gatehouse) ?? gatehouse.server.localDoor);
    for (const value of ["a", "b", "c"]) {
      nowMs += 1000;
      await lists.addEntries({ list: "staff", entries: [{ value }] }, value === "b" ? { headers: header } : {});
    }
    const values = async (filter: object) =>
      (await entriesOf(gatehouse, filter)).map((entry) => JSON.parse(entry.requestJson).entries?.[0].value);
    expect(await values({ target: "staff" })).toEqual(["c", "b", "a"]);
    expect(await values({ method: "gatehouse.v1.ListService/AddEntries" })).toEqual(["c", "b", "a"]);
    expect(await values({ principalId: keyId })).toEqual(["b"]);
    expect(await values({ principalKind: PrincipalKind.LOCAL })).toEqual(["c", "a"]);
    expect(await values({ startTime: timestampFromMs(nowMs - 1000), endTime: timestampFromMs(nowMs) })).toEqual(["b"]);
    expect(await values({ appId: testApp })).toEqual([]);
    const client = createClient(AuditService, gatehouse.server.localDoor);
    const page = await client.listAuditEntries({ target: "staff", pageSize: 2 });
    const rest = await client.listAuditEntries({ target: "staff", pageSize: 2, pageToken: page.nextPageToken });
    expect([...page.entries, ...rest.entries].map(({ auditId }) => auditId)).toHaveLength(3);
    expect(rest.nextPageToken).toBe("");
    const foreign = client.listAuditEntries({ target: "other", pageToken: page.nextPageToken });
    expect((await failureOf(foreign)).reason).toBe("INVALID_PAGE_TOKEN");
  });

  it("has no calls that decide", async () => {
    await using gatehouse = await startGatehouse({ policy });
    await createClient(ModerationService, gatehouse.server.localDoor).decide(requestOf({ name: "x" }));
    expect((await entriesOf(gatehouse)).map(({ method }) => method)).toEqual(["policy file"]);
  });

  it("has nothing of a policy file that is refused", async () => {
    const first = await startGatehouse({ policy });
    await first.server.stop(0);
    await using gatehouse = await startGatehouse({ policy: "rubbish", folder: first.folder });
    expect(await entriesOf(gatehouse)).toHaveLength(1);
  });
});

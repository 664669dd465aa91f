// Every method × every role × every kind of key, through every network door: as the schema declares it.
import { readdirSync, readFileSync } from "node:fs";
import { type DescMethod, getOption } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AppScope, access, Role } from "../../gen/gatehouse/v1/access_pb.ts";
import { CaseService } from "../../gen/gatehouse/v1/case_service_pb.ts";
import { ErasureService } from "../../gen/gatehouse/v1/erasure_service_pb.ts";
import { KeyService } from "../../gen/gatehouse/v1/key_service_pb.ts";
import { ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { startGatehouse, type TestGatehouse, testApp } from "../gatehouse.ts";
import { allServices, bearer, makeKey, reasonOfCall } from "./callers.ts";
import { requestOf, rpcTransports } from "./doors.ts";

const otherApp = 1400000001;
const startMs = Date.parse("2030-01-01T00:00:00Z");

/** What each role may do besides its own, in the words of docs/authentication.md. */
const includes: Record<Exclude<keyof typeof Role, "UNSPECIFIED">, Role[]> = {
  VIEWER: [Role.VIEWER],
  DECIDER: [Role.DECIDER],
  REVIEWER: [Role.REVIEWER, Role.VIEWER],
  AUTHOR: [Role.AUTHOR, Role.VIEWER],
  OPERATOR: [Role.OPERATOR, Role.AUTHOR, Role.REVIEWER, Role.DECIDER, Role.VIEWER],
};
const roles = Object.keys(includes) as (keyof typeof includes)[];
const keyKinds = [
  "for all apps",
  "for this app",
  "for another app",
  "revoked",
  "expired",
  "with a wrong secret",
  "unknown",
  "none",
] as const;
type KeyKind = (typeof keyKinds)[number];

const methods = allServices.flatMap((service) => service.methods.map((method) => [`${service.name}/${method.name}`, method] as const));
const networkDoors = Object.entries(rpcTransports).filter(([name]) => name !== "local");

let gatehouse: TestGatehouse;
let nowMs = startMs;
let headers: Record<string, Record<KeyKind, Record<string, string>>>;
/** By the field that identifies it: something of testApp, and the reason of what is not there. */
let subjects: Record<string, { id: string; notFound: string }>;

beforeAll(async () => {
  gatehouse = await startGatehouse({
    env: { GATEHOUSE_AUTH_REQUIRED: "always", GATEHOUSE_AUTH_BOOTSTRAP_KEY: "b".repeat(32), GATEHOUSE_APPS: `${testApp},${otherApp}` },
    now: () => nowMs,
  });
  const keys = createClient(KeyService, gatehouse.server.localDoor);
  headers = {};
  for (const name of roles) {
    const role = [Role[name]];
    const revoked = await makeKey(gatehouse, role);
    await keys.revokeKey({ keyId: revoked.keyId });
    const good = await makeKey(gatehouse, role);
    headers[name] = {
      "for all apps": good.header,
      "for this app": (await makeKey(gatehouse, role, { appIds: [testApp] })).header,
      "for another app": (await makeKey(gatehouse, role, { appIds: [otherApp] })).header,
      revoked: revoked.header,
      expired: (await makeKey(gatehouse, role, { expireMs: startMs + 1000 })).header,
      "with a wrong secret": bearer(`gh_${good.keyId}_${"A".repeat(43)}`),
      unknown: bearer(`gh_aaaaaaaaaaaa_${"A".repeat(43)}`),
      none: {},
    };
  }
  const moderation = createClient(ModerationService, gatehouse.server.localDoor);
  const { decision } = await moderation.decide(requestOf({ name: "x" }));
  // Nobody had asked about it, which opens a case.
  await moderation.record({ appId: testApp, event: { case: "accountCreated", value: { accountId: "a", name: "y" } } });
  const [opened] = (await createClient(CaseService, gatehouse.server.localDoor).listCases({})).cases;
  const { erasure } = await createClient(ErasureService, gatehouse.server.localDoor).eraseUser({
    appId: testApp,
    user: "x",
    preview: true,
  });
  subjects = {
    decision_id: { id: decision?.decisionId ?? "", notFound: "DECISION_NOT_FOUND" },
    case_id: { id: opened?.caseId ?? "", notFound: "CASE_NOT_FOUND" },
    erasure_id: { id: erasure?.erasureId ?? "", notFound: "ERASURE_NOT_FOUND" },
  };
  nowMs += 2000;
});
afterAll(() => gatehouse[Symbol.asyncDispose]());

/** A request that says for which app, or about what of testApp, it is, and no more. */
function requestFor(method: DescMethod, appId = testApp): object {
  const { appScope, appField } = getOption(method, access);
  if (appScope === AppScope.REQUEST) return nested(appField || "app_id", appId);
  return appScope === AppScope.SUBJECT ? nested(appField, subjectOf(appField).id) : {};
}

function subjectOf(field: string): { id: string; notFound: string } {
  const subject = subjects[field];
  if (subject === undefined) throw new Error(`this test has no sample of what ${field} identifies`);
  return subject;
}

function nested(path: string, value: unknown): object {
  return path.split(".").reduceRight<unknown>((inner, name) => ({ [camel(name)]: inner }), value) as object;
}

function camel(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** What must become of a call: refused with this reason, or let through, whatever the method then says. */
function expected(method: DescMethod, role: keyof typeof includes, kind: KeyKind): string {
  const declared = getOption(method, access);
  if (!["for all apps", "for this app", "for another app"].includes(kind)) return "UNAUTHENTICATED";
  if (!includes[role].includes(declared.role)) return "PERMISSION_DENIED";
  if (kind !== "for all apps" && declared.appScope === AppScope.ALL) return "PERMISSION_DENIED";
  if (kind === "for another app" && declared.appScope === AppScope.REQUEST) return "PERMISSION_DENIED";
  if (kind === "for another app" && declared.appScope === AppScope.SUBJECT) return subjectOf(declared.appField).notFound;
  return "let through";
}

const refusals = ["UNAUTHENTICATED", "PERMISSION_DENIED"];

it("has every service of the schema", () => {
  const declared = readdirSync("proto/gatehouse/v1").flatMap((file) =>
    [...readFileSync(`proto/gatehouse/v1/${file}`, "utf8").matchAll(/^service (\w+)/gm)].map(([, name]) => name),
  );
  // Classifiers serve that one, and Gatehouse calls it.
  expect([...allServices.map(({ name }) => name), "SignalService"].toSorted()).toEqual(declared.toSorted());
});

describe.each(networkDoors)("through %s", (_door, transport) => {
  it.each(methods)("%s", async (_name, method) => {
    const client = transport(gatehouse);
    const found: Record<string, string> = {};
    const wanted: Record<string, string> = {};
    for (const role of roles) {
      for (const kind of keyKinds) {
        const want = expected(method, role, kind);
        const reason = await reasonOfCall(client, method, headers[role]?.[kind] ?? {}, requestFor(method));
        wanted[`${role}, key ${kind}`] = want;
        const isThrough = !refusals.includes(reason) && want === "let through";
        // Of its own app, a caller must find what the id names.
        const isHidden = isThrough && Object.values(subjects).some(({ notFound }) => notFound === reason);
        found[`${role}, key ${kind}`] = isThrough && !isHidden ? "let through" : reason;
      }
    }
    expect(found).toEqual(wanted);
  });

  it.each(methods.filter(([, method]) => getOption(method, access).appScope === AppScope.REQUEST))(
    "%s is not for all apps when the key is for some",
    async (_name, method) => {
      const header = headers.OPERATOR?.["for this app"] ?? {};
      expect(await reasonOfCall(transport(gatehouse), method, header, {})).toBe("PERMISSION_DENIED");
      expect(await reasonOfCall(transport(gatehouse), method, headers.OPERATOR?.["for all apps"] ?? {}, requestFor(method, 0))).not.toBe(
        "PERMISSION_DENIED",
      );
    },
  );

  it.each(["Bearer", "Bearer ", "Basic eDp5", "gh_x", `Bearer ${"x".repeat(32)}`, "Bearer a.b.c", "Bearer gh__", "Bearer a b"])(
    "refuses the header %j",
    async (authorization) => {
      const reason = await reasonOfCall(transport(gatehouse), KeyService.method.listKeys, { authorization }, {});
      expect(reason).toBe("UNAUTHENTICATED");
    },
  );

  it("takes the bootstrap key for an operator's, and the scheme in any case", async () => {
    const header = { authorization: `bearer ${"b".repeat(32)}` };
    expect(await reasonOfCall(transport(gatehouse), KeyService.method.listKeys, header, {})).toBe("OK");
  });
});

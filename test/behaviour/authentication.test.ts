// What authentication promises beyond the table of access: revocation, listeners, metrics, streams, tokens, and who is named as the author.
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createClient, type Transport } from "@connectrpc/connect";
import { Client, credentials } from "@grpc/grpc-js";
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { Role } from "../../gen/gatehouse/v1/access_pb.ts";
import { DecisionService } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { FeedService, FeedStart } from "../../gen/gatehouse/v1/feed_service_pb.ts";
import { KeyService } from "../../gen/gatehouse/v1/key_service_pb.ts";
import { ListService } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { PolicyService } from "../../gen/gatehouse/v1/policy_service_pb.ts";
import { isKept } from "../database-from-outside.ts";
import { startGatehouse, type TestGatehouse, testApp } from "../gatehouse.ts";
import { openReflection } from "../rpc/reflection-client.ts";
import { bearer, makeKey, reasonOfCall } from "./callers.ts";
import { requestOf, rpcTransports } from "./doors.ts";
import { failureOf } from "./reason-of.ts";

const otherApp = 1400000001;
const bootstrapKey = "bootstrap-".padEnd(40, "0");
const always = { GATEHOUSE_AUTH_REQUIRED: "always", GATEHOUSE_AUTH_BOOTSTRAP_KEY: bootstrapKey, GATEHOUSE_APPS: `${testApp},${otherApp}` };
const networkDoors = Object.entries(rpcTransports).filter(([name]) => name !== "local");

const listDecisions = (transport: Transport, header: Record<string, string>) =>
  reasonOfCall(transport, DecisionService.method.listDecisions, header, {});

describe.each(networkDoors)("through %s", (_name, transport) => {
  it("a key that was revoked is refused at the next call, and says so", async () => {
    await using gatehouse = await startGatehouse({ env: always });
    const door = transport(gatehouse);
    const keys = createClient(KeyService, gatehouse.server.localDoor);
    for (let i = 0; i < 10; i++) {
      const { keyId, header } = await makeKey(gatehouse, [Role.VIEWER]);
      expect(await listDecisions(door, header)).toBe("OK");
      expect(await listDecisions(door, header)).toBe("OK");
      const calls = Array.from({ length: 5 }, () => listDecisions(door, header));
      await keys.revokeKey({ keyId });
      expect(await failureOf(createClient(DecisionService, door).listDecisions({}, { headers: header }))).toMatchObject({
        reason: "UNAUTHENTICATED",
        message: expect.stringContaining(`The key ${keyId} was revoked on `),
      });
      await Promise.all(calls);
      expect(await listDecisions(door, header)).toBe("UNAUTHENTICATED");
    }
  });

  it("what is shown is verified also where nothing is asked for", async () => {
    await using gatehouse = await startGatehouse();
    const door = transport(gatehouse);
    const { header } = await makeKey(gatehouse, [Role.DECIDER]);
    expect(await listDecisions(door, {})).toBe("OK");
    expect(await listDecisions(door, header)).toBe("PERMISSION_DENIED");
    expect(await listDecisions(door, bearer("nonsense"))).toBe("UNAUTHENTICATED");
  });

  it("messages say what is missing", async () => {
    await using gatehouse = await startGatehouse({ env: always });
    const lists = createClient(ListService, transport(gatehouse));
    const { header } = await makeKey(gatehouse, [Role.VIEWER, Role.DECIDER]);
    const scoped = await makeKey(gatehouse, [Role.AUTHOR], { appIds: [testApp] });
    expect(await failureOf(lists.listLists({}))).toMatchObject({ message: expect.stringContaining("`Authorization: Bearer gh_…`") });
    const edit = { list: "staff", values: ["x"] };
    expect((await failureOf(lists.removeEntries(edit, { headers: header }))).message).toMatch(
      /^gatehouse\.v1\.ListService\/RemoveEntries needs the role author; this key has viewer, decider\./,
    );
    expect((await failureOf(lists.removeEntries(edit, { headers: scoped.header }))).message).toBe(
      `This key is for ${testApp} only, and this call is for all apps.`,
    );
  });

  it("a watch ends when its key is revoked", async () => {
    await using gatehouse = await startGatehouse({ env: always });
    const { keyId, header } = await makeKey(gatehouse, [Role.VIEWER]);
    const feed = createClient(FeedService, transport(gatehouse));
    const moderation = createClient(ModerationService, gatehouse.server.localDoor);
    const watch = feed.watchChanges({ start: FeedStart.NOW }, { headers: header })[Symbol.asyncIterator]();
    await watch.next();
    await createClient(KeyService, gatehouse.server.localDoor).revokeKey({ keyId });
    await moderation.decide(requestOf({ name: "x" }));
    expect((await failureOf(watch.next())).reason).toBe("UNAUTHENTICATED");
  });

  it("who shows a key is the author of what names none", async () => {
    await using gatehouse = await startGatehouse({ env: always });
    const { header } = await makeKey(gatehouse, [Role.AUTHOR], { name: "trust team" });
    const lists = createClient(ListService, transport(gatehouse));
    const policies = createClient(PolicyService, transport(gatehouse));
    const headers = { headers: header };
    await lists.addEntries({ list: "staff", entries: [{ value: "a" }] }, headers);
    await lists.addEntries({ list: "staff", entries: [{ value: "b" }], author: "ann" }, headers);
    await lists.importEntries(parts({ list: "staff", entries: [{ value: "c" }] }), headers);
    await policies.publishPolicy({ text: "name: mine\nrules: []\n" }, headers);
    const { entries } = await lists.listEntries({ list: "staff" }, headers);
    expect(entries.map(({ value, author }) => [value, author])).toEqual([
      ["a", "trust team"],
      ["b", "ann"],
      ["c", "trust team"],
    ]);
    expect((await policies.listPolicies({}, headers)).policies[0]?.author).toBe("trust team");
  });
});

async function* parts<T>(...values: T[]): AsyncGenerator<T> {
  yield* values;
}

describe("keys", () => {
  it("note when they were used, at most once a minute", async () => {
    let nowMs = Date.parse("2030-01-01T00:00:00Z");
    await using gatehouse = await startGatehouse({ env: always, now: () => nowMs });
    const door = rpcTransports.grpc?.(gatehouse) ?? gatehouse.server.localDoor;
    const { keyId, header } = await makeKey(gatehouse, [Role.VIEWER]);
    const keys = createClient(KeyService, gatehouse.server.localDoor);
    const lastUse = async () => (await keys.listKeys({})).keys.find((key) => key.keyId === keyId)?.lastUseTime?.seconds;
    expect(await lastUse()).toBeUndefined();
    const startSeconds = BigInt(nowMs / 1000);
    for (const [afterMs, seconds] of [
      [0, 0n],
      [59_000, 0n],
      [60_000, 60n],
    ] as const) {
      nowMs = Number(startSeconds) * 1000 + afterMs;
      expect(await listDecisions(door, header)).toBe("OK");
      await vi.waitFor(async () => expect(await lastUse()).toBe(startSeconds + seconds));
    }
  });

  it("are never in the log, the database or the audit log", async () => {
    await using gatehouse = await startGatehouse({ env: always });
    const { keyText, header } = await makeKey(gatehouse, [Role.OPERATOR]);
    const keys = createClient(KeyService, rpcTransports.grpc?.(gatehouse) ?? gatehouse.server.localDoor);
    await keys.createKey({ name: "n", roles: [Role.VIEWER] }, { headers: header });
    await failureOf(keys.revokeKey({ keyId: "nosuchkey" }, { headers: header }));
    const secret = keyText.slice("gh_".length + 13);
    expect(secret).toHaveLength(43);
    for (const text of [secret, bootstrapKey]) {
      expect(await isKept(gatehouse.folder, text)).toBe(false);
      expect(gatehouse.log.some((line) => line.includes(text))).toBe(false);
    }
    expect(await isKept(gatehouse.folder, "CreateKey")).toBe(true);
  });

  it("are for configured apps, and expire after now", async () => {
    await using gatehouse = await startGatehouse();
    expect(await failureOf(makeKey(gatehouse, [Role.VIEWER], { appIds: [7] }))).toMatchObject({ reason: "UNKNOWN_APP" });
    expect(await failureOf(makeKey(gatehouse, [Role.VIEWER], { expireMs: 5 }))).toMatchObject({
      reason: "INVALID_REQUEST",
      fields: [expect.stringContaining("expire_time: must be after now")],
    });
    const keys = createClient(KeyService, gatehouse.server.localDoor);
    expect(await failureOf(keys.revokeKey({ keyId: "nosuchkey" }))).toMatchObject({ reason: "KEY_NOT_FOUND" });
  });
});

describe("listeners", () => {
  it.each(["GATEHOUSE_API_LISTEN", "GATEHOUSE_GRPC_LISTEN"])(
    "refuse to start beyond loopback when nobody could be known: %s",
    async (name) => {
      const start = startGatehouse({ env: { [name]: "0.0.0.0:0" } });
      await expect(start).rejects.toThrow(/(api|grpc)\.listen: 0\.0\.0\.0: refuses to listen there.*GATEHOUSE_AUTH_BOOTSTRAP_KEY/);
      await expect(startGatehouse({ env: { GATEHOUSE_AUTH_REQUIRED: "always" } })).rejects.toThrow(/there is none/);
    },
  );

  it("beyond loopback ask for a key, and the other one does not; a key that works is enough to start", async () => {
    const first = await startGatehouse();
    const { keyId, header } = await makeKey(first, [Role.VIEWER]);
    await first.server.stop(0);
    const folder = first.folder;
    await using gatehouse = await startGatehouse({ folder, env: { GATEHOUSE_GRPC_LISTEN: "0.0.0.0:0" } });
    const grpc = rpcTransports.grpc?.(gatehouse) ?? gatehouse.server.localDoor;
    const connect = rpcTransports["connect with JSON"]?.(gatehouse) ?? gatehouse.server.localDoor;
    expect(await listDecisions(grpc, {})).toBe("UNAUTHENTICATED");
    expect(await listDecisions(grpc, header)).toBe("OK");
    expect(await listDecisions(connect, {})).toBe("OK");
    await createClient(KeyService, connect).revokeKey({ keyId });
    await gatehouse.server.stop(0);
    await expect(startGatehouse({ folder, env: { GATEHOUSE_GRPC_LISTEN: "0.0.0.0:0" } })).rejects.toThrow(/there is none/);
  });

  it("answer health to all, metrics to viewers, and reflection only where nothing is asked for", async () => {
    await using gatehouse = await startGatehouse({ env: always });
    const viewer = await makeKey(gatehouse, [Role.VIEWER], { appIds: [testApp] });
    const decider = await makeKey(gatehouse, [Role.DECIDER]);
    const status = async (path: string, headers: Record<string, string> = {}) =>
      (await fetch(`${gatehouse.apiUrl}${path}`, { headers })).status;
    expect([await status("/healthz"), await status("/readyz")]).toEqual([200, 200]);
    const metrics = [{}, bearer("wrong"), decider.header, viewer.header].map((headers) => status("/metrics", headers));
    expect(await Promise.all(metrics)).toEqual([401, 401, 403, 200]);
    await using open = await startGatehouse();
    expect((await fetch(`${open.apiUrl}/metrics`)).status).toBe(200);
    expect((await fetch(`${open.apiUrl}/metrics`, { headers: bearer("wrong") })).status).toBe(401);
    expect(await servicesByReflection(open)).toContain("gatehouse.v1.KeyService");
    await expect(servicesByReflection(gatehouse)).rejects.toThrow(/UNIMPLEMENTED/);
  });
});

async function servicesByReflection(gatehouse: TestGatehouse): Promise<string[]> {
  const client = new Client(`127.0.0.1:${gatehouse.server.grpc.port}`, credentials.createInsecure());
  onTestFinished(() => client.close());
  return await openReflection(client, "v1").listServices();
}

describe("bearer tokens", () => {
  const issuer = "https://id.example.com";
  let nowMs = Date.parse("2030-01-01T00:00:00Z");
  const seconds = () => Math.floor(nowMs / 1000);

  async function startWithTokens(more: Record<string, string> = {}) {
    const pair = await generateKeyPair("ES256");
    const jwk = { ...(await exportJWK(pair.publicKey)), kid: "k1", alg: "ES256" };
    let isUp = true;
    const jwks = createServer((_req, res) => {
      if (!isUp) res.writeHead(500).end();
      else res.setHeader("Content-Type", "application/json").end(JSON.stringify({ keys: [jwk] }));
    });
    await new Promise<void>((resolve) => jwks.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void jwks.close());
    const gatehouse = await startGatehouse({
      env: {
        GATEHOUSE_AUTH_REQUIRED: "always",
        GATEHOUSE_AUTH_JWT_ISSUER: issuer,
        GATEHOUSE_AUTH_JWT_AUDIENCE: "gatehouse",
        GATEHOUSE_AUTH_JWT_JWKS_URL: `http://127.0.0.1:${(jwks.address() as AddressInfo).port}/jwks`,
        ...more,
      },
      now: () => nowMs,
    });
    const setUp = (up: boolean) => {
      isUp = up;
    };
    return { gatehouse, key: pair.privateKey, jwk, setUp, [Symbol.asyncDispose]: () => gatehouse[Symbol.asyncDispose]() };
  }

  function sign(key: CryptoKey | Uint8Array, claims: JWTPayload = {}, header: { alg?: string; kid?: string } = {}): Promise<string> {
    const payload = { iss: issuer, aud: "gatehouse", sub: "ann", exp: seconds() + 300, gatehouse_roles: ["viewer", "author"], ...claims };
    return new SignJWT(payload).setProtectedHeader({ alg: "ES256", kid: "k1", ...header }).sign(key);
  }

  it("let in whom their issuer names, by the roles they carry", async () => {
    await using started = await startWithTokens();
    const { gatehouse, key } = started;
    const door = rpcTransports.grpc?.(gatehouse) ?? gatehouse.server.localDoor;
    const lists = createClient(ListService, door);
    await lists.addEntries({ list: "staff", entries: [{ value: "a" }] }, { headers: bearer(await sign(key)) });
    const words = bearer(await sign(key, { gatehouse_roles: "viewer nonsense" }));
    expect((await lists.listEntries({ list: "staff" }, { headers: words })).entries).toMatchObject([{ value: "a", author: "ann" }]);
    const { reason, message } = await failureOf(lists.removeEntries({ list: "staff", values: ["a"] }, { headers: words }));
    expect([reason, message]).toEqual(["PERMISSION_DENIED", expect.stringContaining("needs the role author; this token has viewer")]);
    expect(await listDecisions(door, bearer(await sign(key, { gatehouse_roles: undefined })))).toBe("PERMISSION_DENIED");
  });

  it("are refused for anything that is wrong with them", async () => {
    await using started = await startWithTokens();
    const { gatehouse, key, jwk } = started;
    const door = rpcTransports.grpc?.(gatehouse) ?? gatehouse.server.localDoor;
    const { privateKey: strange } = await generateKeyPair("ES256");
    const good = await sign(key);
    const [head = "", body = "", signature = ""] = good.split(".");
    const unsigned = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${body}.`;
    const tampered = `${head}.${Buffer.from(JSON.stringify({ iss: issuer, aud: "gatehouse", sub: "eve", exp: seconds() + 9 })).toString("base64url")}.${signature}`;
    // The public key as the secret of a symmetric algorithm: the classic confusion.
    const confused = await sign(new TextEncoder().encode(JSON.stringify(jwk)), {}, { alg: "HS256" });
    const wrong = {
      issuer: await sign(key, { iss: "https://evil.example.com" }),
      audience: await sign(key, { aud: "other" }),
      expired: await sign(key, { exp: seconds() - 6 }),
      endless: await sign(key, { exp: undefined as never }),
      nameless: await sign(key, { sub: undefined as never }),
      unprintable: await sign(key, { sub: "a\0b" }),
      early: await sign(key, { nbf: seconds() + 60 }),
      stranger: await sign(strange),
      unknownKey: await sign(key, {}, { kid: "k2" }),
      unsigned,
      tampered,
      confused,
    };
    const reasons = await Promise.all(
      Object.entries(wrong).map(async ([name, token]) => [name, await listDecisions(door, bearer(token))] as const),
    );
    expect(Object.fromEntries(reasons)).toEqual(Object.fromEntries(Object.keys(wrong).map((name) => [name, "UNAUTHENTICATED"])));
    expect(await listDecisions(door, bearer(good))).toBe("OK");
    expect(await listDecisions(door, bearer(await sign(key, { exp: seconds() - 4 })))).toBe("OK");
  });

  it("stop working when they expire, also when they were believed before", async () => {
    await using started = await startWithTokens();
    const door = rpcTransports.grpc?.(started.gatehouse) ?? started.gatehouse.server.localDoor;
    const header = bearer(await sign(started.key, { exp: seconds() + 10 }));
    expect(await listDecisions(door, header)).toBe("OK");
    nowMs += 14_000;
    expect(await listDecisions(door, header)).toBe("OK");
    nowMs += 2_000;
    expect(await listDecisions(door, header)).toBe("UNAUTHENTICATED");
  });

  it("let nobody in while their issuer's keys cannot be had, and the log says so", async () => {
    await using started = await startWithTokens();
    const door = rpcTransports.grpc?.(started.gatehouse) ?? started.gatehouse.server.localDoor;
    const header = bearer(await sign(started.key));
    started.setUp(false);
    expect(await listDecisions(door, header)).toBe("AUTHENTICATION_UNAVAILABLE");
    expect(started.gatehouse.log.join("")).toContain("the keys of the tokens' issuer cannot be had");
    started.setUp(true);
    expect(await listDecisions(door, header)).toBe("OK");
  });

  it("are for the apps they carry when the settings name the claim, and for none without it", async () => {
    await using started = await startWithTokens({
      GATEHOUSE_AUTH_JWT_APP_CLAIM: "acme.apps",
      GATEHOUSE_AUTH_JWT_ROLE_CLAIM: "https://x.y/roles",
    });
    const door = rpcTransports.grpc?.(started.gatehouse) ?? started.gatehouse.server.localDoor;
    const ofApp = async (claims: JWTPayload) =>
      reasonOfCall(
        door,
        DecisionService.method.listDecisions,
        bearer(await sign(started.key, { "https://x.y/roles": ["viewer"], ...claims })),
        {
          appId: testApp,
        },
      );
    expect(await ofApp({ acme: { apps: [testApp] } })).toBe("OK");
    expect(await ofApp({ acme: { apps: String(testApp) } })).toBe("OK");
    expect(await ofApp({ acme: { apps: "*" } })).toBe("OK");
    expect(await ofApp({ acme: { apps: [5] } })).toBe("PERMISSION_DENIED");
    expect(await ofApp({})).toBe("PERMISSION_DENIED");
  });

  it("of one subject share its limit, whichever of them is shown", async () => {
    await using started = await startWithTokens({ GATEHOUSE_RPC_KEY_MAX_PER_SECOND: "1" });
    const door = rpcTransports.grpc?.(started.gatehouse) ?? started.gatehouse.server.localDoor;
    const tokens = await Promise.all([1, 2, 3, 4].map((i) => sign(started.key, { exp: seconds() + 100 + i })));
    const reasons = await Promise.all(tokens.map((token) => listDecisions(door, bearer(token))));
    expect(reasons).toContain("OK");
    expect(reasons).toContain("RATE_LIMITED");
    expect(await listDecisions(door, bearer(await sign(started.key, { sub: "ben" })))).toBe("OK");
  });

  it("are checked with the keys of a file", async () => {
    const pair = await generateKeyPair("EdDSA");
    const first = await startGatehouse();
    await first.server.stop(0);
    const file = join(first.folder, "jwks.json");
    const settings = { GATEHOUSE_AUTH_REQUIRED: "always", GATEHOUSE_AUTH_JWT_ISSUER: issuer, GATEHOUSE_AUTH_JWT_AUDIENCE: "gatehouse" };
    const env = { ...settings, GATEHOUSE_AUTH_JWT_JWKS_FILE: file };
    await expect(startGatehouse({ folder: first.folder, env })).rejects.toThrow(/auth\.jwt\.jwks_file: .*jwks\.json cannot be used/);
    writeFileSync(file, JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: "k1" }] }));
    await using gatehouse = await startGatehouse({ folder: first.folder, env, now: () => nowMs });
    const door = rpcTransports.grpc?.(gatehouse) ?? gatehouse.server.localDoor;
    expect(await listDecisions(door, bearer(await sign(pair.privateKey, {}, { alg: "EdDSA" })))).toBe("OK");
  });
});

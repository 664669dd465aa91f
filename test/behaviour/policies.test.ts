// What the service promises of policy versions: publishing, pointers, the way back, differences, through every RPC door.
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Client, createClient } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { PolicyPointer, PolicyService, RuleChange } from "../../gen/gatehouse/v1/policy_service_pb.ts";
import { startGatehouse, type TestGatehouse } from "../gatehouse.ts";
import { requestOf, rpcTransports } from "./doors.ts";
import { failureOf } from "./reason-of.ts";

/** A policy that denies every creation with this message. */
const denying = (message: string, more = "") =>
  `name: ${message}\n${more}rules:\n  - { id: all, on: [create_account], then: { deny: { code: 120001, message: ${message} } } }\n`;

interface Started extends AsyncDisposable {
  gatehouse: TestGatehouse;
  policies: Client<typeof PolicyService>;
  /** What the policy that decides now says. */
  inForce(): Promise<string>;
  publish(text: string, activate?: PolicyPointer): Promise<string>;
}

describe.each(Object.entries(rpcTransports))("policies through %s", (_name, transport) => {
  async function start(): Promise<Started> {
    const gatehouse = await startGatehouse({ policy: denying("file") });
    const policies = createClient(PolicyService, transport(gatehouse));
    const moderation = createClient(ModerationService, gatehouse.server.localDoor);
    return {
      gatehouse,
      policies,
      inForce: async () => (await moderation.decide(requestOf({ name: "x" }))).decision?.message ?? "",
      publish: async (text, activate = PolicyPointer.UNSPECIFIED) =>
        (await policies.publishPolicy({ text, activate })).policy?.version ?? "",
      [Symbol.asyncDispose]: () => gatehouse[Symbol.asyncDispose](),
    };
  }

  it("are in force for the next decision when they are activated, and not before", async () => {
    await using g = await start();
    const { policy } = await g.policies.publishPolicy({ text: denying("one"), author: "ann", reason: "first" });
    expect(policy).toMatchObject({ name: "one", author: "ann", reason: "first", text: "", pointers: [] });
    expect(policy?.version).toMatch(/^[0-9a-f]{64}$/);
    expect(await g.inForce()).toBe("file");
    const version = policy?.version ?? "";
    const activated = await g.policies.activatePolicy({ version: version.slice(0, 8), author: "bob", reason: "go" });
    expect(activated.policy).toMatchObject({ version, author: "ann", pointers: [PolicyPointer.LIVE] });
    expect(await g.inForce()).toBe("one");
    await g.publish(denying("two"), PolicyPointer.LIVE);
    expect(await g.inForce()).toBe("two");
    const { activations } = await g.policies.listActivations({ pageSize: 2 });
    expect(activations[1]).toMatchObject({ pointer: PolicyPointer.LIVE, version, author: "bob", reason: "go" });
  });

  it("that are published again stay as they were first", async () => {
    await using g = await start();
    const first = await g.policies.publishPolicy({ text: denying("one"), author: "ann" });
    const again = await g.policies.publishPolicy({ text: denying("one"), author: "bob" });
    expect(again.policy).toEqual(first.policy);
  });

  it("go back step by step, and never to and fro", async () => {
    await using g = await start();
    for (const name of ["one", "two", "three"]) await g.publish(denying(name), PolicyPointer.LIVE);
    const seen: string[] = [];
    for (let i = 0; i < 3; i++) {
      const { policy } = await g.policies.rollBackPolicy({ author: "ann", reason: `step ${i}` });
      seen.push(await g.inForce());
      expect(policy).toMatchObject({ name: seen.at(-1), pointers: [PolicyPointer.LIVE] });
    }
    expect(seen).toEqual(["two", "one", "file"]);
    expect(await failureOf(g.policies.rollBackPolicy({}))).toMatchObject({ reason: "NO_EARLIER_POLICY" });
    expect(await g.inForce()).toBe("file");
    await g.publish(denying("four"), PolicyPointer.LIVE);
    await g.policies.rollBackPolicy({});
    expect(await g.inForce()).toBe("file");
  });

  it("with mistakes are refused with all of them and their places", async () => {
    await using g = await start();
    const text =
      "name: t\nrules:\n  - { id: a, on: [create_acount], then: { allow: {} } }\n  - { id: b, on: [create_account], when: ownr == 1, then: { allow: {} } }\n";
    const { problems, version } = await g.policies.checkPolicy({ text });
    expect(version).toBe("");
    expect(problems.map(({ line, rule }) => [line, rule])).toEqual([
      [3, "a"],
      [4, "b"],
    ]);
    const failure = await failureOf(g.policies.publishPolicy({ text, activate: PolicyPointer.LIVE }));
    expect(failure.reason).toBe("INVALID_POLICY");
    expect(failure.fields).toEqual(problems.map(({ line, column, rule, message }) => `${line}:${column}: rule "${rule}": ${message}`));
    expect(await g.inForce()).toBe("file");
    const good = await g.policies.checkPolicy({ text: denying("one") });
    expect(good).toMatchObject({ problems: [], version: await g.publish(denying("one")) });
  });

  it("cannot give a list another kind", async () => {
    await using g = await start();
    await g.publish(denying("one", "lists:\n  users: { kind: exact }\n"), PolicyPointer.LIVE);
    const text = denying("two", "lists:\n  others: {}\n  users: { kind: cidr }\n");
    const { problems } = await g.policies.checkPolicy({ text });
    expect(problems).toMatchObject([{ line: 4, rule: "", message: expect.stringContaining('The list "users" is there already as exact') }]);
    expect(await failureOf(g.policies.publishPolicy({ text, activate: PolicyPointer.SHADOW }))).toMatchObject({
      reason: "INVALID_POLICY",
      fields: [expect.stringMatching(/^4:\d+: The list "users"/)],
    });
    expect((await g.policies.checkPolicy({ text: denying("two", "lists:\n  users: {}\n") })).problems).toEqual([]);
  });

  it("are read by version, by the beginning of one, and by pointer", async () => {
    await using g = await start();
    const version = await g.publish(denying("one"));
    for (const request of [{ version }, { version: version.slice(0, 8) }, { version: version.slice(0, 63) }]) {
      expect((await g.policies.getPolicy(request)).policy).toMatchObject({ version, name: "one", text: denying("one"), pointers: [] });
    }
    expect((await g.policies.getPolicy({})).policy).toMatchObject({ name: "file", pointers: [PolicyPointer.LIVE] });
    await g.policies.activatePolicy({ version, pointer: PolicyPointer.SHADOW });
    expect((await g.policies.getPolicy({ pointer: PolicyPointer.SHADOW })).policy).toMatchObject({
      version,
      pointers: [PolicyPointer.SHADOW],
    });
    const first = await g.policies.listPolicies({ pageSize: 1 });
    expect(first.policies).toMatchObject([{ version, name: "one", text: "", pointers: [PolicyPointer.SHADOW] }]);
    const second = await g.policies.listPolicies({ pageSize: 1, pageToken: first.nextPageToken });
    expect(second).toMatchObject({ policies: [{ name: "file", pointers: [PolicyPointer.LIVE] }], nextPageToken: "" });
  });

  it("on trial change nothing, and the trial ends when it is told to", async () => {
    await using g = await start();
    const version = await g.publish(denying("one"), PolicyPointer.SHADOW);
    expect(await g.inForce()).toBe("file");
    expect(await g.policies.reportShadow({})).toMatchObject({ shadowVersion: version });
    await g.policies.clearShadowPolicy({ author: "ann" });
    await g.policies.clearShadowPolicy({});
    expect(await failureOf(g.policies.getPolicy({ pointer: PolicyPointer.SHADOW }))).toMatchObject({ reason: "POLICY_NOT_FOUND" });
    const { activations } = await g.policies.listActivations({});
    expect(activations.filter(({ pointer }) => pointer === PolicyPointer.SHADOW)).toMatchObject([
      { version: "", author: "ann" },
      { version },
    ]);
    expect(await g.policies.reportShadow({})).toMatchObject({ shadowVersion: "", decisionCount: 1n, shadowCount: 0n });
  });

  it("are told apart by rules and by text", async () => {
    await using g = await start();
    const version = await g.publish(denying("one").replace("[create_account]", "[create_account], mode: shadow"));
    const { rules, textDiff } = await g.policies.diffPolicies({ toVersion: version.slice(0, 10) });
    expect(rules).toMatchObject([{ rule: "all", change: RuleChange.CHANGED, keys: ["then", "mode"] }]);
    expect(textDiff).toMatch(
      new RegExp(`^--- [0-9a-f]{64}\\n\\+\\+\\+ ${version}\\n@@ -1,3 \\+1,3 @@\\n-name: file\\n\\+name: one\\n rules:\\n-`),
    );
    expect(await g.policies.diffPolicies({ fromVersion: version, toVersion: version })).toMatchObject({ rules: [], textDiff: "" });
    expect(await g.policies.diffPolicies({})).toMatchObject({ rules: [], textDiff: "" });
  });

  it("are changed one after another, however many callers there are", async () => {
    await using g = await start();
    const versions = [await g.publish(denying("one")), await g.publish(denying("two"))];
    await Promise.all(Array.from({ length: 20 }, (_, i) => g.policies.activatePolicy({ version: versions[i % 2] ?? "" })));
    expect(await g.inForce()).toBe((await g.policies.getPolicy({})).policy?.name);
    const { activations } = await g.policies.listActivations({});
    for (const [i, { version }] of activations.entries()) expect(version).not.toBe(activations[i + 1]?.version);
  });

  it("refuse wrong requests with what is wrong", async () => {
    await using g = await start();
    const at = timestampFromMs(Date.UTC(2030, 0, 1));
    const unknown = "0".repeat(64);
    const calls: [() => Promise<unknown>, reason: string, field?: string][] = [
      [() => g.policies.publishPolicy({ text: "" }), "INVALID_POLICY", "1:1"],
      [() => g.policies.publishPolicy({ text: denying("one"), author: "a".repeat(101) }), "INVALID_REQUEST", "author"],
      [() => g.policies.publishPolicy({ text: denying("one"), activate: 7 as PolicyPointer }), "INVALID_REQUEST", "activate"],
      [() => g.policies.activatePolicy({ version: "abc" }), "INVALID_REQUEST", "version"],
      [() => g.policies.activatePolicy({ version: "latest!!" }), "INVALID_REQUEST", "version"],
      [() => g.policies.activatePolicy({ version: unknown }), "POLICY_NOT_FOUND"],
      [() => g.policies.getPolicy({ version: "00000000" }), "POLICY_NOT_FOUND"],
      [() => g.policies.getPolicy({ pointer: PolicyPointer.SHADOW }), "POLICY_NOT_FOUND"],
      [() => g.policies.diffPolicies({ fromVersion: unknown }), "POLICY_NOT_FOUND"],
      [() => g.policies.listPolicies({ pageToken: "rubbish" }), "INVALID_PAGE_TOKEN"],
      [() => g.policies.listActivations({ pageToken: "rubbish" }), "INVALID_PAGE_TOKEN"],
      [() => g.policies.reportShadow({ startTime: at, endTime: at }), "INVALID_REQUEST", "start_time"],
    ];
    for (const [index, [call, reason, field]] of calls.entries()) {
      const failure = await failureOf(call());
      expect([index, failure.reason, failure.fields.map((text) => /^(\d+:\d+|[^:]*)/.exec(text)?.[1])]).toEqual([
        index,
        reason,
        field === undefined ? [] : [field],
      ]);
    }
  });

  it("may be as long as the schema says", async () => {
    await using g = await start();
    const text = denying("long").padEnd(1_048_576, "#");
    const version = await g.publish(text, PolicyPointer.LIVE);
    expect(await g.inForce()).toBe("long");
    expect((await g.policies.getPolicy({ version })).policy?.text).toBe(text);
  });
});

// `gatehouse keys`, `audit` and `--key` against the real service.
import { describe, expect, it } from "vitest";
import { startGatehouse } from "../gatehouse.ts";
import { gatehouse as run } from "./harness.ts";

const bootstrapKey = "bootstrap-".padEnd(40, "0");

async function start() {
  const gatehouse = await startGatehouse({
    env: { GATEHOUSE_AUTH_REQUIRED: "always", GATEHOUSE_AUTH_BOOTSTRAP_KEY: bootstrapKey },
    now: () => Date.parse("2022-12-01T00:00:00Z"),
  });
  const env = { GATEHOUSE_SERVER: gatehouse.apiUrl };
  return {
    asNobody: (...args: string[]) => run(args, env),
    asOperator: (...args: string[]) => run(args, { ...env, GATEHOUSE_API_KEY: bootstrapKey }),
    [Symbol.asyncDispose]: () => gatehouse[Symbol.asyncDispose](),
  };
}

describe("gatehouse keys", () => {
  it("makes a key that is shown once, and that every command takes", async () => {
    await using cli = await start();
    const made = await cli.asOperator("keys", "create", "--name", "console", "--role", "viewer", "--role", "author", "--expires", "90d");
    const [, keyText = "", keyId = ""] = /^(gh_([a-z0-9]{12})_[\w-]{43})\n$/.exec(made.stdout) ?? [];
    expect(made.code).toBe(0);
    expect(made.stderr).toBe(`This is the key ${keyId} of console, shown this once: keep it now, it cannot be shown again.\n`);

    expect((await cli.asNobody("decisions", "list")).stderr).toContain("This call needs a key");
    expect(await cli.asNobody("decisions", "list", "--key", keyText)).toEqual({ code: 0, stdout: "No decisions.\n", stderr: "" });
    expect((await cli.asNobody("lists", "add", "staff", "ann", "--key", keyText)).stdout).toBe("Added 1 to staff.\n");
    const denied = await cli.asNobody("keys", "list", "--key", keyText);
    expect(denied.stderr).toContain("needs the role operator; this key has viewer, author");

    const { stdout } = await cli.asOperator("keys", "list");
    expect(stdout).toMatch(/^KEY +NAME +ROLES +APPS +STATE +CREATED +BY +LAST USED\n/);
    expect(stdout).toMatch(new RegExp(`^${keyId} +console +viewer, author +all +good until 2023-03-09T`, "m"));
    expect(stdout).toContain("bootstrap key");
    expect(stdout).not.toContain(keyText);

    expect((await cli.asOperator("keys", "revoke", keyId)).stdout).toBe(
      `${keyId} of console is revoked 2022-12-01T00:00:00.000Z by bootstrap key.\n`,
    );
    expect((await cli.asNobody("decisions", "list", "--key", keyText)).stderr).toContain(`The key ${keyId} was revoked on 2022-12-01`);
    expect((await cli.asOperator("keys", "revoke", "nosuchkey1")).stderr).toContain("KEY_NOT_FOUND");

    const log = await cli.asOperator("audit", "list");
    expect(log.stdout).toMatch(new RegExp(`KeyService/RevokeKey +${keyId} +OK`));
    expect(log.stdout).toMatch(new RegExp(`key ${keyId} console +ListService/AddEntries +staff +OK +\\[\\] +\\[\\{"value":"ann"`));
    expect(log.stdout).not.toContain(keyText.slice(-43));
    const found = await cli.asOperator("audit", "list", "--method", "ListService/AddEntries", "--principal", keyId, "--json");
    expect(JSON.parse(found.stdout)).toMatchObject({ principal: { id: keyId, name: "console" }, target: "staff", outcome: "OK" });
    expect((await cli.asOperator("audit", "list", "--target", "nothing")).stdout).toBe("No entries.\n");
  });

  it("gives JSON, for scripts", async () => {
    await using cli = await start();
    const made = await cli.asOperator("keys", "create", "--name", "bot", "--role", "decider", "--app", "1400000000", "--json");
    const { key, keyText } = JSON.parse(made.stdout);
    expect(key).toMatchObject({ name: "bot", roles: ["ROLE_DECIDER"], appIds: [1400000000] });
    expect(keyText).toContain(`gh_${key.keyId}_`);
    const listed = await cli.asOperator("keys", "list", "--json");
    expect(JSON.parse(listed.stdout)).toEqual(key);
    const revoked = await cli.asOperator("keys", "revoke", key.keyId, "--json");
    expect(JSON.parse(revoked.stdout)).toMatchObject({ keyId: key.keyId, revoker: "bootstrap key" });
  });

  it.each([
    [["create", "--role", "viewer"], "keys create needs --name"],
    [["create", "--name", "x"], "--role at least once"],
    [["create", "--name", "x", "--role", "viewr"], 'Did you mean "viewer"?'],
    [["create", "--name", "x", "--role", "viewer", "--expires", "soon"], "--expires must be a time"],
    [["revoke"], "exactly one key id"],
    [["revoke", `gh_aaaaaaaaaaaa_${"S".repeat(43)}`], 'the part of the key between the first two "_"'],
    [["list", "x"], "takes no arguments"],
    [["list", "--key", "SSS SSS"], "--key or GATEHOUSE_API_KEY is no key"],
  ])("refuses %j, and repeats no key", async (args, message) => {
    const { code, stderr } = await run(["keys", ...args]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
    expect(stderr).not.toContain("SSS");
  });
});

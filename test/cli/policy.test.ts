// `gatehouse policy` against the real service.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { expect, onTestFinished, test, vi } from "vitest";
import { ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { requestOf } from "../behaviour/doors.ts";
import { startGatehouse } from "../gatehouse.ts";
import { gatehouse, type Outcome } from "./harness.ts";

const denying = (message: string, more = "") =>
  `name: ${message}\nrules:\n  - { id: all, on: [create_account], ${more}then: { deny: { code: 120001, message: ${message} } } }\n`;

async function start() {
  const service = await startGatehouse({ policy: denying("file") });
  onTestFinished(() => service[Symbol.asyncDispose]());
  const moderation = createClient(ModerationService, service.server.localDoor);
  const run = (...args: string[]): Promise<Outcome> => gatehouse(["policy", ...args, "--server", service.apiUrl]);
  return {
    run,
    decide: async () => (await moderation.decide(requestOf({ name: "x" }))).decision,
    /** Writes a file and answers its path. */
    file(name: string, text: string): string {
      const path = join(service.folder, name);
      writeFileSync(path, text);
      return path;
    },
    async publish(text: string, ...flags: string[]): Promise<string> {
      return JSON.parse((await run("publish", this.file("p.yaml", text), "--json", ...flags)).stdout).version;
    },
  };
}

const times = /\d{4}-\d\d-\d\dT[\d:.]+Z/g;

test("a policy is published, activated and taken back", async () => {
  const g = await start();
  const published = await g.run("publish", g.file("one.yaml", denying("one")), "--author", "ann", "--reason", "first");
  expect(published).toMatchObject({ code: 0, stderr: "" });
  const version = /^Published: ([0-9a-f]{12}) "one", published .*Z\.\n$/.exec(published.stdout)?.[1] ?? "";
  expect((await g.decide())?.message).toBe("file");
  expect((await g.run("activate", version)).stdout).toMatch(new RegExp(`^Live: ${version} "one", published`));
  expect((await g.decide())?.message).toBe("one");
  expect((await g.run("publish", g.file("two.yaml", denying("two")), "--activate")).stdout).toMatch(/^Published: .* It is live\.\n$/);
  expect((await g.decide())?.message).toBe("two");
  expect((await g.run("rollback", "--reason", "too strict")).stdout).toMatch(/^Live: [0-9a-f]{12} "one"/);
  expect((await g.run("rollback")).stdout).toMatch(/^Live: [0-9a-f]{12} "file"/);
  expect((await g.decide())?.message).toBe("file");
  expect(await g.run("rollback")).toEqual({ code: 1, stdout: "", stderr: expect.stringMatching(/\(NO_EARLIER_POLICY\)\n$/) });

  const history = await g.run("history");
  expect(history.stdout).toMatch(/^TIME +POINTER +VERSION +AUTHOR +REASON\n/);
  expect(history.stdout.match(/ live /g)).toHaveLength(5);
  expect(history.stdout).toMatch(new RegExp(`live +${version} +\\S+ +too strict$`, "m"));
  const list = await g.run("list");
  expect(list.stdout.replace(times, "NOW").replace(/ +/g, " ").split("\n").slice(0, 4)).toEqual([
    "VERSION IS NAME PUBLISHED AUTHOR REASON",
    expect.stringMatching(/^[0-9a-f]{12} - two NOW \S+ -$/),
    `${version} - one NOW ann first`,
    expect.stringMatching(/^[0-9a-f]{12} live file NOW /),
  ]);
  expect((await g.run("list", "--limit", "1")).stderr).toMatch(/--page-token/);
});

test("mistakes are shown with file, line and column, and nothing is published", async () => {
  const g = await start();
  const path = g.file("bad.yaml", "name: t\nrulez: []\nrules:\n  - { id: a, on: [nothing], then: { allow: {} } }\n");
  const { code, stdout, stderr } = await g.run("publish", path, "--activate");
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^\d problems?; nothing was published\.\n$/) });
  expect(stdout).toContain(`${path}:2:1: Unknown key "rulez"`);
  const asJson = await g.run("publish", path, "--json");
  expect(JSON.parse(asJson.stdout).problems[0]).toMatchObject({ line: 2, column: 1 });
  expect((await g.run("list", "--json")).stdout.trimEnd().split("\n")).toHaveLength(1);
});

test("show writes the text as it was published", async () => {
  const g = await start();
  const text = `${denying("one")}# 官方 \u202e without an end`;
  const version = await g.publish(text);
  expect(await g.run("show", version.slice(0, 8))).toEqual({ code: 0, stdout: text, stderr: "" });
  expect((await g.run("show")).stdout).toBe(denying("file"));
  expect((await g.run("show", "live")).stdout).toBe(denying("file"));
  expect(JSON.parse((await g.run("show", version, "--json")).stdout)).toMatchObject({ version, name: "one", text });
  expect(await g.run("show", "shadow")).toMatchObject({ code: 1, stderr: expect.stringContaining("No policy is shadow.") });
});

test("diff shows rules and lines", async () => {
  const g = await start();
  const version = await g.publish(denying("one", "mode: shadow, "));
  const { stdout } = await g.run("diff", version);
  expect(stdout).toMatch(
    /^changed {2}all: then, mode\n\n--- [0-9a-f]{64}\n\+\+\+ [0-9a-f]{64}\n@@ -1,3 \+1,3 @@\n-name: file\n\+name: one\n/,
  );
  expect((await g.run("diff", version, "live")).stdout).toContain("\n-name: one\n+name: file\n");
  expect((await g.run("diff", version, version)).stdout).toBe("The two are the same.\n");
  expect(await g.run("diff")).toMatchObject({ code: 1, stderr: expect.stringContaining("POLICY_NOT_FOUND") });
  await g.run("shadow", version);
  expect((await g.run("diff")).stdout).toBe(stdout);
  expect(JSON.parse((await g.run("diff", "--json")).stdout)).toMatchObject({
    rules: [{ rule: "all", change: "RULE_CHANGE_CHANGED", keys: ["then", "mode"] }],
  });
});

test("a trial is begun, reported on and ended", async () => {
  const g = await start();
  const version = await g.publish(
    "name: kind\nrules:\n  - { id: none, on: [create_account], when: 'name == \"x\"', then: { allow: {} } }\n",
  );
  expect((await g.run("shadow", version)).stdout).toMatch(new RegExp(`^On trial: ${version.slice(0, 12)} "kind"`));
  const decision = await g.decide();
  expect(decision?.message).toBe("file");
  const report = await vi.waitFor(async () => {
    const { stdout } = await g.run("shadow-report", "--since", "2020-01-01", "--until", "2100-01-01");
    expect(stdout).toMatch(/asked of it +1 /);
    return stdout;
  });
  expect(report).toMatch(new RegExp(`^shadow policy +${version.slice(0, 12)}$`, "m"));
  expect(report).toMatch(/^other outcome +1 \(100\.0 % of those\)$/m);
  expect(report).toMatch(/^deny +allow +1$/m);
  expect(report).toMatch(new RegExp(`^none +${version.slice(0, 12)} +1 +1 +0$`, "m"));
  expect(report).toContain(`Such as:\n  ${decision?.decisionId}\n`);
  expect(await g.run("shadow", "off")).toEqual({ code: 0, stdout: "No policy is on trial.\n", stderr: "" });
  expect((await g.run("history")).stdout).toMatch(/ shadow +\(none\) /);
  expect((await g.run("shadow-report", "--since", "1h", "--until", "2h")).stderr).toMatch(/\(INVALID_REQUEST\)/);
});

test.each([
  ["a file that is not there", ["publish", "/nowhere.yaml"], /cannot read \/nowhere\.yaml: there is no such file\./],
  ["a version that is not there", ["activate", "00000000"], /No policy's version begins with "00000000".*\(POLICY_NOT_FOUND\)/],
])("%s is said and ends with 1", async (_name, args, message) => {
  const { run } = await start();
  const { code, stdout, stderr } = await run(...args);
  expect(stderr).toMatch(message);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
});

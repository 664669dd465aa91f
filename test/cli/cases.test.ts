// `gatehouse cases` and what else the command line says of follow-ups, against the real service.
import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AccountService } from "../../gen/gatehouse/v1/account_service_pb.ts";
import { CaseService } from "../../gen/gatehouse/v1/case_service_pb.ts";
import { startGatehouse, type TestGatehouse, testApp } from "../gatehouse.ts";
import { gatehouse } from "./harness.ts";

let service: TestGatehouse;

const policy = `
name: cases
rules:
  - id: closed
    on: [create_account]
    when: operator == "mallory"
    then: { deny: { message: closed } }
`;

/** What Chat says of a creation, asked or done. */
async function say(command: "Before" | "After", user: string, name: string): Promise<void> {
  const body = { Official_Account: `@TOA#_${name}`, Operator_Account: user, Owner_Account: user, Name: name, EventTime: Date.now() };
  await service.post(`OfficialAccount.Callback${command}CreateOfficialAccount`, body);
}

beforeAll(async () => {
  service = await startGatehouse({ policy });
  await say("Before", "mallory", "Leak");
  await say("After", "mallory", "Leak");
  await say("After", "eve", "Bypass");
});
afterAll(() => service[Symbol.asyncDispose]());

const run = (...args: string[]) => gatehouse([...args, "--server", service.apiUrl]);

test("cases list shows a line for each, the latest first, and filters", async () => {
  const { code, stdout, stderr } = await run("cases", "list");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^OPENED +CASE +APP +KIND +STATE +USER +ACCOUNT +DECISION +EVENT\n/);
  expect(stdout).toMatch(
    / case-\w{12} +1400000000 +bypass +open +eve +@TOA#_Bypass +- +evt-\w{12}\n.* +leak +open +mallory +@TOA#_Leak +dec-/,
  );
  for (const filter of [
    ["--kind", "leak"],
    ["--user", "mallory"],
    ["--account", "@TOA#_Leak"],
    ["--app", String(testApp), "--kind", "leak"],
  ]) {
    const lines = (await run("cases", "list", ...filter, "--json")).stdout.trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line).accountId)).toEqual(["@TOA#_Leak"]);
  }
  expect((await run("cases", "list", "--kind", "late_deny")).stdout).toBe("No cases.\n");
  const first = await run("cases", "list", "--limit", "1");
  const token = /--page-token (\S+)/.exec(first.stderr)?.[1] ?? "";
  expect((await run("cases", "list", "--page-token", token)).stdout).toContain("@TOA#_Leak");
});

test("cases get and close show the case, and a closed one stays as it is", async () => {
  const cases = createClient(CaseService, service.server.localDoor);
  await say("After", "eve", "Closed");
  const caseId = (await cases.listCases({ accountId: "@TOA#_Closed" })).cases[0]?.caseId ?? "";
  const got = await run("cases", "get", caseId);
  expect(got.stdout).toMatch(/^state +open$/m);
  expect(got.stdout).toMatch(/^closed by +-$/m);
  const closed = await run("cases", "close", caseId, "--author", "bob", "--reason", "known \u202e");
  expect(closed.code).toBe(0);
  expect(closed.stdout).toMatch(/^state +closed$/m);
  expect(closed.stdout).toMatch(/^closed by +bob$/m);
  expect(closed.stdout).toMatch(/^reason +known \\u\{202e\}$/m);
  expect((await run("cases", "close", caseId, "--author", "eve")).stdout).toBe(closed.stdout);
  expect(JSON.parse((await run("cases", "get", caseId, "--json")).stdout)).toMatchObject({ caseId, closedBy: "bob" });
  expect((await run("cases", "list", "--state", "closed")).stdout).toContain(caseId);
});

test.each([
  [["cases", "get", "x"], 1, 'gatehouse: There is no case "x". (CASE_NOT_FOUND)\n'],
  [["cases", "close", "x"], 1, 'gatehouse: There is no case "x". (CASE_NOT_FOUND)\n'],
  [["cases", "get"], 2, "cases get needs exactly one case id."],
  [["cases", "close", "a", "b"], 2, "cases close needs exactly one case id."],
  [["cases", "list", "x"], 2, 'cases list takes no arguments, but got "x".'],
  [["cases", "list", "--kind", "leek"], 2, "--kind must be leak or bypass or late_deny"],
  [["decisions", "list", "--follow-up", "bypassed"], 2, "--follow-up must be confirmed or leaked or abandoned"],
])("%j ends with %i", async (args, expected, message) => {
  const { code, stderr } = await run(...args);
  expect(code).toBe(expected);
  expect(stderr).toContain(message);
});

test("decisions say what followed", async () => {
  const listed = await run("decisions", "list", "--follow-up", "leaked", "--json");
  const decision = JSON.parse(listed.stdout);
  expect(decision).toMatchObject({ followUp: "FOLLOW_UP_LEAKED", createAccount: { name: "Leak" } });
  const { events } = await createClient(AccountService, service.server.localDoor).listAccountEvents({
    appId: testApp,
    accountId: "@TOA#_Leak",
  });
  const got = await run("decisions", "get", decision.decisionId);
  expect(got.stdout).toMatch(new RegExp(`^follow-up +leaked by ${events[0]?.eventId}, known since 20`, "m"));
  expect((await run("decisions", "list", "--follow-up", "confirmed")).stdout).toBe("No decisions.\n");
});

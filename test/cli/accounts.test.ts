// `gatehouse accounts revisions`, `timeline` and the searches of `list`, against the real service.
import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { startGatehouse, type TestGatehouse, testApp } from "../gatehouse.ts";
import { gatehouse, nowMs } from "./harness.ts";

let service: TestGatehouse;
const accountId = "@TOA#_news";
const hello = "Hello and welcome to all the news that there are in our town";

function at(seconds: number) {
  return { seconds: BigInt(Math.floor(nowMs / 1000) + seconds), nanos: 0 };
}

beforeAll(async () => {
  service = await startGatehouse();
  const client = createClient(ModerationService, service.server.localDoor);
  const appId = testApp;
  const change = { accountId, operator: "bob" };
  await client.decide({ appId, action: { case: "createAccount", value: { operator: "ann", owner: "ann", name: "News" } } });
  await client.record({
    appId,
    eventTime: at(0),
    event: { case: "accountCreated", value: { accountId, operator: "ann", owner: "ann", name: "News" } },
  });
  await client.record({ appId, eventTime: at(1), event: { case: "accountProfileChanged", value: { ...change, introduction: hello } } });
  const changed = hello.replace("town", "city").replace("all ", "");
  await client.record({
    appId,
    eventTime: at(2),
    event: { case: "accountProfileChanged", value: { ...change, name: "官方\u001b[2J", introduction: changed } },
  });
  await client.record({ appId, event: { case: "accountProfileChanged", value: { accountId, introduction: "" } } });
});
afterAll(() => service[Symbol.asyncDispose]());

const run = (...args: string[]) => gatehouse(["accounts", ...args, "--app", String(testApp), "--server", service.apiUrl]);

test("accounts get shows where each value came from", async () => {
  const { code, stdout } = await run("get", accountId);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^revision +4$/m);
  expect(stdout).toMatch(/^FIELD +VALUE +SINCE +BY +EVENT$/m);
  expect(stdout).toMatch(/^owner +ann +2022-12-09T08:26:54\.000Z +ann +evt-000000000003$/m);
  expect(stdout).toMatch(/^name +官方\\x1b\[2J +2022-12-09T08:26:56\.000Z +bob +evt-000000000005$/m);
  expect(stdout).toMatch(/^introduction +- +\S+ \(by arrival\) +- +evt-000000000006$/m);
  expect(stdout).toMatch(/^organization +- +2022-12-09T08:26:54\.000Z +ann +evt-000000000003$/m);
});

test("accounts revisions shows what each event changed, a long text once with what went and what came", async () => {
  const { code, stdout, stderr } = await run("revisions", accountId);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(
    stdout.replace(/\S+ \(by arrival\)/, "TIME (by arrival)"),
  ).toBe(`revision 1  2022-12-09T08:26:54.000Z  created by ann  (evt-000000000003)
  owner: "ann"
  name: "News"
  state: "live"

revision 2  2022-12-09T08:26:55.000Z  profile_changed by bob  (evt-000000000004)
  introduction: "${hello}"

revision 3  2022-12-09T08:26:56.000Z  profile_changed by bob  (evt-000000000005)
  name: "News" → "官方\\x1b[2J"
  introduction: "Hello and welcome to [-all -]the news that there are in our [-town-]{+city+}"

revision 4  TIME (by arrival)  profile_changed  (evt-000000000006)
  introduction: "${hello.replace("town", "city").replace("all ", "")}" → ""
`);
  expect((await run("revisions", "other")).stdout).toBe("No event has said anything of this account's fields.\n");
});

test("accounts revisions says how to go on, and writes JSON lines", async () => {
  const first = await run("revisions", accountId, "--limit", "3", "--json");
  const token = /--page-token (\S+)/.exec(first.stderr)?.[1] ?? "";
  const rest = await run("revisions", accountId, "--json", "--page-token", token);
  const lines = (first.stdout + rest.stdout).trimEnd().split("\n");
  expect(lines.map((text) => JSON.parse(text).revision)).toEqual([1, 2, 3, 4]);
  expect(rest.stderr).toBe("");
});

test("accounts timeline shows decisions and events together, the latest first", async () => {
  const { code, stdout } = await run("timeline", "--owner", "ann");
  expect(code).toBe(0);
  const lines = stdout.trimEnd().split("\n");
  expect(lines[0]).toMatch(/^TIME +ID +WHAT +BY +ABOUT +DETAILS$/);
  expect(lines.slice(1).map((text) => text.split(/ {2,}/)[2])).toEqual([
    "account_profile_changed",
    "account_profile_changed",
    "account_profile_changed",
    "account_created",
    "decided create_account",
  ]);
  expect(lines.at(-1)).toMatch(/ dec-000000000002 +decided create_account +ann +News +allow$/);
  expect(stdout).not.toContain("\u001b");
  const ofAccount = (await run("timeline", "--account", accountId, "--json")).stdout.trimEnd().split("\n");
  expect(ofAccount.map((text) => Object.keys(JSON.parse(text)))).toEqual([["event"], ["event"], ["event"], ["event"]]);
  expect((await run("timeline", "--user", "bob")).stdout.trimEnd().split("\n")).toHaveLength(3);
  expect((await run("timeline", "--user", "nobody")).stdout).toBe("No decisions and no events.\n");
});

test("accounts list finds by name and time", async () => {
  const found = async (...flags: string[]) => (await run("list", "--json", ...flags)).stdout.includes(accountId);
  expect(await found("--name-prefix", "官")).toBe(true);
  expect(await found("--name-prefix", "方")).toBe(false);
  expect(await found("--name", "官方\u001b[2j")).toBe(true);
  expect(await found("--since", "10s")).toBe(true);
  expect(await found("--until", "10s")).toBe(false);
});

test.each([
  [["timeline"], "accounts timeline needs exactly one of --account, --owner and --user."],
  [["timeline", "--owner", "a", "--user", "b"], "accounts timeline needs exactly one of --account, --owner and --user."],
  [["revisions"], "accounts revisions needs exactly one account id."],
  [["list", "--since", "yesterday"], "--since must be a time such as"],
])("%j is refused", async (args, message) => {
  const { code, stderr } = await run(...args);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
});

test("an app must be given where ids can be in several", async () => {
  const { code, stderr } = await gatehouse(["accounts", "timeline", "--owner", "ann", "--server", service.apiUrl]);
  expect(code).toBe(2);
  expect(stderr).toContain("needs --app (or GATEHOUSE_APP)");
});

// `gatehouse decisions` and `accounts` against a Connect server with a few things in memory.
import { create, toJson } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { AccountSchema, AccountService, AccountState, type ListAccountsRequest } from "../../gen/gatehouse/v1/account_service_pb.ts";
import { DecisionSchema, DegradedCause, Effect, RuleMode, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { DecisionService, type ListDecisionsRequest, RuleResult } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { EventSchema } from "../../gen/gatehouse/v1/event_pb.ts";
import { FollowUp } from "../../gen/gatehouse/v1/follow_up_pb.ts";
import { BadRequestSchema, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { gatehouse, listen, nowMs } from "./harness.ts";

const time = timestampFromMs(nowMs);

const denied = create(DecisionSchema, {
  decisionId: "d-1",
  appId: 1400000000,
  eventTime: time,
  decideTime: time,
  action: { case: "createAccount", value: { operator: "jared", owner: "leckie", name: "官方\u001b[2J\u202e" } },
  verdict: Verdict.DENY,
  code: 120002,
  message: "This name is reserved.",
  matches: [
    { rule: "impersonation", effect: Effect.DENY },
    { rule: "watch", effect: Effect.FLAG, error: "no such key: x", labels: { team: "trust" } },
  ],
  policyVersion: "abc",
  facts: [
    { function: "inList", arguments: ["leckie", "staff"], value: "true" },
    { function: "signal", arguments: ["toxicity", "官方\n\u202e"], value: "0.5", failure: "timeout" },
  ],
  followUp: FollowUp.LEAKED,
  followUpEventId: "e-7",
  followUpTime: time,
});

const explained = [
  {
    rule: "trusted",
    line: 7,
    condition: 'inList(operator,\n  "staff")',
    effect: Effect.ALLOW,
    result: RuleResult.NOT_HELD,
    values: [
      { expression: "operator", value: '"jared"' },
      { expression: 'inList(operator,\n  "staff")', value: "false" },
    ],
  },
  { rule: "every", line: 9, effect: Effect.FLAG, mode: RuleMode.SHADOW, result: RuleResult.HELD },
  { rule: "watch", line: 12, condition: "x.y", effect: Effect.FLAG, result: RuleResult.APPLIED_ON_ERROR, error: "no such key: x\n | x.y" },
  { rule: "banned", line: 15, condition: "subscriber == 'a'", effect: Effect.REFUSE, subscriber: "a\u202e", result: RuleResult.HELD },
  { rule: "late", line: 18, condition: "true", effect: Effect.DENY, result: RuleResult.NOT_ASKED },
];

const partly = create(DecisionSchema, {
  decisionId: "d-2",
  appId: 1400000001,
  decideTime: time,
  action: { case: "addSubscribers", value: { accountId: "@TOA#_a", operator: "107867", subscribers: ["jared", "leckie"] } },
  verdict: Verdict.ALLOW,
  refused: [{ subscriber: "jared", rule: "banned-subscriber", message: "banned" }],
  matches: [{ rule: "banned-subscriber", effect: Effect.REFUSE, subscriber: "jared" }],
  degraded: true,
  degradedCause: DegradedCause.OVERLOAD,
  lateVerdict: Verdict.ALLOW,
  lateRefused: [{ subscriber: "bob\u202e", rule: "banned-subscriber" }],
  answerTime: time,
});

const account = create(AccountSchema, {
  appId: 1400000000,
  accountId: "@TOA#_a",
  owner: "107867",
  name: "NewName",
  state: AccountState.LIVE,
  partial: true,
  lastEventTime: time,
});

const changed = create(EventSchema, {
  eventId: "e-1",
  appId: 1400000000,
  receiveTime: time,
  event: { case: "accountProfileChanged", value: { accountId: "@TOA#_a", operator: "leckie", name: "NewName", introduction: "" } },
});

function failure(code: Code, reason: string, message: string, fields: Record<string, string> = {}): ConnectError {
  const fieldViolations = Object.entries(fields).map(([field, description]) => ({ field, description }));
  return new ConnectError(message, code, undefined, [
    { desc: ErrorInfoSchema, value: { reason, domain: "gatehouse" } },
    ...(fieldViolations.length === 0 ? [] : [{ desc: BadRequestSchema, value: { fieldViolations } }]),
  ]);
}

/** A page of `all`, with tokens that are positions. */
function pageOf<T>(all: readonly T[], { pageSize, pageToken }: { pageSize: number; pageToken: string }) {
  const start = Number(pageToken);
  const size = Math.min(pageSize || 50, 1000);
  return { items: all.slice(start, start + size), nextPageToken: start + size < all.length ? String(start + size) : "" };
}

interface Stock {
  decisions?: (typeof denied)[];
  accounts?: (typeof account)[];
  events?: (typeof changed)[];
}

async function rpcServer({ decisions = [], accounts = [], events = [] }: Stock = {}) {
  const asked: { decisions: ListDecisionsRequest[]; accounts: ListAccountsRequest[] } = { decisions: [], accounts: [] };
  const server = await listen(
    connectNodeAdapter({
      routes: (router) => {
        router.service(DecisionService, {
          listDecisions(request) {
            asked.decisions.push(request);
            const { items, nextPageToken } = pageOf(decisions, request);
            return { decisions: items, nextPageToken };
          },
          getDecision({ decisionId }) {
            const decision = decisions.find((candidate) => candidate.decisionId === decisionId);
            if (decision === undefined) throw failure(Code.NotFound, "DECISION_NOT_FOUND", `There is no decision "${decisionId}".`);
            return { decision };
          },
          explainDecision({ decisionId }) {
            const decision = decisions.find((candidate) => candidate.decisionId === decisionId);
            if (decision === undefined) throw failure(Code.NotFound, "DECISION_NOT_FOUND", `There is no decision "${decisionId}".`);
            return { decision, rules: explained, conclusion: 'Denied with code 120002, by the rule "impersonation".' };
          },
        });
        router.service(AccountService, {
          listAccounts(request) {
            asked.accounts.push(request);
            const { items, nextPageToken } = pageOf(accounts, request);
            return { accounts: items, nextPageToken };
          },
          getAccount({ appId, accountId }) {
            const found = accounts.find((candidate) => candidate.appId === appId && candidate.accountId === accountId);
            if (found === undefined) throw failure(Code.NotFound, "ACCOUNT_NOT_FOUND", "No event has spoken of this account.");
            return { account: found };
          },
          listAccountEvents(request) {
            const { items, nextPageToken } = pageOf(events, request);
            return { events: items, nextPageToken };
          },
        });
      },
    }),
  );
  return { asked, run: (...args: string[]) => gatehouse([...args, "--server", server]) };
}

test("decisions list shows one aligned line for each, safe for a terminal", async () => {
  const { run } = await rpcServer({ decisions: [denied, partly] });
  const { code, stdout, stderr } = await run("decisions", "list");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toBe(
    [
      "TIME                      DECISION  APP         ACTION           BY      ABOUT                VERDICT                      RULES",
      "2022-12-09T08:26:54.123Z  d-1       1400000000  create_account   jared   官方\\x1b[2J\\u{202e}  deny 120002                  impersonation, watch",
      "2022-12-09T08:26:54.123Z  d-2       1400000001  add_subscribers  107867  @TOA#_a              allow, 1 refused (degraded)  banned-subscriber",
      "",
    ].join("\n"),
  );
});

test("decisions list asks with its filters", async () => {
  const { run, asked } = await rpcServer();
  const about = ["--app", "7", "--account", "@TOA#_a", "--user", "jared", "--verdict", "deny", "--follow-up", "leaked"];
  const filters = [...about, "--limit", "5", "--page-token", "9"];
  expect(await run("decisions", "list", ...filters)).toEqual({ code: 0, stdout: "No decisions.\n", stderr: "" });
  expect(asked.decisions).toMatchObject([
    { appId: 7, accountId: "@TOA#_a", user: "jared", verdict: Verdict.DENY, followUp: FollowUp.LEAKED, pageSize: 5, pageToken: "9" },
  ]);
});

test("decisions list goes through the pages up to the limit, and says how to go on", async () => {
  const { run, asked } = await rpcServer({
    decisions: Array.from({ length: 2500 }, (_, index) => ({ ...denied, decisionId: `d-${index}` })),
  });
  const { stdout, stderr } = await run("decisions", "list", "--limit", "2100", "--json");
  const ids = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line).decisionId);
  expect(ids).toEqual(Array.from({ length: 2100 }, (_, index) => `d-${index}`));
  expect(asked.decisions.map((request) => request.pageSize)).toEqual([1000, 1000, 100]);
  expect(stderr).toContain("go on with --page-token 2100\n");
});

test("decisions get shows the evidence", async () => {
  const { run } = await rpcServer({ decisions: [denied, partly] });
  const first = await run("decisions", "get", "d-1");
  expect(first.code).toBe(0);
  expect(first.stdout).toMatch(/^verdict +deny 120002$/m);
  expect(first.stdout).toMatch(/^message +This name is reserved\.$/m);
  expect(first.stdout).toMatch(/^decided +2022-12-09T08:26:54\.123Z$/m);
  expect(first.stdout).toMatch(/^impersonation +deny +enforce +-$/m);
  expect(first.stdout).toMatch(/^watch +flag low +enforce +- +taken as held, because it failed: no such key: x; team=trust$/m);
  expect(first.stdout).toMatch(/^follow-up +leaked by e-7, known since 2022-12-09T08:26:54\.123Z$/m);
  const second = await run("decisions", "get", "d-2");
  expect(second.stdout).toMatch(/^follow-up +-$/m);
  expect(second.stdout).toMatch(/^subscribers +jared, leckie$/m);
  expect(second.stdout).toMatch(/^jared +banned-subscriber +banned$/m);
  expect(first.stdout).not.toContain("degraded by");
  expect(second.stdout).toMatch(/^degraded by +overload$/m);
  expect(second.stdout).toMatch(/^answered +2022-12-09T08:26:54\.123Z$/m);
  expect(second.stdout).toMatch(/^late verdict +allow, without bob\\u\{202e\}$/m);
});

test("decisions explain tells it again, rule by rule", async () => {
  const { run } = await rpcServer({ decisions: [denied] });
  const { code, stdout, stderr } = await run("decisions", "explain", "d-1");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout.slice(stdout.indexOf("line 7"))).toBe(
    [
      "line 7: trusted (allow) did not hold",
      "  when inList(operator,",
      '         "staff")',
      '       operator  "jared"',
      "",
      "line 9: every (flag, in shadow mode) held",
      "  always holds",
      "",
      "line 12: watch (flag) could not be evaluated, and was taken as held",
      "  when x.y",
      "  error no such key: x",
      "         | x.y",
      "",
      "line 15: banned (refuse) for a\\u{202e} held",
      "  when subscriber == 'a'",
      "",
      "line 18: late (deny) was not asked: an earlier rule had ended it",
      "",
      'not answered (timeout), and taken as 0.5: signal("toxicity", "官方 \\u{202e}")',
      "",
      '→ Denied with code 120002, by the rule "impersonation".',
      "",
    ].join("\n"),
  );
  expect(stdout).toMatch(/^verdict +deny 120002$/m);
  expect(JSON.parse((await run("decisions", "explain", "d-1", "--json")).stdout)).toMatchObject({ decision: { decisionId: "d-1" } });
});

test("--json is the protobuf JSON of the message", async () => {
  const { run } = await rpcServer({ decisions: [denied], accounts: [account], events: [changed] });
  expect(JSON.parse((await run("decisions", "get", "d-1", "--json")).stdout)).toEqual(toJson(DecisionSchema, denied));
  expect(JSON.parse((await run("accounts", "list", "--json")).stdout)).toEqual(toJson(AccountSchema, account));
  expect(JSON.parse((await run("accounts", "get", "@TOA#_a", "--app", "1400000000", "--json")).stdout)).toEqual({
    account: toJson(AccountSchema, account),
    events: [toJson(EventSchema, changed)],
  });
});

test("accounts get names the first subscribers of an event, and how many there are besides", async () => {
  const event = (kind: "subscribersAdded" | "subscribersRemoved", subscribers: string[]) =>
    create(EventSchema, {
      appId: 1400000000,
      receiveTime: time,
      event: { case: kind, value: { accountId: "@TOA#_a", operator: "op", subscribers } },
    });
  const users = Array.from({ length: 100 }, (_, index) => `u${index}`);
  const { run } = await rpcServer({
    accounts: [account],
    events: [event("subscribersAdded", users), event("subscribersRemoved", ["u\u202e"])],
  });
  const { stdout } = await run("accounts", "get", "@TOA#_a", "--app", "1400000000");
  expect(stdout).toMatch(/ subscribers_added +op +u0, u1, u2, u3, u4 and 95 more$/m);
  expect(stdout).toMatch(/ subscribers_removed +op +u\S+$/m);
  expect(stdout).not.toContain("\u202e");
});

test("accounts list and get show the account and its events", async () => {
  const { run, asked } = await rpcServer({ accounts: [account], events: [changed] });
  const listed = await run("accounts", "list", "--owner", "107867", "--state", "live");
  expect(listed.stdout).toMatch(/^1400000000 +@TOA#_a +NewName +107867 +live \(creation not seen\) +2022-12-09T08:26:54\.123Z$/m);
  expect(asked.accounts).toMatchObject([{ appId: 0, owner: "107867", state: AccountState.LIVE }]);
  const got = await run("accounts", "get", "@TOA#_a", "--app", "1400000000");
  expect(got.stdout).toMatch(/^name +NewName +- +- +-$/m);
  expect(got.stdout).toMatch(/^2022-12-09T08:26:54\.123Z +- +account_profile_changed +leckie +name="NewName" introduction=""$/m);
});

test.each([
  [["decisions", "explain", "x"], 'gatehouse: There is no decision "x". (DECISION_NOT_FOUND)\n'],
  [["decisions", "get", "x"], 'gatehouse: There is no decision "x". (DECISION_NOT_FOUND)\n'],
  [["accounts", "get", "x", "--app", "1"], "gatehouse: No event has spoken of this account. (ACCOUNT_NOT_FOUND)\n"],
])("%j says what the server says and ends with 1", async (args, message) => {
  const { run } = await rpcServer();
  expect(await run(...args)).toEqual({ code: 1, stdout: "", stderr: message });
});

test("a server that is something else is said to be so", async () => {
  const server = await listen((_request, response) => response.writeHead(404, { "content-type": "text/html" }).end("<html>"));
  const { code, stderr } = await gatehouse(["lists", "show", "x", "--server", server]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^gatehouse: http:\/\/127\.0\.0\.1:\d+ does not answer as Gatehouse's api listener does: .*\n$/);
});

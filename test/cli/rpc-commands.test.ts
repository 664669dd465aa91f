// `gatehouse decisions`, `accounts` and `lists` against a Connect server with a few things in memory.
import { create, toJson } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { AccountSchema, AccountService, AccountState, type ListAccountsRequest } from "../../gen/gatehouse/v1/account_service_pb.ts";
import { DecisionSchema, Effect, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { DecisionService, type ListDecisionsRequest } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { EventSchema } from "../../gen/gatehouse/v1/event_pb.ts";
import { ListService } from "../../gen/gatehouse/v1/list_service_pb.ts";
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
});

const partly = create(DecisionSchema, {
  decisionId: "d-2",
  appId: 1400000001,
  decideTime: time,
  action: { case: "addSubscribers", value: { accountId: "@TOA#_a", operator: "107867", subscribers: ["jared", "leckie"] } },
  verdict: Verdict.ALLOW,
  refused: [{ subscriber: "jared", rule: "banned-subscriber", message: "banned" }],
  matches: [{ rule: "banned-subscriber", effect: Effect.REFUSE, subscriber: "jared" }],
  degraded: true,
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
  const lists = new Map([["banned_users", new Map<string, string>()]]);
  const asked: { decisions: ListDecisionsRequest[]; accounts: ListAccountsRequest[] } = { decisions: [], accounts: [] };
  function find(name: string): Map<string, string> {
    const list = lists.get(name);
    if (list === undefined) throw failure(Code.NotFound, "LIST_NOT_FOUND", `There is no list "${name}".`);
    return list;
  }
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
        router.service(ListService, {
          addEntries({ list, entries }) {
            const found = find(list);
            if (entries.some((entry) => entry.value === "")) {
              throw failure(Code.InvalidArgument, "INVALID_REQUEST", "The request is not valid.", {
                "entries[0].value": "must not be empty",
              });
            }
            const before = found.size;
            for (const { value, reason } of entries) found.set(value, reason);
            return { addedCount: found.size - before };
          },
          removeEntries({ list, values }) {
            const found = find(list);
            return { removedCount: values.filter((value) => found.delete(value)).length };
          },
          listEntries(request) {
            const all = [...find(request.list)].sort(([a], [b]) => (a < b ? -1 : 1));
            const { items, nextPageToken } = pageOf(all, request);
            return { entries: items.map(([value, reason]) => ({ value, reason, createTime: time })), nextPageToken };
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
  const filters = ["--app", "7", "--account", "@TOA#_a", "--user", "jared", "--verdict", "deny", "--limit", "5", "--page-token", "9"];
  expect(await run("decisions", "list", ...filters)).toEqual({ code: 0, stdout: "No decisions.\n", stderr: "" });
  expect(asked.decisions).toMatchObject([
    { appId: 7, accountId: "@TOA#_a", user: "jared", verdict: Verdict.DENY, pageSize: 5, pageToken: "9" },
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
  const second = await run("decisions", "get", "d-2");
  expect(second.stdout).toMatch(/^subscribers +jared, leckie$/m);
  expect(second.stdout).toMatch(/^jared +banned-subscriber +banned$/m);
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

test("accounts list and get show the account and its events", async () => {
  const { run, asked } = await rpcServer({ accounts: [account], events: [changed] });
  const listed = await run("accounts", "list", "--owner", "107867", "--state", "live");
  expect(listed.stdout).toMatch(/^1400000000 +@TOA#_a +NewName +107867 +live \(creation not seen\) +2022-12-09T08:26:54\.123Z$/m);
  expect(asked.accounts).toMatchObject([{ appId: 0, owner: "107867", state: AccountState.LIVE }]);
  const got = await run("accounts", "get", "@TOA#_a", "--app", "1400000000");
  expect(got.stdout).toMatch(/^name +NewName$/m);
  expect(got.stdout).toMatch(/^2022-12-09T08:26:54\.123Z +- +account_profile_changed +leckie +name="NewName" introduction=""$/m);
});

test("lists are edited and shown", async () => {
  const { run } = await rpcServer();
  expect((await run("lists", "show", "banned_users")).stdout).toBe("banned_users is empty.\n");
  expect((await run("lists", "add", "banned_users", "jared", "leckie", "--reason", "spam")).stdout).toBe("Added 2 to banned_users.\n");
  expect((await run("lists", "add", "banned_users", "jared", "penn")).stdout).toBe("Added 1 to banned_users; 1 there before.\n");
  const { stdout } = await run("lists", "show", "banned_users");
  expect(stdout).toBe(
    [
      "VALUE   REASON  ADDED",
      "jared   -       2022-12-09T08:26:54.123Z",
      "leckie  spam    2022-12-09T08:26:54.123Z",
      "penn    -       2022-12-09T08:26:54.123Z",
      "",
    ].join("\n"),
  );
  expect((await run("lists", "remove", "banned_users", "jared", "nobody")).stdout).toBe("Removed 1 from banned_users; 1 not on it.\n");
  expect((await run("lists", "remove", "banned_users", "penn", "--json")).stdout).toBe('{"removedCount":1}\n');
});

test("an edit of more values than one call may carry is made in several", async () => {
  const { run } = await rpcServer();
  const values = Array.from({ length: 2500 }, (_, index) => `u${index}`);
  expect((await run("lists", "add", "banned_users", ...values, "--json")).stdout).toBe('{"addedCount":2500}\n');
  const { stdout, stderr } = await run("lists", "show", "banned_users", "--json", "--limit", "2500");
  expect(stdout.trimEnd().split("\n")).toHaveLength(2500);
  expect(stderr).toBe("");
});

test.each([
  [["lists", "show", "nobody"], 'gatehouse: There is no list "nobody". (LIST_NOT_FOUND)\n'],
  [["decisions", "get", "x"], 'gatehouse: There is no decision "x". (DECISION_NOT_FOUND)\n'],
  [["accounts", "get", "x", "--app", "1"], "gatehouse: No event has spoken of this account. (ACCOUNT_NOT_FOUND)\n"],
  [["lists", "add", "banned_users", ""], "gatehouse: The request is not valid. (INVALID_REQUEST)\n  entries[0].value: must not be empty\n"],
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

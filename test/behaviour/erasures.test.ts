// What callers see of erasing a user, through every door, and that nothing of the id is left.
import { createClient } from "@connectrpc/connect";
import { describe, expect, it, vi } from "vitest";
import { AccountService } from "../../gen/gatehouse/v1/account_service_pb.ts";
import { AuditService } from "../../gen/gatehouse/v1/audit_service_pb.ts";
import { DecisionService } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { ErasureService } from "../../gen/gatehouse/v1/erasure_service_pb.ts";
import { ListService } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { gatehouse } from "../cli/harness.ts";
import { isKept } from "../database-from-outside.ts";
import { startGatehouse, type TestGatehouse, testApp } from "../gatehouse.ts";
import { rpcTransports } from "./doors.ts";
import { failureOf } from "./reason-of.ts";

const user = "u-quuxly";
const policy = `name: erased
lists:
  banned: { kind: exact }
default: { create_account: allow, add_subscribers: allow }
rules:
  - { id: often, on: [create_account], when: 'rate("create_account", owner, duration("1h")) >= 1 && liveAccounts(owner) >= 1', then: { deny: { code: 120002, message: "Not you, {owner}." } } }
  - { id: banned, on: [add_subscribers], when: 'inList(subscriber, "banned")', then: { refuse: { message: "{subscriber} is banned" } } }
`;

/** Lets a user do something of everything. */
async function act({ post, server }: TestGatehouse): Promise<void> {
  await createClient(ListService, server.localDoor).addEntries({ list: "banned", entries: [{ value: user, reason: `${user} again` }] });
  const creation = { Operator_Account: user, Owner_Account: user, Name: "News" };
  await post("OfficialAccount.CallbackBeforeCreateOfficialAccount", creation);
  await post("OfficialAccount.CallbackAfterCreateOfficialAccount", { ...creation, Official_Account: "@a", EventTime: 1 });
  await post("OfficialAccount.CallbackBeforeCreateOfficialAccount", creation);
  const SubscribeAccountList = [{ Subscriber_Account: user }, { Subscriber_Account: "t" }];
  const subscription = { Official_Account: "@a", Operator_Account: "op", SubscribeAccountList };
  await post("OfficialAccount.CallbackBeforeAddSubscriber", subscription);
  await post("OfficialAccount.CallbackAfterAddSubscriber", { ...subscription, EventTime: 2 });
}

/** Erases, and waits for the end. */
async function erase(service: TestGatehouse, request: object, door = service.server.localDoor) {
  const client = createClient(ErasureService, door);
  const { erasure, lists } = await client.eraseUser({ appId: testApp, user, ...request });
  const erasureId = erasure?.erasureId ?? "";
  await vi.waitFor(async () => expect((await client.getErasure({ erasureId })).erasure?.endTime).toBeDefined(), 10_000);
  return { lists, erasure: (await client.getErasure({ erasureId })).erasure };
}

describe.each(Object.entries(rpcTransports))("through %s", (_name, transport) => {
  it("a user becomes a pseudonym, and counts stay", async () => {
    await using service = await startGatehouse({ policy });
    await act(service);
    const door = transport(service);
    const preview = await erase(service, { preview: true }, door);
    const { erasure, lists } = await erase(service, { reason: `asked by ${user}` }, door);
    const pseudonym = erasure?.pseudonym ?? "";
    expect(pseudonym).toMatch(/^erased-[0-9a-f]{12}$/);
    expect(lists).toEqual(["banned"]);
    const counts = (found = erasure?.found ?? []) => Object.fromEntries(found.map(({ place, count }) => [place, Number(count)]));
    expect(counts()).toMatchObject({ decisions: 3, events: 2, accounts: 1, subscriptions: 1, subscription_counts: 1 });
    const { audit_entries: _own, ...others } = counts();
    expect(counts(preview.erasure?.found)).toMatchObject(others);

    const { account } = await createClient(AccountService, door).getAccount({ appId: testApp, accountId: "@a" });
    expect(account?.owner).toBe(pseudonym);
    const decisions = createClient(DecisionService, door);
    expect((await decisions.listDecisions({ user })).decisions).toEqual([]);
    const { decisions: kept } = await decisions.listDecisions({ user: pseudonym });
    expect(kept.map(({ message }) => message)).toEqual([`Not you, ${pseudonym}.`, ""]);
    const { audits } = { audits: (await createClient(AuditService, door).listAuditEntries({})).entries };
    expect(JSON.stringify(audits.map(({ requestJson, beforeJson, afterJson }) => [requestJson, beforeJson, afterJson]))).not.toContain(
      user,
    );
    expect((await failureOf(createClient(ErasureService, door).getErasure({ erasureId: "era-000000000099" }))).reason).toBe(
      "ERASURE_NOT_FOUND",
    );
    const unknownApp = createClient(ErasureService, door).eraseUser({ appId: 7, user });
    expect((await failureOf(unknownApp)).reason).toBe("UNKNOWN_APP");
  });
});

// PostgreSQL keeps what was overwritten in its files until its vacuum: there it is the rows that are looked through.
it("leaves nothing of the id in what is kept, with lists, after the service has stopped", async () => {
  const service = await startGatehouse({ policy });
  await act(service);
  await erase(service, { withLists: true, reason: user });
  const { entries } = await createClient(ListService, service.server.localDoor).listEntries({ list: "banned" });
  expect(entries).toEqual([]);
  expect(service.log.join("")).toContain("an erasure has ended");
  await service.server.stop(0);
  expect(await isKept(service.folder, user)).toBe(false);
  expect(await isKept(service.folder, "erased-")).toBe(true);
  expect(service.log.join("")).not.toContain(user);
});

it("goes on with an erasure that a stop has interrupted", async () => {
  const first = await startGatehouse({ policy });
  await act(first);
  const { erasure } = await createClient(ErasureService, first.server.localDoor).eraseUser({ user });
  await first.server.stop(0);
  await using second = await startGatehouse({ policy, folder: first.folder });
  const client = createClient(ErasureService, second.server.localDoor);
  const read = async () => (await client.getErasure({ erasureId: erasure?.erasureId ?? "" })).erasure;
  await vi.waitFor(async () => expect((await read())?.endTime).toBeDefined(), 10_000);
  const { decisions } = await createClient(DecisionService, second.server.localDoor).listDecisions({ user: erasure?.pseudonym ?? "" });
  expect(decisions).toHaveLength(2);
});

it("is a command that counts, erases, waits, and shows what an erasure did", async () => {
  await using service = await startGatehouse({ policy });
  await act(service);
  const run = (...args: string[]) => gatehouse(["erase", ...args, "--server", service.apiUrl]);
  const counted = await run("--user", user, "--dry-run");
  expect(counted).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^PLACE +ROWS\ndecisions +3\n[\s\S]*Would be erased-\w{12} in these places/),
  });
  expect(counted.stderr).toContain("gatehouse: stays on these lists without --lists: banned\n");
  const erased = await run("--user", user, "--app", String(testApp), "--lists", "--json");
  expect(erased).toMatchObject({ code: 0, stderr: expect.stringContaining("on these lists: banned") });
  const { erasureId, pseudonym } = JSON.parse(erased.stdout);
  const shown = await run("--show", erasureId);
  expect(shown).toMatchObject({ code: 0, stdout: expect.stringContaining(`Is ${pseudonym} in these places (${erasureId}).\n`) });
  const again = await run("--user", user, "--app", String(testApp));
  expect(again.stdout).toMatch(/^PLACE +ROWS\naudit_entries +1\nIs erased-/);
});

it("is a command that asks for sensible flags", async () => {
  expect(await gatehouse(["erase"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("erase needs --user U, or --show ERASURE_ID."),
  });
  expect(await gatehouse(["erase", "--user", "a", "--show", "b"])).toMatchObject({ code: 2, stderr: expect.stringContaining("not both") });
});

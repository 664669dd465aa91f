// What the service promises of the feed: one order for everything, through every RPC door, under concurrency and broken connections.
import { create, toJsonString } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { describe, expect, it } from "vitest";
import { CaseKind, CaseState } from "../../gen/gatehouse/v1/case_service_pb.ts";
import {
  type Change,
  ChangeKind,
  ChangeSchema,
  FeedService,
  FeedStart,
  type WatchChangesResponse,
} from "../../gen/gatehouse/v1/feed_service_pb.ts";
import { ListChange, ListService } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { PolicyPointer, PolicyService } from "../../gen/gatehouse/v1/policy_service_pb.ts";
import { startGatehouse, type TestGatehouse, testApp } from "../gatehouse.ts";
import { requestOf, rpcTransports } from "./doors.ts";
import { failureOf } from "./reason-of.ts";

const policy = `name: feed
lists:
  staff: { kind: exact }
`;

const beforeCreate = "OfficialAccount.CallbackBeforeCreateOfficialAccount";
const afterCreate = "OfficialAccount.CallbackAfterCreateOfficialAccount";

type Feed = Client<typeof FeedService>;

/** A watch whose messages are read one by one; closing it ends the call. */
function watch(feed: Feed, request: Parameters<Feed["watchChanges"]>[0]) {
  const caller = new AbortController();
  const messages = feed.watchChanges(request, { signal: caller.signal })[Symbol.asyncIterator]();
  return {
    async next(): Promise<WatchChangesResponse> {
      const { value, done } = await messages.next();
      if (done) throw new Error("the stream ended");
      return value;
    },
    async changes(count: number): Promise<Change[]> {
      const changes: Change[] = [];
      while (changes.length < count) {
        const { change, cursor } = await this.next();
        if (change === undefined) continue;
        expect(change.cursor).toBe(cursor);
        changes.push(change);
      }
      return changes;
    },
    async [Symbol.asyncDispose]() {
      caller.abort();
      await messages.next().catch(() => {});
    },
  };
}

/** One change of each kind, and a case because the event has no decision of its operator, beside the setting of the policy that came with the start. */
async function makeChanges(gatehouse: TestGatehouse): Promise<void> {
  await gatehouse.post(beforeCreate, { Operator_Account: "ann", Owner_Account: "ann", Name: "News" });
  await gatehouse.post(afterCreate, { Official_Account: "@a", Owner_Account: "ann", Name: "News" });
  const lists = createClient(ListService, gatehouse.server.localDoor);
  await lists.addEntries({ list: "staff", entries: [{ value: "x", reason: "why" }], author: "ann" });
  const moderation = createClient(ModerationService, gatehouse.server.localDoor);
  await moderation.decide(requestOf({ account_id: "@a", operator: "bob", subscribers: ["s"] }));
  await createClient(PolicyService, gatehouse.server.localDoor).publishPolicy({
    text: "name: trial\n",
    author: "ann",
    activate: PolicyPointer.SHADOW,
  });
}

const kindsOf = (changes: readonly Change[]) => changes.map(({ change }) => change.case);

describe.each(Object.entries(rpcTransports))("the feed through %s", (_name, transport) => {
  it("has every change once, in one order, with its cursor and what it was", async () => {
    await using gatehouse = await startGatehouse({ policy });
    const feed = createClient(FeedService, transport(gatehouse));
    await using live = watch(feed, {});
    expect(kindsOf(await live.changes(1))).toEqual(["activation"]);
    await makeChanges(gatehouse);
    const changes = await live.changes(6);
    expect(changes.map(({ change }) => change)).toMatchObject([
      { case: "decision", value: { appId: testApp, action: { case: "createAccount", value: { name: "News" } } } },
      { case: "event", value: { appId: testApp, event: { case: "accountCreated", value: { accountId: "@a" } } } },
      { case: "caseChange", value: { appId: testApp, kind: CaseKind.BYPASS, state: CaseState.OPEN, accountId: "@a", user: "ann" } },
      { case: "listEdit", value: { list: "staff", edit: { value: "x", change: ListChange.ADDED, author: "ann", reason: "why" } } },
      { case: "decision", value: { action: { case: "addSubscribers" } } },
      { case: "activation", value: { pointer: PolicyPointer.SHADOW, author: "ann" } },
    ]);
    for (const { changeTime } of changes) expect(Math.abs(Number(changeTime?.seconds) * 1000 - Date.now())).toBeLessThan(60_000);
    const listed = await feed.listChanges({});
    expect(listed.changes.slice(1)).toEqual(changes);
    expect([listed.cursor, listed.hasMore]).toEqual([changes.at(-1)?.cursor, false]);
  });

  it("begins now, goes on after a cursor, and heartbeats give one before anything happens", async () => {
    await using gatehouse = await startGatehouse({ policy });
    const feed = createClient(FeedService, transport(gatehouse));
    await using now = watch(feed, { start: FeedStart.NOW });
    const heartbeat = await now.next();
    expect(heartbeat.change).toBeUndefined();
    await makeChanges(gatehouse);
    const changes = await now.changes(6);
    expect(kindsOf(changes)).toEqual(["decision", "event", "caseChange", "listEdit", "decision", "activation"]);
    for (const [index, { cursor }] of [heartbeat, ...changes.slice(0, -1)].entries()) {
      await using again = watch(feed, { cursor });
      expect(await again.changes(1)).toEqual(changes.slice(index, index + 1));
      expect((await feed.listChanges({ cursor, pageSize: 1 })).changes).toEqual(changes.slice(index, index + 1));
    }
  });

  it("filters by app, kind and account", async () => {
    await using gatehouse = await startGatehouse({ policy });
    const feed = createClient(FeedService, transport(gatehouse));
    await makeChanges(gatehouse);
    const cases: [filter: Parameters<Feed["listChanges"]>[0]["filter"], expected: string[]][] = [
      [{ kinds: [ChangeKind.EVENT, ChangeKind.POLICY] }, ["activation", "event", "activation"]],
      [{ kinds: [ChangeKind.LIST_EDIT] }, ["listEdit"]],
      [{ appId: testApp }, ["activation", "decision", "event", "caseChange", "listEdit", "decision", "activation"]],
      [{ appId: 1 }, ["activation", "listEdit", "activation"]],
      [{ accountId: "@a" }, ["event", "caseChange", "decision"]],
      [{ kinds: [ChangeKind.CASE], accountId: "@a", appId: testApp }, ["caseChange"]],
      [{ accountId: "@A" }, []],
      [{ accountId: "@a", kinds: [ChangeKind.DECISION], appId: testApp }, ["decision"]],
    ];
    for (const [filter, expected] of cases) {
      expect(kindsOf((await feed.listChanges({ filter })).changes)).toEqual(expected);
      await using watched = watch(feed, { filter });
      expect(kindsOf(await watched.changes(expected.length))).toEqual(expected);
    }
  });

  it("refuses wrong cursors and filters", async () => {
    await using gatehouse = await startGatehouse({ policy });
    const feed = createClient(FeedService, transport(gatehouse));
    const wrong: [request: Parameters<Feed["watchChanges"]>[0], reason: string][] = [
      [{ cursor: "nonsense" }, "INVALID_CURSOR"],
      [{ cursor: Buffer.from("v1.999999").toString("base64url") }, "INVALID_CURSOR"],
      [{ cursor: "x".repeat(201) }, "INVALID_REQUEST"],
      [{ start: 9 as FeedStart }, "INVALID_REQUEST"],
      [{ filter: { kinds: [ChangeKind.UNSPECIFIED] } }, "INVALID_REQUEST"],
      [{ filter: { accountId: "a".repeat(49) } }, "INVALID_REQUEST"],
    ];
    for (const [request, reason] of wrong) {
      expect((await failureOf(feed.listChanges(request as object))).reason).toBe(reason);
      await using watched = watch(feed, request);
      expect((await failureOf(watched.next())).reason).toBe(reason);
    }
  });

  it("ends every watch with SHUTTING_DOWN when the service stops, which waits for none", async () => {
    await using gatehouse = await startGatehouse({ policy });
    const feed = createClient(FeedService, transport(gatehouse));
    const watches = Array.from({ length: 3 }, () => watch(feed, { start: FeedStart.NOW }));
    for (const watched of watches) await watched.next();
    const failures = watches.map((watched) => failureOf(watched.next()));
    const beginMs = performance.now();
    const stopped = gatehouse.server.stop(15_000);
    for (const failure of await Promise.all(failures)) expect(failure.reason).toBe("SHUTTING_DOWN");
    await stopped;
    expect(performance.now() - beginMs).toBeLessThan(10_000);
  });
});

/** More of them can be asked for by hand. */
const writeCount = Number(process.env.FEED_TEST_CHANGES ?? 4000);
/** Every fourth is a creation that nobody had asked about, which opens a case. */
const changeCount = writeCount + Math.floor((writeCount + 2) / 4);

it("gives every change exactly once, in one order, to consumers that are killed and resumed while clients write", async () => {
  await using gatehouse = await startGatehouse({ policy });
  const transports = Object.values(rpcTransports).map((transport) => transport(gatehouse));
  const [, first, second] = await Promise.all([write(gatehouse, writeCount), consume(0), consume(2)]);

  const all: string[] = [];
  const feed = createClient(FeedService, gatehouse.server.localDoor);
  for (let cursor = "", hasMore = true; hasMore; ) {
    const page = await feed.listChanges({ cursor, pageSize: 1000 });
    all.push(...page.changes.map(textOf));
    ({ cursor, hasMore } = page);
  }
  expect(all).toHaveLength(changeCount + 1);
  expect(new Set(all).size).toBe(all.length);
  expect(first.seen.length).toBe(all.length);
  // Compared as a whole: a list of thousands in a failure says nothing.
  expect([first.seen.join() === all.join(), second.seen.join() === all.join()]).toEqual([true, true]);
  expect(Math.min(first.kills, second.kills)).toBeGreaterThan(5);

  /** Reads from the beginning until it has as many as are written, and leaves at random, in ever other ways and through ever other doors. */
  async function consume(offset: number): Promise<{ seen: string[]; kills: number }> {
    const seen: string[] = [];
    let cursor = "";
    let kills = 0;
    for (; seen.length <= changeCount; kills++) {
      const transport = transports[(kills + offset) % transports.length] ?? gatehouse.server.localDoor;
      const caller = new AbortController();
      const lifetime = Math.floor(Math.random() * (changeCount / 10));
      let taken = 0;
      try {
        for await (const message of createClient(FeedService, transport).watchChanges({ cursor }, { signal: caller.signal })) {
          if (message.change !== undefined) seen.push(textOf(message.change));
          cursor = message.cursor;
          if (seen.length > changeCount) break;
          if (++taken < lifetime) continue;
          if (kills % 2 === 0) break;
          caller.abort();
        }
      } catch (error) {
        if (!caller.signal.aborted) throw error;
      } finally {
        caller.abort();
      }
    }
    return { seen, kills };
  }
}, 600_000);

const textOf = (change: Change) => toJsonString(ChangeSchema, create(ChangeSchema, change));

/** Makes so many changes by webhooks, gRPC and edits of lists, all at the same time. */
async function write(gatehouse: TestGatehouse, count: number): Promise<void> {
  const moderation = createClient(ModerationService, createGrpcTransport({ baseUrl: `http://127.0.0.1:${gatehouse.server.grpc.port}` }));
  const lists = createClient(ListService, createConnectTransport({ baseUrl: gatehouse.apiUrl, httpVersion: "1.1" }));
  const change: ((n: number) => Promise<unknown>)[] = [
    (n) => gatehouse.post(beforeCreate, { Operator_Account: "ann", Owner_Account: "ann", Name: `w${n}` }),
    (n) => gatehouse.post(afterCreate, { Official_Account: `@a${n}`, Owner_Account: "ann", Name: `w${n}` }),
    (n) => moderation.decide(requestOf({ operator: "bob", owner: "bob", name: `g${n}` })),
    (n) => lists.addEntries({ list: "staff", entries: [{ value: `x${n}` }], author: "ann" }),
  ];
  let n = 0;
  const client = async () => {
    while (n < count) {
      const mine = n++;
      await change[mine % change.length]?.(mine);
    }
  };
  await Promise.all(Array.from({ length: 24 }, client));
}

// What the contract says of the registry of accounts: what events make, where it came from, what it was before, and how it is searched.
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AccountRevisionKind, AccountSourcesSchema, AccountState } from "../../../gen/gatehouse/v1/account_service_pb.ts";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import type { Event } from "../../../gen/gatehouse/v1/event_pb.ts";
import type { AccountFilter, Store } from "../../../src/storage/storage.ts";
import { normalize } from "../../../src/text/normalize.ts";
import { deliverTo, shuffledDeliveries } from "../deliveries.ts";
import { registryOf } from "../registry.ts";
import { appId, baseMs, changedEvent, confusableIds, createdEvent, destroyedEvent, maxAppId, subscribersEvent } from "../samples.ts";
import { appendEvent, eachWithStore, expectMalformedPositionsRefused, expectReason, type OpenStore, walk } from "./opened-store.ts";

const all = { size: 1000 };

export function accountsConformance(open: OpenStore): void {
  describe("accounts", () => {
    const current = eachWithStore(open);

    it("are what the events say, each value with the event that it came from", async () => {
      const { store } = current();
      const created = await append(store, by("op", createdEvent("a", baseMs, { owner: "ann", name: "News" })));
      const changed = await append(store, by("bob", changedEvent("a", baseMs + 2, { introduction: "Hello", faceUrl: "https://x/y" })));
      const untimed = await append(store, changedEvent("a", undefined, { organization: "Org" }));
      const renamed = await append(store, changedEvent("a", baseMs + 1, { name: "Newer", introduction: "is older" }));
      const receiveTime = timestampFromMs(baseMs);
      const source = (eventId: string, timeMs: number, operator = "") => ({
        eventId,
        eventTime: timestampFromMs(timeMs),
        receiveTime,
        operator,
        arrivalOrdered: false,
      });
      expect(await store.getAccount(appId, "a")).toMatchObject({
        appId,
        accountId: "a",
        owner: "ann",
        name: "Newer",
        introduction: "Hello",
        faceUrl: "https://x/y",
        organization: "Org",
        state: AccountState.LIVE,
        partial: false,
        revision: 4,
        sources: {
          owner: source(created, baseMs, "op"),
          state: source(created, baseMs, "op"),
          name: source(renamed, baseMs + 1),
          introduction: source(changed, baseMs + 2, "bob"),
          faceUrl: source(changed, baseMs + 2, "bob"),
          organization: { eventId: untimed, receiveTime, arrivalOrdered: true },
        },
      });
      expect((await store.getAccount(appId, "a"))?.sources?.organization?.eventTime).toBeUndefined();
      const [listed] = (await store.listAccounts({ appId }, all)).items;
      expect(listed).toEqual({ ...(await store.getAccount(appId, "a")), sources: undefined });
    });

    it("have no source for what no event has said, and no revision when only their subscribers are known", async () => {
      const { store } = current();
      await append(store, subscribersEvent("added", "a", baseMs, ["s"]));
      const account = await store.getAccount(appId, "a");
      expect(account).toMatchObject({ state: AccountState.LIVE, partial: true, revision: 0 });
      expect(account?.sources).toEqual(create(AccountSourcesSchema));
      expect(await store.listAccountRevisions(appId, "a", all)).toEqual({ items: [] });
      await append(store, changedEvent("a", baseMs, { name: "" }));
      expect((await store.getAccount(appId, "a"))?.sources?.name).toBeDefined();
      expect((await store.listAccountRevisions(appId, "a", all)).items).toMatchObject([{ revision: 1, changes: [] }]);
      await append(store, destroyedEvent("a", baseMs + 1));
      const [, destroyed] = (await store.listAccountRevisions(appId, "a", all)).items;
      expect(destroyed?.changes).toMatchObject([{ field: "state", from: "", to: "destroyed" }]);
    });

    it("order events without a time by arrival", async () => {
      const { store } = current();
      const at = (ms: number, name: string) => ({ ...changedEvent("a", undefined, { name }), receiveTime: timestampFromMs(ms) });
      await append(store, createdEvent("a", baseMs, { name: "one" }));
      await append(store, at(baseMs + 20, "three"));
      await append(store, at(baseMs + 10, "two"));
      expect((await store.getAccount(appId, "a"))?.name).toBe("three");
      const revisions = (await store.listAccountRevisions(appId, "a", all)).items;
      expect(revisions.map(({ account, source }) => [account?.name, source?.arrivalOrdered])).toEqual([
        ["one", false],
        ["two", true],
        ["three", true],
      ]);
    });

    it("end byte for byte in the same, with their sources, revisions and facts, for any order and number of deliveries, also overlapping", async () => {
      const { store } = current();
      let run = 0;
      await fc.assert(
        fc.asyncProperty(shuffledDeliveries(30), fc.boolean(), async ({ events, deliveries }, overlapping) => {
          // Each run has two apps of its own, so that it begins with nothing.
          run += 1;
          const [inOrder, shuffled] = [2 * run, 2 * run + 1];
          for (const event of events) await deliverTo(store, inOrder, event);
          if (overlapping) await Promise.all(deliveries.map((event) => deliverTo(store, shuffled, event)));
          else for (const event of deliveries) await deliverTo(store, shuffled, event);
          expect(await registryOf(store, shuffled, baseMs)).toBe(await registryOf(store, inOrder, baseMs));
        }),
        { numRuns: 60 },
      );
    });

    it("have a current revision that is the last of their revisions and says what they are", async () => {
      const { store } = current();
      let run = 0;
      await fc.assert(
        fc.asyncProperty(shuffledDeliveries(20), async ({ deliveries }) => {
          run += 1;
          for (const event of deliveries) await deliverTo(store, run, event);
          for (const account of (await store.listAccounts({ appId: run }, all)).items) {
            const { items } = await store.listAccountRevisions(run, account.accountId, all);
            expect(items.map(({ revision }) => revision)).toEqual(items.map((_, index) => index + 1));
            expect(account.revision).toBe(items.length);
            const { owner, name, introduction, faceUrl, organization, state } = account;
            const { owner: o, name: n, introduction: i, faceUrl: f, organization: g, state: s } = items.at(-1)?.account ?? account;
            expect([o, n, i, f, g, s]).toEqual([owner, name, introduction, faceUrl, organization, state]);
          }
        }),
        { numRuns: 40 },
      );
    });
  });

  describe("revisions", () => {
    const current = eachWithStore(open);

    it("tell what each event changed, in the order in which things happened", async () => {
      const { store } = current();
      await append(store, destroyedEvent("a", baseMs + 9, { owner: "ann", name: "Newer" }));
      await append(store, by("bob", changedEvent("a", baseMs + 5, { name: "Newer", introduction: "Hello" })));
      await append(store, changedEvent("a", baseMs + 6, { name: "Newer" }));
      const created = await append(store, by("op", createdEvent("a", baseMs, { owner: "ann", name: "News" })));
      const { items } = await store.listAccountRevisions(appId, "a", all);
      expect(items).toMatchObject([
        {
          revision: 1,
          kind: AccountRevisionKind.CREATED,
          source: { eventId: created, eventTime: timestampFromMs(baseMs), operator: "op", arrivalOrdered: false },
          changes: [
            { field: "owner", from: "", to: "ann" },
            { field: "name", from: "", to: "News" },
            { field: "state", from: "", to: "live" },
          ],
          account: { appId, accountId: "a", owner: "ann", name: "News", introduction: "", state: AccountState.LIVE, revision: 1 },
        },
        {
          revision: 2,
          kind: AccountRevisionKind.PROFILE_CHANGED,
          source: { operator: "bob" },
          changes: [
            { field: "name", from: "News", to: "Newer" },
            { field: "introduction", from: "", to: "Hello" },
          ],
        },
        {
          revision: 3,
          kind: AccountRevisionKind.DESTROYED,
          source: { operator: "" },
          changes: [{ field: "state", from: "live", to: "destroyed" }],
          account: { name: "Newer", introduction: "Hello", state: AccountState.DESTROYED },
        },
      ]);
      expect(items).toHaveLength(3);
    });

    it("count on when a delayed event takes its place among them", async () => {
      const { store } = current();
      await append(store, createdEvent("a", baseMs, { name: "x" }));
      await append(store, changedEvent("a", baseMs + 3, { name: "x" }));
      expect((await store.getAccount(appId, "a"))?.revision).toBe(1);
      await append(store, changedEvent("a", baseMs + 2, { name: "y" }));
      // The later change to "x" is a revision from now on, too.
      expect(await store.getAccount(appId, "a")).toMatchObject({ name: "x", revision: 3 });
      const { items } = await store.listAccountRevisions(appId, "a", all);
      expect(items.map(({ account }) => account?.name)).toEqual(["x", "y", "x"]);
    });

    it("are met exactly once in pages, also when an event takes its place before the next page, and of one account of one app only", async () => {
      const { store } = current();
      for (let i = 0; i < 8; i++) await append(store, changedEvent("a", baseMs + 2 * i, { name: `n${i}` }));
      await append(store, { ...changedEvent("a", baseMs, { name: "other" }), appId: maxAppId });
      await append(store, changedEvent("A", baseMs, { name: "other" }));
      const names = Array.from({ length: 8 }, (_, i) => `n${i}`);
      for (const size of [1, 3, 1000]) {
        const walked = await walk((page) => store.listAccountRevisions(appId, "a", page), size);
        expect(walked.map(({ account }) => account?.name)).toEqual(names);
      }
      const first = await store.listAccountRevisions(appId, "a", { size: 4 });
      await append(store, changedEvent("a", baseMs + 1, { name: "late" }));
      const rest = await walk((page) => store.listAccountRevisions(appId, "a", { after: first.next ?? "", ...page }), 4);
      expect([...first.items, ...rest].map(({ account }) => account?.name)).toEqual(names);
    });

    it("are not listed after a position that the store cannot have given", async () => {
      const { store } = current();
      await append(store, createdEvent("a", baseMs));
      await expectMalformedPositionsRefused((page) => store.listAccountRevisions(appId, "a", page));
    });
  });

  describe("a search for accounts", () => {
    const current = eachWithStore(open);

    it("finds by every filter, in order, in pages that meet each exactly once", async () => {
      const { store } = current();
      const accounts = searched();
      await Promise.all(
        accounts.map(async ({ app, accountId, owner, name, state, timeMs }) => {
          await append(store, { ...createdEvent(accountId, timeMs === undefined ? undefined : timeMs - 1, { owner, name }), appId: app });
          const last =
            state === AccountState.DESTROYED ? destroyedEvent(accountId, timeMs) : subscribersEvent("added", accountId, timeMs, ["s"]);
          await append(store, { ...last, appId: app });
        }),
      );
      for (const filter of filters()) {
        const expected = accounts.filter((account) => passes(account, filter)).sort(orderOf(filter));
        for (const size of [1, 7, 1000]) {
          const listed = await walk((page) => store.listAccounts(filter, page), size);
          expect(
            listed.map((account) => [account.appId, account.accountId]),
            JSON.stringify(filter),
          ).toEqual(expected.map(({ app, accountId }) => [app, accountId]));
        }
      }
    });

    it("is not gone on with after a position that the store cannot have given", async () => {
      const { store } = current();
      await append(store, createdEvent("a", baseMs));
      await append(store, createdEvent("b", baseMs));
      for (const filter of [{}, { namePrefix: "N" }, { lastEventFromMs: 0 }]) {
        await expectMalformedPositionsRefused((page) => store.listAccounts(filter, page));
        const { next = "" } = await store.listAccounts(filter, { size: 1 });
        await expectReason(
          () => store.listAccounts({ ...filter, appId: appId + 1 }, { size: 1, after: next }),
          ErrorReason.INVALID_PAGE_TOKEN,
        );
      }
      const { next = "" } = await store.listAccounts({}, { size: 1 });
      await expectReason(() => store.listAccounts({ namePrefix: "N" }, { size: 1, after: next }), ErrorReason.INVALID_PAGE_TOKEN);
      const { next: named = "" } = await store.listAccounts({ namePrefix: "N" }, { size: 1 });
      for (const filter of [{}, { namePrefix: "X" }, { lastEventFromMs: 0 }]) {
        await expectReason(() => store.listAccounts(filter, { size: 1, after: named }), ErrorReason.INVALID_PAGE_TOKEN);
      }
    });
  });
}

interface Searched {
  app: number;
  accountId: string;
  owner: string;
  name: string;
  state: AccountState;
  /** When its last event was; undefined when no event had a time. */
  timeMs: number | undefined;
}

/** In three apps an account of each confusable id, with all that can be asked in several combinations. */
function searched(): Searched[] {
  const names = ["News", "news", "NEWS 1", "Ｎews", "N", "", "%", "不", "\u{10ffff}x", 'N"\u0001'];
  return [maxAppId, 9, 10].flatMap((app) =>
    confusableIds.map((accountId, index) => ({
      app,
      accountId,
      owner: ["ann", "Ann", "ann "][index % 3] ?? "",
      name: names[(index + app) % names.length] ?? "",
      state: index % 2 === 0 ? AccountState.LIVE : AccountState.DESTROYED,
      timeMs: index % 5 === 0 ? undefined : baseMs + (index % 4),
    })),
  );
}

function filters(): AccountFilter[] {
  const parts: AccountFilter[][] = [
    [{}, { appId: 9 }, { appId: 7 }],
    [{}, { owner: "ann" }, { owner: "ANN" }],
    [{}, { state: AccountState.LIVE }, { state: AccountState.DESTROYED }],
    [{}, { namePrefix: "N" }, { namePrefix: "\u{10ffff}" }, { namePrefix: "%" }],
    [{}, { normalizedName: "news" }, { normalizedName: "" }],
    [
      {},
      { lastEventFromMs: baseMs + 1 },
      { lastEventBeforeMs: baseMs + 3 },
      { lastEventFromMs: baseMs + 1, lastEventBeforeMs: baseMs + 2 },
    ],
  ];
  return parts.reduce((made, part) => made.flatMap((filter) => part.map((more) => ({ ...filter, ...more }))), [{}]);
}

function passes({ app, owner, name, state, timeMs }: Searched, filter: AccountFilter): boolean {
  const { lastEventFromMs, lastEventBeforeMs } = filter;
  return (
    (filter.appId ?? app) === app &&
    (filter.owner ?? owner) === owner &&
    (filter.state ?? state) === state &&
    name.startsWith(filter.namePrefix ?? "") &&
    (filter.normalizedName ?? normalize(name)) === normalize(name) &&
    (lastEventFromMs === undefined || (timeMs !== undefined && timeMs >= lastEventFromMs)) &&
    (lastEventBeforeMs === undefined || (timeMs !== undefined && timeMs < lastEventBeforeMs))
  );
}

/** As the contract says. */
function orderOf(filter: AccountFilter): (a: Searched, b: Searched) => number {
  const bytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
  const isById = filter.owner !== undefined || filter.normalizedName !== undefined;
  const isByName = !isById && filter.namePrefix !== undefined;
  const isByTime = !isById && !isByName && (filter.lastEventFromMs ?? filter.lastEventBeforeMs) !== undefined;
  return (a, b) =>
    a.app - b.app ||
    (isByName ? bytes(a.name, b.name) : 0) ||
    (isByTime ? (a.timeMs ?? 0) - (b.timeMs ?? 0) : 0) ||
    bytes(a.accountId, b.accountId);
}

function by(operator: string, event: Event): Event {
  const { value } = event.event;
  if (value !== undefined && "operator" in value) value.operator = operator;
  return event;
}

async function append(store: Store, event: Event): Promise<string> {
  const { eventId, duplicate } = await appendEvent(store, event);
  expect(duplicate).toBe(false);
  return eventId;
}

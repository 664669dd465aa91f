// What the contract says of the feed.
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { Verdict } from "../../../gen/gatehouse/v1/decision_pb.ts";
import type { FeedChange, FeedFilter, Store } from "../../../src/storage/storage.ts";
import {
  appId,
  baseMs,
  changedEvent,
  confusableIds,
  createdEvent,
  listEntry,
  richDecision,
  sampleDecision,
  samplePolicy,
} from "../samples.ts";
import { append, appendAsIs, appendEvent, eachWithStore, goLive, makeLists, type OpenStore, removal } from "./opened-store.ts";

const otherApp = appId + 1;

export function feedConformance(open: OpenStore): void {
  describe("the feed", () => {
    const current = eachWithStore(open);

    it("is empty in an empty store", async () => {
      const { store } = current();
      expect(await store.readChanges(0, {}, 10)).toEqual({ changes: [], next: 0 });
      expect(await store.latestPosition()).toBe(0);
      expect(await store.earliestPosition()).toBe(0);
      expect(await store.partingBefore(0)).toBeUndefined();
    });

    it("parts from nothing while no backup was restored", async () => {
      const { store } = current();
      for (let i = 0; i < 3; i += 1) await append(store, sampleDecision());
      for (let position = 0; position <= (await store.latestPosition()); position += 1) {
        expect(await store.partingBefore(position)).toBeUndefined();
      }
    });

    it("has every decision, event, edit and activation as it was made, in the order of their commits", async () => {
      const { store } = current();
      const policy = samplePolicy("name: feed");
      await goLive(store, policy, ["staff"]);
      const decision = { ...richDecision(), decisionId: await append(store, richDecision()) };
      const event = createdEvent("a", baseMs - 9);
      event.eventId = (await appendEvent(store, event)).eventId;
      const entry = listEntry("x", "why", baseMs + 1, { author: "ann", source: "s", expireTime: timestampFromMs(baseMs + 9) });
      await store.addEntries("staff", [entry]);
      await store.removeEntries("staff", ["x"], removal);
      const cleared = { pointer: "live", version: undefined, author: "bob", reason: "gone", timeMs: baseMs + 2 } as const;
      await store.pointPolicy(cleared, []);

      const { changes, next } = await store.readChanges(0, {}, 10);
      const edits = (await store.listEdits("staff", undefined, { size: 10 }))?.items ?? [];
      expect(changes.map(({ position: _, ...change }) => change)).toEqual([
        {
          timeMs: baseMs,
          kind: "activation",
          activation: {
            pointer: "live",
            version: policy.version,
            previousVersion: undefined,
            author: "ann",
            reason: "why",
            timeMs: baseMs,
          },
        },
        { timeMs: baseMs, kind: "decision", decision },
        { timeMs: baseMs, kind: "event", event },
        { timeMs: baseMs + 1, kind: "listEdit", list: "staff", edit: edits[1] },
        { timeMs: baseMs, kind: "listEdit", list: "staff", edit: edits[0] },
        { timeMs: baseMs + 2, kind: "activation", activation: { ...cleared, previousVersion: policy.version } },
      ]);
      expect(next).toBe(changes.at(-1)?.position);
      expect(await store.latestPosition()).toBe(next);
      expect(await store.earliestPosition()).toBe(0);
      expect(await (await current().reopen()).readChanges(0, {}, 10)).toEqual({ changes, next });
    });

    it("has nothing of what changed nothing", async () => {
      const { store } = current();
      await makeLists(store, "staff");
      const event = createdEvent("a", baseMs);
      await store.addEntries("staff", [listEntry("x")]);
      await appendEvent(store, event);
      await append(store, sampleDecision({ requestId: "r" }));
      const end = await store.latestPosition();
      await store.addEntries("staff", [listEntry("x")]);
      await store.removeEntries("staff", ["y"], removal);
      await store.addEntries("nowhere", [listEntry("x")]);
      await appendEvent(store, event);
      await appendAsIs(store, sampleDecision({ requestId: "r" }));
      await makeLists(store, "staff");
      await store.publishPolicy(samplePolicy("name: only published"));
      expect(await store.latestPosition()).toBe(end);
      expect((await store.readChanges(end, {}, 10)).changes).toEqual([]);
    });

    it("has the same change whenever it is read: a decision comes without what the shadow policy said", async () => {
      const { store } = current();
      const shadow = samplePolicy("name: shadow");
      await store.publishPolicy(shadow);
      const decisionId = await append(store, sampleDecision());
      const before = await store.readChanges(0, {}, 10);
      const outcome = { verdict: Verdict.DENY, code: 1, refused: [], matches: [], policyVersion: shadow.version };
      await store.appendShadowOutcome({
        decisionId,
        version: shadow.version,
        outcome: { ...outcome, $typeName: "gatehouse.v1.ShadowOutcome" },
      });
      expect((await store.getDecision(decisionId))?.shadow).toBeDefined();
      expect(await store.readChanges(0, {}, 10)).toEqual(before);
    });

    it("is read on from any position, at most as many changes as are asked for", async () => {
      const { store } = current();
      await fill(store);
      const { changes: all } = await store.readChanges(0, {}, 1000);
      expect(all.length).toBeGreaterThan(50);
      for (const limit of [1, 7, all.length, 1000]) expect(await walk(store, {}, limit)).toEqual(all);
      for (const [index, { position }] of all.entries()) {
        expect((await store.readChanges(position, {}, 1)).changes).toEqual(all.slice(index + 1, index + 2));
      }
    });

    it("filters by kind, app and account: edits and activations belong to every app and to no account", async () => {
      const { store } = current();
      await fill(store);
      const { changes: all } = await store.readChanges(0, {}, 1000);
      const kinds: ReadonlySet<FeedChange["kind"]>[] = [
        new Set(["decision"]),
        new Set(["event", "activation"]),
        new Set(["listEdit"]),
        new Set([]),
      ];
      const filters: FeedFilter[] = [
        ...kinds.map((some) => ({ kinds: some })),
        { appId },
        { appId: otherApp },
        { appId: 1 },
        { appId, kinds: new Set(["decision", "listEdit"]) },
        ...confusableIds.slice(0, 4).flatMap((accountId) => [{ accountId }, { accountId, appId }, { accountId, appId: otherApp }]),
        { accountId: "a", kinds: new Set(["listEdit"]) },
        { accountId: "nobody" },
      ];
      for (const filter of filters) {
        const expected = all.filter((change) => passes(change, filter));
        for (const limit of [1, 5, 1000]) expect(await walk(store, filter, limit), JSON.stringify(filter)).toEqual(expected);
      }
    });

    it("tells how far it was looked through when nothing passed the filter, so that it is not looked through again", async () => {
      const { store } = current();
      await fill(store);
      const end = await store.latestPosition();
      expect(await store.readChanges(0, { accountId: "nobody" }, 10)).toEqual({ changes: [], next: end });
      expect(await store.readChanges(0, { kinds: new Set() }, 10)).toEqual({ changes: [], next: end });
      await append(store, sampleDecision());
      const { changes } = await store.readChanges(end, { appId }, 10);
      expect(changes).toHaveLength(1);
    });

    it("has nothing at the end and beyond it, and goes on from there", async () => {
      const { store } = current();
      await append(store, sampleDecision());
      const end = await store.latestPosition();
      for (const position of [end, end + 1, end + 1000, Number.MAX_SAFE_INTEGER]) {
        expect(await store.readChanges(position, {}, 10)).toEqual({ changes: [], next: position });
      }
    });

    it("never shows an earlier change later, under overlapping writes of all kinds, and calls its listeners for each", async () => {
      const { store } = current();
      await makeLists(store, "staff", "other");
      const policies = [samplePolicy("name: p0"), samplePolicy("name: p1")];
      for (const policy of policies) await store.publishPolicy(policy);
      let writing = true;
      const writers = Array.from({ length: 8 }, async (_, writer) => {
        for (let i = 0; i < 40; i++) {
          const id = `${writer}-${i}`;
          await Promise.all([
            append(store, sampleDecision({ requestId: `r${id}` })),
            appendEvent(store, createdEvent(`a${id}`, baseMs)),
            store.addEntries(writer % 2 === 0 ? "staff" : "other", [listEntry(`x${id}`), listEntry(`y${id}`)]),
          ]);
          await store.removeEntries(writer % 2 === 0 ? "staff" : "other", [`x${id}`], removal);
          const version = policies[i % 2]?.version;
          await store.pointPolicy({ pointer: "shadow", version, author: "", reason: "", timeMs: baseMs }, []);
        }
      });
      const written = Promise.all(writers).finally(() => {
        writing = false;
      });
      const reader = async (limit: number) => {
        const seen: FeedChange[] = [];
        const bell = createBell();
        const takeDown = store.onChange(bell.ring);
        for (let position = 0; ; ) {
          const mayBeLast = !writing;
          const { changes, next } = await store.readChanges(position, {}, limit);
          seen.push(...changes);
          if (next === position && mayBeLast) break;
          // Only the listener wakes it while there are writes.
          if (next === position) await bell.heard(written);
          position = next;
        }
        takeDown();
        return seen;
      };
      const seen = await Promise.all([reader(7), reader(1000)]);
      const changes = await walk(store, {}, 1000);
      for (const one of seen) expect(one.map(({ position }) => position)).toEqual(changes.map(({ position }) => position));
      expect(seen[0]).toEqual(changes);
      const counts = Object.groupBy(changes, ({ kind }) => kind);
      expect([counts.decision?.length, counts.event?.length, counts.listEdit?.length]).toEqual([320, 320, 960]);
    });

    it("calls a listener after each write, when it can be read, and not any more once it is taken down", async () => {
      const { store } = current();
      await makeLists(store, "staff");
      const bell = createBell();
      const takeDown = store.onChange(bell.ring);
      const writes = [
        () => append(store, sampleDecision()),
        () => appendEvent(store, createdEvent("a", baseMs)),
        () => store.addEntries("staff", [listEntry("x")]),
        () => goLive(store, samplePolicy("name: other")),
      ];
      for (const write of writes) {
        const end = await store.latestPosition();
        const heard = bell.heard().then(() => store.readChanges(end, {}, 10));
        await write();
        // Publishing alone wakes it too.
        while ((await store.latestPosition()) === end) await bell.heard();
        expect((await heard).next).toBeGreaterThanOrEqual(end);
        expect((await store.readChanges(end, {}, 10)).changes).toHaveLength(1);
      }
      takeDown();
      takeDown();
      const rings = bell.rings();
      await append(store, sampleDecision());
      await store.check();
      expect(bell.rings()).toBe(rings);
    });
  });
}

/** All changes that pass, by reading on and on. */
async function walk(store: Store, filter: FeedFilter, limit: number): Promise<FeedChange[]> {
  const found: FeedChange[] = [];
  const end = await store.latestPosition();
  for (let position = 0; position < end; ) {
    const { changes, next } = await store.readChanges(position, filter, limit);
    expect(changes.length).toBeLessThanOrEqual(limit);
    expect(next).toBeGreaterThan(position);
    expect(next).toBeGreaterThanOrEqual(changes.at(-1)?.position ?? 0);
    found.push(...changes);
    position = next;
  }
  return found;
}

/** Changes of every kind, of two apps and several accounts, mixed. */
async function fill(store: Store): Promise<void> {
  await makeLists(store, "staff");
  for (const accountId of confusableIds.slice(0, 4)) {
    for (const app of [appId, otherApp]) {
      await append(store, sampleDecision({ appId: app }));
      const action = { case: "addSubscribers" as const, value: { accountId, operator: "bob", subscribers: ["s"] } };
      await append(store, sampleDecision({ appId: app, action }));
      await appendEvent(store, { ...createdEvent(accountId, baseMs), appId: app });
      await appendEvent(store, { ...changedEvent(accountId, baseMs, { name: "n" }), appId: app });
      await store.addEntries("staff", [listEntry(`${accountId} ${app}`), listEntry(`${accountId} ${app} 2`)]);
    }
    await store.removeEntries("staff", [`${accountId} ${appId}`], removal);
    await goLive(store, samplePolicy(`name: ${accountId}`));
  }
}

function passes(change: FeedChange, { appId: app, accountId, kinds }: FeedFilter): boolean {
  if (kinds !== undefined && !kinds.has(change.kind)) return false;
  if (change.kind === "listEdit" || change.kind === "activation") return accountId === undefined;
  const [ofApp, about] =
    change.kind === "case"
      ? [change.case.appId, change.case.accountId]
      : change.kind === "event"
        ? [change.event.appId, change.event.event.value?.accountId]
        : [change.decision.appId, change.decision.action.case === "addSubscribers" ? change.decision.action.value.accountId : undefined];
  return (app === undefined || app === ofApp) && (accountId === undefined || accountId === about);
}

/** Counts rings, and waits for the next that has not been heard. */
function createBell() {
  let rings = 0;
  let heardRings = 0;
  let wake = () => {};
  return {
    ring() {
      rings += 1;
      wake();
    },
    async heard(orElse?: Promise<unknown>): Promise<void> {
      if (rings === heardRings) {
        const rung = new Promise<void>((resolve) => {
          wake = resolve;
        });
        await Promise.race(orElse === undefined ? [rung] : [rung, orElse]);
      }
      heardRings = rings;
    },
    rings: () => rings,
  };
}

// What the contract says of erasing users.
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { Effect, RuleMode, Verdict } from "../../../gen/gatehouse/v1/decision_pb.ts";
import type { NewErasure, Store } from "../../../src/storage/storage.ts";
import {
  appId,
  baseMs,
  createdEvent,
  listEntry,
  roomOf,
  sampleAuditEntry,
  sampleCase,
  sampleDecision,
  sampleEvent,
  subscribersEvent,
} from "../samples.ts";
import { append, appendAsIs, appendEvent, eachWithStore, factsAt, makeLists, type OpenStore } from "./opened-store.ts";

/** An id that stands in nothing by chance, and one that it is a part of. */
export const erasedUser = 'zoe"quux';
const similarUser = `${erasedUser}-2`;
const otherApp = appId + 1;

export function newErasure(init: Partial<NewErasure> = {}): NewErasure {
  return {
    appId,
    user: erasedUser,
    pseudonym: "erased-0123456789ab",
    isPreview: false,
    withLists: false,
    beginTimeMs: baseMs,
    ...init,
  };
}

/** Erases until none is under way. Results in the ids of those that have ended, in their order. */
export async function eraseAll(store: Store, nowMs = baseMs + 1): Promise<string[]> {
  const ended: string[] = [];
  while (true) {
    const step = await store.continueErasure(nowMs);
    if (step.kind === "none") return ended;
    if (step.kind === "ended") ended.push(step.erasureId);
  }
}

/** Names a user in everything that is kept of an app. */
export async function nameEverywhere(store: Store, user: string, ofApp = appId): Promise<void> {
  const of = { appId: ofApp };
  const text = `${user} may not.`;
  await append(store, {
    ...sampleDecision({
      requestId: `create-${user}-1`,
      action: { case: "createAccount", value: { operator: user, owner: user, name: "News" } },
      verdict: Verdict.DENY,
      code: 1,
      message: text,
      matches: [{ rule: "r", effect: Effect.DENY, mode: RuleMode.ENFORCE, message: text, subscriber: user }],
      facts: [{ function: "liveAccounts", arguments: [user], value: "7" }],
    }),
    ...of,
  });
  const subscribing = sampleDecision({
    action: { case: "addSubscribers", value: { accountId: "@a", operator: "op", subscribers: ["s", user] } },
    refused: [{ subscriber: user, rule: "r", message: text }],
  });
  await append(store, { ...subscribing, ...of }, { creation: roomOf(user, `n ${ofApp}`) });
  const counter = { appId: ofApp, action: "create_account", windowMs: 60_000 };
  await append(store, { ...sampleDecision(), ...of }, { counts: [{ counter, key: user }] });
  await appendEvent(store, { ...createdEvent("@a", baseMs, { owner: user, name: "News" }), ...of });
  await appendEvent(store, { ...createdEvent("@b", baseMs, { owner: "bob" }), ...of });
  await appendEvent(store, { ...subscribersEvent("added", "@b", baseMs, [user, "t"]), ...of });
  await appendEvent(store, { ...sampleEvent({ case: "accountDestroyed", value: { accountId: "@b", owner: user } }, baseMs + 2), ...of });
  const act = { appId: ofApp, target: user, requestJson: JSON.stringify({ user }) };
  const { caseId } = await store.openCase(sampleCase({ appId: ofApp, user }));
  await store.closeCase({ caseId, author: "ops", reason: `${user} was told`, timeMs: baseMs });
  await store.beginAuditEntry(sampleAuditEntry({ ...act, beforeJson: JSON.stringify([{ reason: text }]) }));
}

/** Everything that the store tells of an app, and of a user in it. */
async function everythingOf(store: Store, ofApp: number, user: string) {
  const page = { size: 100 };
  const counter = { appId: ofApp, action: "create_account", windowMs: 60_000 };
  return {
    decisions: (await store.listDecisions({ appId: ofApp }, page)).items,
    ofUser: (await store.listDecisions({ appId: ofApp, user }, page)).items,
    timeline: (await store.listTimeline({ appId: ofApp, user }, page)).items,
    owned: (await store.listTimeline({ appId: ofApp, owner: user }, page)).items,
    changes: (await store.readChanges(0, { appId: ofApp }, 100)).changes,
    cases: (await store.listCases({ appId: ofApp }, page)).items,
    ofUserCases: (await store.listCases({ appId: ofApp, user }, page)).items,
    accounts: (await store.listAccounts({ appId: ofApp, owner: user }, page)).items,
    account: await store.getAccount(ofApp, "@a"),
    revisions: (await store.listAccountRevisions(ofApp, "@b", page)).items,
    audit: (await store.listAuditEntries({ appId: ofApp }, page)).items,
    facts: await factsAt(store, baseMs, (facts) => [
      facts.liveAccounts(ofApp, user),
      facts.subscriptions(ofApp, user),
      facts.subscribers(ofApp, "@b"),
      facts.isSubscribed(ofApp, "@b", user),
      facts.rate(counter, user),
    ]),
  };
}

/** JSON of anything, in which one id stands for another. */
function renamed(value: unknown, from: string, to: string): unknown {
  const [inner, outer] = [JSON.stringify(from).slice(1, -1), JSON.stringify(JSON.stringify(from).slice(1, -1)).slice(1, -1)];
  return JSON.parse(jsonOf(value).replaceAll(outer, to).replaceAll(inner, to));
}

function jsonOf(value: unknown): string {
  return JSON.stringify(value, (_key, member) => (typeof member === "bigint" ? String(member) : member));
}

export function erasuresConformance(open: OpenStore): void {
  describe("erasing a user", () => {
    const current = eachWithStore(open);

    it("tells of the pseudonym what it told of the user, and of nobody else anything else", async () => {
      const { store } = current();
      await nameEverywhere(store, erasedUser);
      await nameEverywhere(store, similarUser, otherApp);
      const before = await everythingOf(store, appId, erasedUser);
      const others = await everythingOf(store, otherApp, similarUser);
      const erasure = newErasure();
      const erasureId = await store.beginErasure(erasure);
      expect(await eraseAll(store)).toEqual([erasureId]);

      const after = await everythingOf(store, appId, erasure.pseudonym);
      expect(JSON.parse(jsonOf(after))).toEqual(renamed(before, erasedUser, erasure.pseudonym));
      expect(jsonOf(after)).not.toContain("quux");
      expect(jsonOf(await everythingOf(store, otherApp, similarUser))).toBe(jsonOf(others));
      const gone = await everythingOf(store, appId, erasedUser);
      expect([gone.ofUser, gone.timeline, gone.owned, gone.accounts]).toEqual([[], [], [], []]);
      expect(gone.facts).toEqual([0, 0, 1 + 1, false, 0]);
    });

    it("is of one app, or of all", async () => {
      const { store } = current();
      await nameEverywhere(store, erasedUser);
      await nameEverywhere(store, erasedUser, otherApp);
      const others = jsonOf(await everythingOf(store, otherApp, erasedUser));
      await store.beginErasure(newErasure());
      await eraseAll(store);
      expect(jsonOf(await everythingOf(store, otherApp, erasedUser))).toBe(others);
      await store.beginErasure(newErasure({ appId: 0, pseudonym: "erased-all" }));
      await eraseAll(store);
      expect(jsonOf(await everythingOf(store, otherApp, "erased-all"))).not.toContain("quux");
    });

    it("recognises an event and a request that come again", async () => {
      const { store } = current();
      await nameEverywhere(store, erasedUser);
      const event = { ...createdEvent("@a", baseMs, { owner: erasedUser, name: "News" }) };
      const decision = sampleDecision({
        requestId: "plain",
        action: { case: "createAccount", value: { operator: erasedUser, owner: "", name: "x" } },
      });
      await append(store, decision);
      await store.beginErasure(newErasure());
      await eraseAll(store);
      expect((await appendEvent(store, event)).duplicate).toBe(true);
      expect((await appendAsIs(store, decision)).kind).toBe("repeat");
      expect(await factsAt(store, baseMs, (facts) => facts.liveAccounts(appId, erasedUser))).toBe(0);
    });

    it("only counts when it is a preview, and counts the same as is then erased", async () => {
      const { store } = current();
      await nameEverywhere(store, erasedUser);
      const before = jsonOf(await everythingOf(store, appId, erasedUser));
      const preview = await store.beginErasure(newErasure({ isPreview: true }));
      await eraseAll(store);
      expect(jsonOf(await everythingOf(store, appId, erasedUser))).toBe(before);
      const erasure = await store.beginErasure(newErasure());
      await eraseAll(store);
      const [counted, erased] = [await store.getErasure(preview), await store.getErasure(erasure)];
      expect(counted?.found).toEqual(erased?.found);
      expect(erased?.found.length).toBeGreaterThan(5);
      const again = await store.beginErasure(newErasure({ pseudonym: "erased-2" }));
      await eraseAll(store);
      expect((await store.getErasure(again))?.found).toEqual([]);
    });

    it("leaves lists and their history as they are, unless they are included", async () => {
      const { store } = current();
      await makeLists(store, "banned");
      await store.addEntries("banned", [listEntry(erasedUser, `${erasedUser}, again`), listEntry(similarUser)]);
      await store.removeEntries("banned", [erasedUser], { author: "ops", reason: "gone", timeMs: baseMs });
      const edits = async () => jsonOf(await store.listEdits("banned", undefined, { size: 10 }));
      const before = await edits();
      await store.beginErasure(newErasure());
      await eraseAll(store);
      expect(await edits()).toBe(before);
      await store.beginErasure(newErasure({ withLists: true, pseudonym: "erased-3" }));
      await eraseAll(store);
      expect((await edits()).replaceAll(jsonOf(similarUser), "")).not.toContain("quux");
      expect(await edits()).toContain(jsonOf(similarUser));
    });

    it("leaves what people have written as it is", async () => {
      const { store } = current();
      await appendEvent(store, createdEvent("@a", baseMs, { owner: "bob", name: erasedUser }));
      await append(
        store,
        sampleDecision({ action: { case: "createAccount", value: { operator: erasedUser, owner: "", name: erasedUser } } }),
      );
      await store.beginErasure(newErasure());
      await eraseAll(store);
      expect((await store.getAccount(appId, "@a"))?.name).toBe(erasedUser);
      const [decision] = (await store.listDecisions({}, { size: 1 })).items;
      expect(decision?.action.value).toMatchObject({ operator: newErasure().pseudonym, name: erasedUser });
    });

    it("goes on after a new start, in steps between which others write, and erases all that was there when it began", async () => {
      const { store } = current();
      const decision = (i: number) =>
        sampleDecision({
          action: { case: "addSubscribers", value: { accountId: `@${i}`, operator: erasedUser, subscribers: [erasedUser] } },
          decideTime: timestampFromMs(baseMs),
        });
      await Promise.all(Array.from({ length: 2500 }, (_, i) => append(store, decision(i))));
      const erasureId = await store.beginErasure(newErasure());
      expect(await store.beginErasure(newErasure({ pseudonym: "erased-other" }))).toBe(erasureId);
      expect(await store.continueErasure(baseMs)).toEqual({ kind: "more" });
      expect(await store.getErasure(erasureId)).toMatchObject({ place: "decisions", endTimeMs: undefined });
      const again = await current().reopen();
      await append(again, sampleDecision({ action: { case: "createAccount", value: { operator: "late", owner: "", name: "x" } } }));
      expect(await eraseAll(again, baseMs + 7)).toEqual([erasureId]);
      expect((await again.listDecisions({ user: erasedUser }, { size: 10 })).items).toEqual([]);
      expect((await again.listDecisions({ user: newErasure().pseudonym }, { size: 1000 })).items).toHaveLength(1000);
      const { user: _user, ...rest } = newErasure();
      expect(await again.getErasure(erasureId)).toEqual({
        ...rest,
        erasureId,
        endTimeMs: baseMs + 7,
        place: "",
        found: [{ place: "decisions", count: 2500 }],
      });
    });

    it("does one after the other, under ids that sort so, and finds none whatever the string", async () => {
      const { store } = current();
      const first = await store.beginErasure(newErasure());
      const second = await store.beginErasure(newErasure({ user: "bob", pseudonym: "erased-b" }));
      expect(first < second).toBe(true);
      expect(await eraseAll(store)).toEqual([first, second]);
      for (const id of ["", "era-", "era-000000000009", "dec-000000000001", "x"]) expect(await store.getErasure(id)).toBeUndefined();
    });
  });
}

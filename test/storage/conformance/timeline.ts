// What the contract says of timelines: decisions and events together.
import { describe, expect, it } from "vitest";
import type { Decision } from "../../../gen/gatehouse/v1/decision_pb.ts";
import type { Event } from "../../../gen/gatehouse/v1/event_pb.ts";
import type { Store, TimelineEntry, TimelineFilter } from "../../../src/storage/storage.ts";
import { appId, baseMs, changedEvent, createdEvent, destroyedEvent, maxAppId, sampleDecision, subscribersEvent } from "../samples.ts";
import { append, appendEvent, eachWithStore, expectMalformedPositionsRefused, type OpenStore, walk } from "./opened-store.ts";

export function timelineConformance(open: OpenStore): void {
  describe("timelines", () => {
    const current = eachWithStore(open);

    it("have the decisions and events of an account, an owner or a user together, the latest committed first", async () => {
      const { store } = current();
      const ids: Record<string, string> = {};
      for (const [name, change] of Object.entries(history())) ids[name] = await commit(store, change);
      const names = new Map(Object.entries(ids).map(([name, id]) => [id, name]));
      for (const [filter, expected] of timelines()) {
        for (const size of [1, 3, 1000]) {
          const walked = await walk((page) => store.listTimeline(filter, page), size);
          expect(
            walked.map((entry) => names.get(idOf(entry))),
            JSON.stringify(filter),
          ).toEqual(expected);
        }
      }
    });

    it("have each entry as it is kept", async () => {
      const { store } = current();
      const decision = sampleDecision({
        action: { case: "addSubscribers", value: { accountId: "a", operator: "ann", subscribers: ["s"] } },
      });
      const event = createdEvent("a", baseMs, { owner: "ann" });
      decision.decisionId = await append(store, decision);
      event.eventId = (await appendEvent(store, event)).eventId;
      const { items } = await store.listTimeline({ appId, accountId: "a" }, { size: 10 });
      expect(items).toEqual([
        { kind: "event", event },
        { kind: "decision", decision },
      ]);
    });

    it("have everything of an owner of many accounts, in pages that meet each exactly once", async () => {
      const { store } = current();
      const ids: string[] = [];
      for (let i = 0; i < 1200; i++) {
        ids.push((await appendEvent(store, createdEvent(`a${i % 700}`, baseMs + i, { owner: i % 3 === 0 ? "bob" : "ann" }))).eventId);
      }
      const owned = new Set(Array.from({ length: 1200 }, (_, i) => (i % 3 === 0 ? "" : `a${i % 700}`)));
      const expected = ids.filter((_, i) => owned.has(`a${i % 700}`)).reverse();
      const walked = await walk((page) => store.listTimeline({ appId, owner: "ann" }, page), 100);
      expect(walked.map(idOf)).toEqual(expected);
    });

    it("are not gone on with after a position that the store cannot have given", async () => {
      const { store } = current();
      await appendEvent(store, createdEvent("a", baseMs));
      for (const whose of [{ accountId: "a" }, { owner: "ann" }, { user: "ann" }]) {
        await expectMalformedPositionsRefused((page) => store.listTimeline({ appId, ...whose }, page));
      }
    });
  });
}

/** Changes by name, in the order of their commits. */
function history(): Record<string, Decision | Event> {
  const create = (operator: string, owner: string, app = appId) =>
    sampleDecision({ appId: app, action: { case: "createAccount", value: { operator, owner, name: "News" } } });
  const add = (accountId: string, operator: string, app = appId) =>
    sampleDecision({ appId: app, action: { case: "addSubscribers", value: { accountId, operator, subscribers: ["s"] } } });
  return {
    annForSelf: create("ann", "ann"),
    annForBob: create("ann", "bob"),
    annElsewhere: create("ann", "ann", maxAppId),
    bobCreated: createdEvent("b", baseMs, { owner: "bob" }),
    bobChanged: changedEvent("b", baseMs + 1, { name: "x" }),
    addToB: add("b", "ann"),
    addToA: add("a", "zoe"),
    // The account is known to be ann's only after what is decided and happens about it.
    subscribedA: subscribersEvent("added", "a", baseMs, ["s", "ann"]),
    annCreated: createdEvent("a", baseMs, { owner: "ann" }),
    elsewhere: { ...createdEvent("a", baseMs, { owner: "ann" }), appId: maxAppId },
    addElsewhere: add("a", "ann", maxAppId),
    // It was ann's, and is bob's.
    toBob: createdEvent("a", baseMs + 5, { owner: "bob" }),
    destroyed: destroyedEvent("a", baseMs + 6, { owner: "bob" }),
    // It comes too late to make the account cid's: it only says whose it was.
    wasOfCid: createdEvent("a", baseMs - 5, { owner: "cid" }),
    confusable: createdEvent("A", baseMs, { owner: "Ann" }),
  };
}

function timelines(): [TimelineFilter, string[]][] {
  const ofA = ["wasOfCid", "destroyed", "toBob", "annCreated", "subscribedA", "addToA"];
  return [
    [{ appId, accountId: "a" }, ofA],
    [{ appId, accountId: "b" }, ["addToB", "bobChanged", "bobCreated"]],
    [{ appId: maxAppId, accountId: "a" }, ["addElsewhere", "elsewhere"]],
    [{ appId, owner: "ann" }, [...ofA, "annForSelf"]],
    [{ appId, owner: "bob" }, [...ofA, "addToB", "bobChanged", "bobCreated", "annForBob"]],
    [{ appId, owner: "cid" }, ofA],
    [{ appId, owner: "Ann" }, ["confusable"]],
    [{ appId, user: "ann" }, ["annCreated", "subscribedA", "addToB", "annForBob", "annForSelf"]],
    [{ appId, user: "bob" }, ["destroyed", "toBob", "bobCreated", "annForBob"]],
    [{ appId, user: "s" }, ["subscribedA"]],
    [{ appId: maxAppId, user: "ann" }, ["addElsewhere", "elsewhere", "annElsewhere"]],
    [{ appId, user: "nobody" }, []],
  ];
}

async function commit(store: Store, change: Decision | Event): Promise<string> {
  return change.$typeName === "gatehouse.v1.Decision" ? append(store, change) : (await appendEvent(store, change)).eventId;
}

function idOf(entry: TimelineEntry): string {
  return entry.kind === "decision" ? entry.decision.decisionId : entry.event.eventId;
}

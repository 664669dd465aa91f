// What the contract says of decisions about events.
import { describe, expect, it } from "vitest";
import { type Decision, Effect, Severity, Verdict } from "../../../gen/gatehouse/v1/decision_pb.ts";
import type { Event } from "../../../gen/gatehouse/v1/event_pb.ts";
import type { Store } from "../../../src/storage/storage.ts";
import { appId, baseMs, changedEvent, createdEvent, digestOf, listEntry, sampleDecision } from "../samples.ts";
import { append, eachWithStore, makeLists, type OpenStore } from "./opened-store.ts";

export function flaggedEventsConformance(open: OpenStore): void {
  describe("events that are flagged", () => {
    const current = eachWithStore(open);

    it("have a decision that is read, listed and filtered like others, under the event's id", async () => {
      const { store } = current();
      const other = await append(store, sampleDecision());
      const created = createdEvent("a", baseMs, { owner: "bob", name: "News" });
      created.event.value = Object.assign(created.event.value ?? {}, { operator: "ann" }) as typeof created.event.value;
      const changed = changedEvent("b", baseMs, { name: "", introduction: "Hello" });
      const flags = [flagOf(created), flagOf(changed)];
      for (const [index, event] of [created, changed].entries()) {
        const { eventId } = await appendFlagged(store, event, () => flags[index]);
        Object.assign(flags[index] ?? {}, { eventId });
      }
      const { items } = await store.listDecisions({}, { size: 10 });
      const expected = flags.toReversed().map((flag, index) => ({ ...flag, decisionId: items[index]?.decisionId }));
      expect(items.slice(0, 2)).toEqual(expected);
      expect(items[2]?.decisionId).toBe(other);
      expect(await store.getDecision(items[0]?.decisionId ?? "")).toEqual(expected[0]);
      expect((await store.listDecisions({ accountId: "a" }, { size: 10 })).items).toEqual([expected[1]]);
      expect((await store.listDecisions({ accountId: "b" }, { size: 10 })).items).toEqual([expected[0]]);
      expect((await store.listDecisions({ user: "bob" }, { size: 10 })).items).toEqual([expected[1]]);
      expect((await store.listDecisions({ user: "ann", accountId: "a" }, { size: 10 })).items).toEqual([expected[1]]);
    });

    it("have ids and decision ids that sort in the order of appending", async () => {
      const { store } = current();
      for (let i = 0; i < 5; i += 1) {
        await appendFlagged(store, createdEvent(`a${i}`, baseMs), flagOf);
        await append(store, sampleDecision());
      }
      const { items } = await store.listDecisions({}, { size: 100 });
      expect(items.map(({ eventId }) => eventId !== "")).toEqual(Array.from({ length: 10 }, (_, index) => index % 2 === 1));
      const ids = items.map(({ decisionId }) => decisionId);
      expect(ids.toSorted().toReversed()).toEqual(ids);
    });

    it("are flagged with facts, and not when nothing is returned", async () => {
      const { store } = current();
      await makeLists(store, "staff");
      await store.addEntries("staff", [listEntry("ann")]);
      await appendFlagged(store, createdEvent("a", baseMs), (_, isStaff) =>
        isStaff("ann") ? undefined : flagOf(createdEvent("a", baseMs)),
      );
      expect((await store.listDecisions({}, { size: 10 })).items).toEqual([]);
      expect((await store.listAccountEvents(appId, "a", { size: 10 })).items).toHaveLength(1);
    });

    it("have one decision when the event is appended again, also when the appends overlap", async () => {
      const { store } = current();
      const event = createdEvent("a", baseMs);
      await Promise.all(Array.from({ length: 10 }, () => appendFlagged(store, event, flagOf)));
      const again = await appendFlagged(store, event, flagOf);
      expect(again.duplicate).toBe(true);
      const { items } = await store.listDecisions({}, { size: 10 });
      expect(items).toMatchObject([{ eventId: again.eventId }]);
    });

    it("are not appended when flagging throws: that very error, and nothing is kept", async () => {
      const { store } = current();
      const mistake = new Error("mistake");
      const failing = appendFlagged(store, createdEvent("a", baseMs), () => {
        throw mistake;
      });
      await expect(failing).rejects.toBe(mistake);
      expect(await store.getAccount(appId, "a")).toBeUndefined();
      expect((await store.listAccountEvents(appId, "a", { size: 10 })).items).toEqual([]);
    });
  });
}

function appendFlagged(
  store: Store,
  event: Event,
  flag: (event: Event, isStaff: (value: string) => boolean) => Decision | undefined,
): ReturnType<Store["appendEvent"]> {
  return store.appendEvent(event, digestOf(event), baseMs, {
    flag: (facts) => flag(event, (value) => facts.inList("staff", value)),
  });
}

function flagOf({ event }: Event): Decision {
  if (event.case !== "accountCreated" && event.case !== "accountProfileChanged") throw new Error("Rules cannot be asked about it.");
  return sampleDecision({
    action: event,
    verdict: Verdict.ALLOW,
    eventId: "is ignored",
    matches: [{ rule: "odd", effect: Effect.FLAG, severity: Severity.HIGH }],
  });
}

// What the contract says of what follows from decisions on subscribers and messages together, in whatever order all of it comes.
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CaseState } from "../../../gen/gatehouse/v1/case_service_pb.ts";
import { type Decision, Verdict } from "../../../gen/gatehouse/v1/decision_pb.ts";
import type { Event } from "../../../gen/gatehouse/v1/event_pb.ts";
import type { Store } from "../../../src/storage/storage.ts";
import { append, eventsOf, follow, message, subscription, sweep } from "../parts.ts";
import { baseMs, messageEvent, subscribersEvent, withdrawnEvent } from "../samples.ts";
import { eachWithStore, type OpenStore, walk } from "./opened-store.ts";

export function partFollowUpsConformance(open: OpenStore): void {
  describe("follow-ups of subscribers and messages", () => {
    const current = eachWithStore(open);

    it("end the same in whatever order and number decisions and events come, one after another or all at once", async () => {
      const { store, openAnother } = current();
      // Where a store can be open more than once, what comes at once comes to different ones.
      const another = (await openAnother?.()) ?? store;
      let run = 0;
      await fc.assert(
        fc.asyncProperty(shuffled(), async ({ things, orders }) => {
          const ends: unknown[] = [];
          for (const [order, isAtOnce] of orders.flatMap((order) => [[order, false] as const, [order, true] as const])) {
            run += 1;
            const account = `account ${run}`;
            const decisionIds = new Map<string, number>();
            const tell = async (index: number, place: number) => {
              const thing = things[index];
              if (thing === undefined) return;
              const at = isAtOnce && place % 2 === 1 ? another : store;
              const decision = decisionOf(thing, account);
              if (decision === undefined) await follow(at, eventOf(thing, account));
              else if (order.indexOf(index) === place) decisionIds.set(await append(at, decision), index);
            };
            if (isAtOnce) await Promise.all(order.map(tell));
            else for (const [place, index] of order.entries()) await tell(index, place);
            while (!(await store.sweepFollowUps(baseMs + 60_000, sweep)).done);
            ends.push(await endOf(store, account, decisionIds));
          }
          for (const end of ends) expect(end).toEqual(ends[0]);
        }),
        { numRuns: 100 },
      );
    });
  });
}

type Thing = { atMs: number } & (
  | { kind: "ask"; subscribers: string[]; refused: string[]; denied: boolean }
  | { kind: "say"; text: string; rewritten: string; denied: boolean }
  | { kind: "added" | "removed"; subscribers: string[]; timed: boolean }
  | { kind: "sent"; text: string; key: string; timed: boolean }
  | { kind: "withdrawn"; key: string }
);

/** Decisions and events about one account, and two orders in which they come, some more than once. */
function shuffled(): fc.Arbitrary<{ things: Thing[]; orders: number[][] }> {
  // Different for each: of the same moment, the order of the log breaks ties.
  const atMs = fc.integer({ min: 1, max: 14 }).map((seconds) => seconds * 1000);
  const subscribers = fc.uniqueArray(fc.constantFrom("s", "S", "t"), { minLength: 1, maxLength: 3 });
  const text = fc.constantFrom("x", "y");
  const key = fc.constantFrom("k", "K");
  const denied = fc.boolean();
  const kindOf = <Kind extends Thing["kind"]>(kind: Kind) => fc.constant(kind);
  const timed = fc.constant(true);
  const thing: fc.Arbitrary<Thing> = fc.oneof(
    fc.record({ kind: kindOf("ask"), atMs, subscribers, refused: fc.subarray(["s", "t"]), denied }),
    fc.record({ kind: kindOf("say"), atMs, text, rewritten: text, denied }),
    fc.record({ kind: kindOf("added"), atMs, subscribers, timed }),
    fc.record({ kind: kindOf("removed"), atMs, subscribers, timed }),
    fc.record({ kind: kindOf("sent"), atMs, text, key, timed }),
    fc.record({ kind: kindOf("withdrawn"), atMs, key }),
  );
  return fc
    .uniqueArray(thing, { minLength: 2, maxLength: 9, selector: (one) => one.atMs })
    .chain((things) => fc.tuple(fc.constant(things), fc.option(fc.nat(things.length - 1))))
    .chain(([things, untimed]) => {
      // One event may be without a time; it was received at baseMs, which is before all others.
      const all = things.map((one, index) => ("timed" in one && index === untimed ? { ...one, timed: false } : one));
      const order = fc
        .subarray(all.map((_, index) => index))
        .chain((again) => fc.shuffledSubarray([...all.keys(), ...again], { minLength: all.length + again.length }));
      return fc.record({ things: fc.constant(all), orders: fc.tuple(order, order) });
    });
}

function decisionOf(thing: Thing, accountId: string): Decision | undefined {
  const at = { eventTime: timestampFromMs(baseMs + thing.atMs), decideTime: timestampFromMs(baseMs + thing.atMs) };
  switch (thing.kind) {
    case "ask": {
      const refused = thing.subscribers.filter((one) => thing.refused.includes(one));
      const verdict = thing.denied ? Verdict.DENY : Verdict.ALLOW;
      return subscription(thing.subscribers, { account: accountId, verdict, refused: thing.denied ? [] : refused }, at);
    }
    case "say": {
      const rewritten = thing.rewritten === thing.text ? {} : { rewritten: thing.rewritten };
      return message(thing.text, { account: accountId, ...(thing.denied ? { verdict: Verdict.DENY } : rewritten) }, at);
    }
    default:
      return undefined;
  }
}

function eventOf(thing: Thing, accountId: string): Event {
  const timeMs = "timed" in thing && !thing.timed ? undefined : baseMs + thing.atMs;
  switch (thing.kind) {
    case "added":
    case "removed":
      return subscribersEvent(thing.kind, accountId, timeMs, thing.subscribers);
    case "sent":
      return messageEvent(accountId, thing.key, timeMs, thing.text);
    case "withdrawn":
      return withdrawnEvent(accountId, timeMs, [thing.key]);
    default:
      throw new Error(`${thing.kind} is no event.`);
  }
}

/** Everything that is known of an account at the end, in terms that do not depend on the order. */
async function endOf(store: Store, account: string, decisionIds: ReadonlyMap<string, number>) {
  const events = await eventsOf(store, account);
  const nameOf = (id: string) => String(events.find(({ eventId }) => eventId === id)?.eventTime?.seconds);
  const decisions = [];
  for (const [id, index] of decisionIds) {
    const { followUp, followUpEventId = "", subscriberFollowUps = [] } = (await store.getDecision(id)) ?? {};
    const subscribers = subscriberFollowUps.map((known) => [known.subscriber, known.followUp, nameOf(known.eventId)]);
    decisions.push([index, followUp, nameOf(followUpEventId), subscribers] as const);
  }
  const open = await walk((page) => store.listCases({ accountId: account, state: CaseState.OPEN }, page), 10);
  return {
    decisions: decisions.sort(([a], [b]) => a - b),
    events: events
      .map(({ eventId, event, followUp, decisionId, subscriberFollowUps }) => [
        `${nameOf(eventId)} ${event.case}`,
        followUp,
        decisionIds.get(decisionId),
        subscriberFollowUps.map((known) => [known.subscriber, known.followUp, decisionIds.get(known.decisionId)]),
      ])
      .sort(([a], [b]) => String(a).localeCompare(String(b))),
    cases: open.map(({ kind, decisionId, eventId }) => [nameOf(eventId), kind, decisionIds.get(decisionId)].join()).sort(),
  };
}

// Sets of events, and how they may be delivered: shuffled, and some of them more than once.
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import type { Event } from "../../gen/gatehouse/v1/event_pb.ts";
import type { AppendedEvent, Store } from "../../src/storage/storage.ts";
import {
  baseMs,
  changedEvent,
  createdEvent,
  destroyedEvent,
  digestOf,
  fullEvent,
  messageEvent,
  subscribersEvent,
  withdrawnEvent,
} from "./samples.ts";

/** The same events twice: once each, and as deliveries in any order and number. */
export interface Deliveries {
  events: Event[];
  deliveries: Event[];
}

/** The accounts and users that events speak of. */
export const accountIds = ["a", "A", "b", "c"];
export const userIds = ["s", "S", "t"];

/** Few accounts, times and values, so that ties are common. */
export function shuffledDeliveries(maxEvents = 12): fc.Arbitrary<Deliveries> {
  return fc
    .uniqueArray(anyEvent(), { minLength: 1, maxLength: maxEvents, selector: (event) => Buffer.from(digestOf(event)).toString("hex") })
    .chain((events) =>
      fc.record({
        events: fc.constant(events),
        deliveries: fc
          .array(fc.constantFrom(...events), { maxLength: 6 })
          .chain((again) => fc.shuffledSubarray([...events, ...again], { minLength: events.length + again.length })),
      }),
    );
}

function anyEvent(): fc.Arbitrary<Event> {
  const accountId = fc.constantFrom(...accountIds);
  const timeMs = fc.constantFrom(undefined, baseMs - 1, baseMs, baseMs + 1);
  const text = fc.constantFrom("", "x", "y");
  const ownerAndName = fc.record({ owner: text, name: text });
  const profile = fc.record({ name: text, introduction: text, faceUrl: text, organization: text }, { requiredKeys: [] });
  const subscribers = fc.array(fc.constantFrom(...userIds), { minLength: 1, maxLength: 4 });
  const key = fc.constantFrom("", "k", "K", "l");
  const change = fc.constantFrom("added" as const, "removed" as const);
  const receiveMs = fc.constantFrom(baseMs, baseMs + 2);
  const event = fc.oneof(
    {
      weight: 2,
      arbitrary: fc.tuple(change, accountId, timeMs, subscribers).map(([kind, id, time, users]) => subscribersEvent(kind, id, time, users)),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(accountId, key, timeMs, text).map(([id, messageKey, time, said]) => messageEvent(id, messageKey, time, said)),
    },
    fc
      .tuple(
        accountId,
        timeMs,
        fc.array(
          key.filter((one) => one !== ""),
          { minLength: 1, maxLength: 3 },
        ),
      )
      .map(([id, time, keys]) => withdrawnEvent(id, time, keys)),
    fc.tuple(accountId, timeMs).map(([id, time]) => fullEvent(id, time)),
    fc.tuple(accountId, timeMs, ownerAndName).map(([id, time, fields]) => createdEvent(id, time, fields)),
    fc.tuple(accountId, timeMs, profile).map(([id, time, fields]) => changedEvent(id, time, fields)),
    fc.tuple(accountId, timeMs, ownerAndName).map(([id, time, fields]) => destroyedEvent(id, time, fields)),
  );
  return fc.tuple(event, receiveMs).map(([made, ms]) => ({ ...made, receiveTime: timestampFromMs(ms) }));
}

/** Appends the event as one of another app. The digests of the events of one app sort as those of another, since digests break ties. */
export function deliverTo(store: Store, app: number, event: Event): Promise<AppendedEvent> {
  const digest = Buffer.concat([digestOf(event), Buffer.from(Uint32Array.of(app).buffer)]);
  return store.appendEvent({ ...event, appId: app }, digest, baseMs);
}

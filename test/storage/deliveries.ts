// Sets of events, and how they may be delivered: shuffled, and some of them more than once.
import fc from "fast-check";
import type { Event } from "../../gen/gatehouse/v1/event_pb.ts";
import { baseMs, changedEvent, createdEvent, destroyedEvent, digestOf } from "./samples.ts";

/** The same events twice: once each, and as deliveries in any order and number. */
export interface Deliveries {
  events: Event[];
  deliveries: Event[];
}

/** Few accounts, times and values, so that ties are common. */
export function shuffledDeliveries(): fc.Arbitrary<Deliveries> {
  return fc
    .uniqueArray(anyEvent(), { minLength: 1, maxLength: 12, selector: (event) => Buffer.from(digestOf(event)).toString("hex") })
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
  const accountId = fc.constantFrom("a", "A", "b");
  const timeMs = fc.constantFrom(undefined, baseMs - 1, baseMs, baseMs + 1);
  const text = fc.constantFrom("", "x", "y");
  const ownerAndName = fc.record({ owner: text, name: text });
  const profile = fc.record({ name: text, introduction: text, faceUrl: text, organization: text }, { requiredKeys: [] });
  return fc.oneof(
    fc.tuple(accountId, timeMs, ownerAndName).map(([id, time, fields]) => createdEvent(id, time, fields)),
    fc.tuple(accountId, timeMs, profile).map(([id, time, fields]) => changedEvent(id, time, fields)),
    fc.tuple(accountId, timeMs, ownerAndName).map(([id, time, fields]) => destroyedEvent(id, time, fields)),
  );
}

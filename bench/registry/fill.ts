// Fills a database with accounts, their events, and some decisions, through the store.
import { createHash } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { DecisionSchema, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { type Event, EventSchema } from "../../gen/gatehouse/v1/event_pb.ts";
import { openSqliteStore } from "../../src/storage/sqlite/sqlite-store.ts";
import { benchApp, idText } from "../harness/requests.ts";
import { accountIdOf, baseMs, createRandom, endMs, nameOf, ownerOf, secondApp, userOf } from "./population.ts";

/** Half of what may wait for the writer. */
const eventsPerBatch = 5000;

/** One decision for so many events. */
const eventsPerDecision = 50;

/** Fills a database that is not there. Results in how many seconds the events took. */
export async function fillRegistry(path: string, accounts: number, events: number, say: (line: string) => void): Promise<number> {
  const store = await openSqliteStore({ path });
  const random = createRandom(1);
  const startMs = performance.now();
  for (let from = 0; from < events; from += eventsPerBatch) {
    const batch = Array.from({ length: Math.min(eventsPerBatch, events - from) }, (_, i) => eventAt(from + i, accounts, events, random));
    await Promise.all(
      batch.map((event, i) =>
        store.appendEvent(
          event,
          createHash("sha256")
            .update(`event ${from + i}`)
            .digest(),
          endMs,
        ),
      ),
    );
    if ((from / eventsPerBatch) % 100 === 99) say(`${from + batch.length} events in ${Math.round((performance.now() - startMs) / 1000)} s`);
  }
  const seconds = (performance.now() - startMs) / 1000;
  for (let from = 0; from < events / eventsPerDecision; from += eventsPerBatch) {
    const length = Math.min(eventsPerBatch, Math.ceil(events / eventsPerDecision) - from);
    await Promise.all(
      Array.from({ length }, () => {
        const operator = userOf(Math.floor(random() * accounts));
        const action = { case: "addSubscribers" as const, value: { accountId: accountIdOf(Math.floor(random() * accounts)), operator } };
        const decision = create(DecisionSchema, { appId: benchApp, action, verdict: Verdict.ALLOW, decideTime: timestampFromMs(endMs) });
        return store.appendDecision(endMs, () => ({ decision, actionDigest: new Uint8Array(), counts: [] }));
      }),
    );
  }
  await store.close();
  return seconds;
}

/**
 * First every account is created; then each event is about some account: changes of the profile, subscriptions, and now and then a destruction.
 * One event in ten has no time, one in ten comes late, and one in a thousand is about the account that has had most changes.
 */
function eventAt(n: number, accounts: number, events: number, random: () => number): Event {
  const timeMs = baseMs + Math.floor((n / events) * (endMs - baseMs));
  const event = create(EventSchema, { appId: benchApp, receiveTime: timestampFromMs(timeMs) });
  if (n % 10 !== 3) event.eventTime = timestampFromMs(n % 10 === 7 ? timeMs - Math.floor(random() * 3_600_000) : timeMs);
  const chosen = n < accounts ? n : n % 1000 === 0 ? 0 : Math.floor(random() * accounts);
  // Every hundredth account is of another app.
  if (chosen % 100 === 99) event.appId = secondApp;
  const accountId = accountIdOf(chosen);
  const kind = random();
  if (n < accounts) {
    event.event = create(EventSchema, {
      event: { case: "accountCreated", value: { accountId, operator: ownerOf(chosen), owner: ownerOf(chosen), name: nameOf(chosen) } },
    }).event;
  } else if (kind < 0.5 || chosen === 0) {
    const name = kind < 0.1 ? { name: `${nameOf(chosen)} renamed` } : {};
    const value = { accountId, operator: ownerOf(chosen), introduction: `Introduction ${idText(n)}`, ...name };
    event.event = create(EventSchema, { event: { case: "accountProfileChanged", value } }).event;
  } else if (kind < 0.95) {
    const user = userOf(Math.floor(random() * accounts));
    event.event = create(EventSchema, {
      event: { case: "subscribersAdded", value: { accountId, operator: user, subscribers: [user] } },
    }).event;
  } else {
    event.event = create(EventSchema, { event: { case: "accountDestroyed", value: { accountId, owner: ownerOf(chosen) } } }).event;
  }
  return event;
}

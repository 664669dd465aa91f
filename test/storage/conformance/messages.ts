// What the contract says of the messages that events make.

import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Message, MessageSchema } from "../../../gen/gatehouse/v1/account_service_pb.ts";
import type { Store } from "../../../src/storage/storage.ts";
import { accountIds, deliverTo, shuffledDeliveries } from "../deliveries.ts";
import { appId, baseMs, confusableIds, fullEvent, maxAppId, messageEvent, withdrawnEvent } from "../samples.ts";
import { appendEvent, eachWithStore, expectMalformedPositionsRefused, factsAt, type OpenStore, walk } from "./opened-store.ts";

export function messagesConformance(open: OpenStore): void {
  describe("messages", () => {
    const current = eachWithStore(open);

    it("are what was sent, those first heard of last first, in pages of any size", async () => {
      const { store } = current();
      const wanted: Message[] = [];
      for (let index = 0; index < 7; index++) {
        const event = messageEvent("a", `k${index}`, baseMs + index, `text ${index}`);
        const { eventId } = await appendEvent(store, event);
        if (event.event.case !== "messageSent") throw new Error("no message");
        const { elements, messageTime } = event.event.value;
        wanted.unshift(
          create(MessageSchema, { appId, accountId: "a", messageKey: `k${index}`, elements, eventId, ...(messageTime && { messageTime }) }),
        );
      }
      await appendEvent(store, messageEvent("b", "k0", baseMs, "another account"));
      for (const size of [1, 3, 1000]) expect(await walk((page) => store.listMessages(appId, "a", page), size)).toEqual(wanted);
      expect(await store.listMessages(appId, "c", { size: 10 })).toEqual({ items: [] });
      expect((await (await current().reopen()).listMessages(appId, "a", { size: 10 })).items).toEqual(wanted);
    });

    it("are withdrawn from the earliest event that says so, also before their sending was seen, or when it never is", async () => {
      const { store } = current();
      await appendEvent(store, withdrawnEvent("a", baseMs + 5, ["k", "never"]));
      expect(await brief(store, "a")).toEqual([
        ["never", "", baseMs + 5],
        ["k", "", baseMs + 5],
      ]);
      await appendEvent(store, messageEvent("a", "k", baseMs, "text"));
      await appendEvent(store, withdrawnEvent("a", baseMs + 9, ["k"]));
      await appendEvent(store, withdrawnEvent("a", baseMs + 3, ["k"]));
      expect(await brief(store, "a")).toEqual([
        ["never", "", baseMs + 5],
        ["k", "text", baseMs + 3],
      ]);
      expect(await counts(store, "a")).toEqual({ sent: 1, withdrawn: 2, known: 1 });
    });

    it("are what the latest event of their sending says, and count once for each key", async () => {
      const { store } = current();
      await appendEvent(store, messageEvent("a", "k", baseMs + 1, "later"));
      await appendEvent(store, messageEvent("a", "k", baseMs, "earlier"));
      await appendEvent(store, messageEvent("a", "k", baseMs, "earlier"));
      expect(await brief(store, "a")).toEqual([["k", "later", undefined]]);
      expect(await counts(store, "a")).toEqual({ sent: 1, withdrawn: 0, known: 1 });
    });

    it("without a key are counted once for each event, and are not listed", async () => {
      const { store } = current();
      await appendEvent(store, messageEvent("a", "", baseMs, "x"));
      await appendEvent(store, messageEvent("a", "", baseMs, "x"));
      await appendEvent(store, messageEvent("a", "", baseMs, "y"));
      expect(await brief(store, "a")).toEqual([]);
      expect(await counts(store, "a")).toEqual({ sent: 2, withdrawn: 0, known: 2 });
    });

    it("are of one app, one account and one key, byte for byte", async () => {
      const { store } = current();
      for (const app of [appId, maxAppId]) {
        for (const id of confusableIds) await appendEvent(store, { ...messageEvent(id, id, baseMs, id), appId: app });
      }
      await appendEvent(store, { ...withdrawnEvent("a", baseMs, confusableIds), appId: maxAppId });
      for (const id of confusableIds) {
        expect(await brief(store, id)).toEqual([[id, id, undefined]]);
        expect(await counts(store, id)).toEqual({ sent: 1, withdrawn: 0, known: 1 });
      }
      expect(await counts(store, "a", maxAppId)).toEqual({ sent: 1, withdrawn: confusableIds.length, known: 1 });
    });

    it("are the same whatever the order and number of deliveries, with subscriptions among them, also when those overlap", async () => {
      const { store } = current();
      let run = 0;
      await fc.assert(
        fc.asyncProperty(shuffledDeliveries(), fc.boolean(), async ({ events, deliveries }, overlapping) => {
          // Each run has two apps of its own, so that it begins with nothing.
          run += 1;
          const [inOrder, shuffled] = [2 * run, 2 * run + 1];
          for (const event of events) await deliverTo(store, inOrder, event);
          if (overlapping) await Promise.all(deliveries.map((event) => deliverTo(store, shuffled, event)));
          else for (const event of deliveries) await deliverTo(store, shuffled, event);
          for (const id of accountIds) {
            expect(byKey(await brief(store, id, shuffled))).toEqual(byKey(await brief(store, id, inOrder)));
            expect(await account(store, shuffled, id)).toEqual(await account(store, inOrder, id));
            expect(await counts(store, id, shuffled)).toEqual(await counts(store, id, inOrder));
          }
        }),
        { numRuns: 60 },
      );
    });

    it("are listed from positions that were given, and from no others", async () => {
      const { store } = current();
      await expectMalformedPositionsRefused((page) => store.listMessages(appId, "a", page));
    });

    it("leave an account full since the latest event that says so", async () => {
      const { store } = current();
      await appendEvent(store, messageEvent("a", "k", baseMs, "x"));
      expect((await store.getAccount(appId, "a"))?.fullTime).toBeUndefined();
      await appendEvent(store, fullEvent("a", baseMs + 5));
      await appendEvent(store, fullEvent("a", baseMs + 2));
      expect(await store.getAccount(appId, "a")).toMatchObject({ fullTime: timestampFromMs(baseMs + 5), partial: true, messagesSent: 1 });
    });
  });
}

/** Key, text and time of withdrawal of each message. */
async function brief(store: Store, accountId: string, app = appId): Promise<[key: string, text: string, withdrawn: number | undefined][]> {
  const { items } = await store.listMessages(app, accountId, { size: 100 });
  return items.map(({ messageKey, elements, withdrawTime }) => [
    messageKey,
    elements.map(({ content }) => (content.case === "text" ? content.value.text : "")).join(),
    withdrawTime && Number(withdrawTime.seconds) * 1000 + withdrawTime.nanos / 1e6,
  ]);
}

/** An account without what differs from one app, and one order of deliveries, to another: the ids of its events. */
async function account(store: Store, app: number, accountId: string) {
  return { ...(await store.getAccount(app, accountId)), appId: 0, sources: undefined };
}

function byKey<T>(messages: [key: string, ...T[]][]): [key: string, ...T[]][] {
  return messages.toSorted(([a], [b]) => (a < b ? -1 : 1));
}

async function counts(store: Store, accountId: string, app = appId) {
  const account = await store.getAccount(app, accountId);
  const known = await factsAt(store, baseMs, (facts) => facts.messagesSent(app, accountId));
  return { sent: account?.messagesSent, withdrawn: account?.messagesWithdrawn, known };
}

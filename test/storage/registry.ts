// The whole registry of an app as text, for comparing it byte for byte with that of another app or store.
import { toBinary, toJsonString } from "@bufbuild/protobuf";
import {
  type Account,
  AccountRevisionSchema,
  AccountSchema,
  MessageSchema,
  type ValueSource,
} from "../../gen/gatehouse/v1/account_service_pb.ts";
import { EventSchema } from "../../gen/gatehouse/v1/event_pb.ts";
import { accountFields } from "../../src/storage/account-revisions.ts";
import type { Store } from "../../src/storage/storage.ts";
import { normalize } from "../../src/text/normalize.ts";
import { walk } from "./conformance/opened-store.ts";
import { accountIds, userIds } from "./deliveries.ts";
import { sha256 } from "./samples.ts";

/**
 * Accounts with their sources, all their revisions and messages, and what rules can ask of them. The ids of events tell in which order events arrived; in
 * their place stand digests of what the events say.
 */
export async function registryOf(store: Store, app: number, nowMs: number): Promise<string> {
  const listed = await walk((page) => store.listAccounts({ appId: app }, page), 3);
  const lines: string[] = [];
  for (const { accountId } of listed) {
    const events = await walk((page) => store.listAccountEvents(app, accountId, page), 1000);
    const contents = new Map(
      events.map((event) => [event.eventId, hex(sha256(toBinary(EventSchema, { ...event, eventId: "", appId: 0 })))] as const),
    );
    const withoutIds = (source: ValueSource): ValueSource => ({ ...source, eventId: contents.get(source.eventId) ?? "unknown" });
    const account = await store.getAccount(app, accountId);
    if (account === undefined) throw new Error(`${accountId} is listed and not there.`);
    const { sources } = account;
    for (const field of accountFields) {
      const source = sources?.[field];
      if (sources !== undefined && source !== undefined) sources[field] = withoutIds(source);
    }
    lines.push(toJsonString(AccountSchema, ofNoApp(account)));
    for (const revision of await walk((page) => store.listAccountRevisions(app, accountId, page), 2)) {
      if (revision.source !== undefined) revision.source = withoutIds(revision.source);
      if (revision.account !== undefined) revision.account = ofNoApp(revision.account);
      lines.push(toJsonString(AccountRevisionSchema, revision));
    }
    const messages = await walk((page) => store.listMessages(app, accountId, page), 2);
    // They are listed as they were first heard of, which is as events arrived.
    for (const message of messages.sort((a, b) => (a.messageKey < b.messageKey ? -1 : 1))) {
      const eventId = message.eventId === "" ? "" : (contents.get(message.eventId) ?? "unknown");
      lines.push(toJsonString(MessageSchema, { ...message, eventId, appId: 0 }));
    }
  }
  const facts = await store.withFacts(nowMs, (stored) => ({
    live: ["", "x", "y", "ann"].map((owner) => stored.liveAccounts(app, owner)),
    names: ["x", "y", "news"].map((name) => stored.nameInUse(app, normalize(name))),
    subscriptions: userIds.map((user) => stored.subscriptions(app, user)),
    messagesSent: accountIds.map((id) => stored.messagesSent(app, id)),
    subscribers: accountIds.map((id) => [stored.subscribers(app, id), ...userIds.map((user) => stored.isSubscribed(app, id, user))]),
  }));
  return [...lines, JSON.stringify(facts)].join("\n");
}

function ofNoApp(account: Account): Account {
  return { ...account, appId: 0 };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

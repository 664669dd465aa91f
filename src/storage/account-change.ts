// What an event says of an account, and the account that comes of it.
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Account, AccountSchema, AccountState } from "../../gen/gatehouse/v1/account_service_pb.ts";
import type { Event } from "../../gen/gatehouse/v1/event_pb.ts";
import { normalize } from "../text/normalize.ts";
import type { AccountChange, AccountFields, AccountRecord } from "./account-merge.ts";
import { digestHex, timeColumn } from "./message-json.ts";

type EventCase = NonNullable<Event["event"]["case"]>;

/** Which kind wins when two events have the same time: nothing outlives a destruction of the same moment. What writes no field has no rank. */
const rankByCase: Record<EventCase, number> = {
  accountCreated: 0,
  accountProfileChanged: 1,
  accountDestroyed: 2,
  subscribersAdded: 0,
  subscribersRemoved: 0,
  accountFull: 0,
  messageSent: 0,
  messagesWithdrawn: 0,
};

/** When an event happened, for comparing with others: one without a time of its own counts as of its receipt. */
export function effectiveTimeMs(event: Event): number {
  return timeColumn(event.eventTime) ?? timeColumn(event.receiveTime) ?? 0;
}

/** What an event says of its account; undefined when it is about none. Of subscribers and messages it says no more than that the account is there. */
export function accountChange(event: Event, digest: Uint8Array): AccountChange | undefined {
  if (event.event.case === undefined) return undefined;
  const writes = writesOf(event.event);
  return {
    stamp: [effectiveTimeMs(event), rankByCase[event.event.case], digestHex(digest)],
    eventTimeMs: timeColumn(event.eventTime),
    creation: event.event.case === "accountCreated",
    full: event.event.case === "accountFull",
    operator: "operator" in event.event.value ? event.event.value.operator : "",
    writes,
    normalizedName: writes.name === undefined ? null : normalize(writes.name),
  };
}

/** The account of a record. */
export function accountOf(appId: number, accountId: string, record: AccountRecord): Account {
  const account = create(AccountSchema, { appId, accountId, ...record.fields, partial: !record.created });
  if (record.fullMs !== null) account.fullTime = timestampFromMs(record.fullMs);
  if (record.firstEventMs !== null) account.firstEventTime = timestampFromMs(record.firstEventMs);
  if (record.lastEventMs !== null) account.lastEventTime = timestampFromMs(record.lastEventMs);
  return account;
}

function writesOf(event: Event["event"]): Partial<AccountFields> {
  switch (event.case) {
    case "accountCreated":
      // A new life begins without what the last one had.
      return { state: AccountState.LIVE, introduction: "", faceUrl: "", organization: "", ...ownerAndName(event.value) };
    case "accountProfileChanged": {
      const { name, introduction, faceUrl, organization } = event.value;
      return definedOnly({ name, introduction, faceUrl, organization });
    }
    case "accountDestroyed":
      return { state: AccountState.DESTROYED, ...ownerAndName(event.value) };
    case "subscribersAdded":
    case "subscribersRemoved":
    case "accountFull":
    case "messageSent":
    case "messagesWithdrawn":
    case undefined:
      return {};
  }
}

function ownerAndName(event: { owner: string; name: string }): Partial<AccountFields> {
  return definedOnly({ owner: event.owner || undefined, name: event.name || undefined });
}

function definedOnly<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: NonNullable<T[K]> };
}

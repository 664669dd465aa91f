// Events as rows: the columns that queries ask, and a body in protobuf JSON with all the rest.
import { fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import { TimestampSchema, timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type AccountCreated,
  type AccountDestroyed,
  type AccountFull,
  type AccountProfileChanged,
  type Event,
  EventSchema,
  type MessageSent,
  type MessagesWithdrawn,
  type SubscribersAdded,
  type SubscribersRemoved,
} from "../../gen/gatehouse/v1/event_pb.ts";
import { completeStored, elementsJson } from "./element-codec.ts";
import { type EveryField, originJson, timeColumn, unlessNone, unlessZero } from "./message-json.ts";

/** An event without its id and what it follows from. */
export interface EventRow {
  appId: number;
  /** Null when the event is about no account. */
  accountId: string | null;
  eventTimeMs: number | null;
  receiveTimeMs: number | null;
  /** The fields that are no columns. Read with unknown fields ignored, so that rows of a newer schema can be read. */
  body: string;
}

type EventCase = NonNullable<Event["event"]["case"]>;
type ColumnField = "eventId" | "appId" | "eventTime" | "receiveTime" | "followUp" | "decisionId" | "subscriberFollowUps";
type Body = EveryField<Omit<Event, ColumnField | "event">> & Record<EventCase, unknown>;

/** An event as a row. Its id and what it follows from are left out. */
export function encodeEvent(event: Event): EventRow {
  const body: Body = {
    requestId: unlessZero(event.requestId),
    origin: originJson(event.origin),
    accountCreated: event.event.case === "accountCreated" ? createdJson(event.event.value) : undefined,
    accountProfileChanged: event.event.case === "accountProfileChanged" ? profileChangedJson(event.event.value) : undefined,
    accountDestroyed: event.event.case === "accountDestroyed" ? destroyedJson(event.event.value) : undefined,
    subscribersAdded: event.event.case === "subscribersAdded" ? subscribersJson(event.event.value) : undefined,
    subscribersRemoved: event.event.case === "subscribersRemoved" ? subscribersJson(event.event.value) : undefined,
    accountFull: event.event.case === "accountFull" ? fullJson(event.event.value) : undefined,
    messageSent: event.event.case === "messageSent" ? messageSentJson(event.event.value) : undefined,
    messagesWithdrawn: event.event.case === "messagesWithdrawn" ? withdrawnJson(event.event.value) : undefined,
  };
  return {
    appId: event.appId,
    accountId: event.event.value?.accountId ?? null,
    eventTimeMs: timeColumn(event.eventTime),
    receiveTimeMs: timeColumn(event.receiveTime),
    body: JSON.stringify(body),
  };
}

/** The event of a row. */
export function decodeEvent(eventId: string, row: Omit<EventRow, "accountId">): Event {
  const event = fromJson(EventSchema, JSON.parse(row.body) as JsonValue, { ignoreUnknownFields: true });
  if (event.event.case === "messageSent") completeStored(event.event.value);
  event.eventId = eventId;
  event.appId = row.appId;
  if (row.eventTimeMs !== null) event.eventTime = timestampFromMs(row.eventTimeMs);
  if (row.receiveTimeMs !== null) event.receiveTime = timestampFromMs(row.receiveTimeMs);
  return event;
}

/** A creation in protobuf JSON. */
export function createdJson(event: AccountCreated): EveryField<AccountCreated> {
  return {
    accountId: event.accountId,
    operator: unlessZero(event.operator),
    owner: unlessZero(event.owner),
    name: unlessZero(event.name),
  };
}

/** A change of a profile in protobuf JSON. Fields that are set and empty stay: they were made empty. */
export function profileChangedJson(event: AccountProfileChanged): EveryField<AccountProfileChanged> {
  return {
    accountId: event.accountId,
    operator: unlessZero(event.operator),
    name: event.name,
    introduction: event.introduction,
    faceUrl: event.faceUrl,
    organization: event.organization,
  };
}

/** The sending of a message in protobuf JSON. */
export function messageSentJson(event: MessageSent): EveryField<MessageSent> {
  return {
    accountId: event.accountId,
    messageKey: unlessZero(event.messageKey),
    messageTime: event.messageTime && toJson(TimestampSchema, event.messageTime),
    onlineOnly: unlessZero(event.onlineOnly),
    elements: elementsJson(event.elements),
    customData: unlessZero(event.customData),
  };
}

function withdrawnJson(event: MessagesWithdrawn): EveryField<MessagesWithdrawn> {
  return { accountId: event.accountId, messageKeys: unlessNone(event.messageKeys) };
}

function fullJson(event: AccountFull): EveryField<AccountFull> {
  return { accountId: event.accountId };
}

function destroyedJson(event: AccountDestroyed): EveryField<AccountDestroyed> {
  return { accountId: event.accountId, owner: unlessZero(event.owner), name: unlessZero(event.name) };
}

function subscribersJson(event: SubscribersAdded | SubscribersRemoved): EveryField<SubscribersAdded | SubscribersRemoved> {
  return { accountId: event.accountId, operator: unlessZero(event.operator), subscribers: unlessNone(event.subscribers) };
}

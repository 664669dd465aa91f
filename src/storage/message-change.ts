// What an event says of messages, and the message that comes of it.
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Message, MessageSchema } from "../../gen/gatehouse/v1/account_service_pb.ts";
import type { Event } from "../../gen/gatehouse/v1/event_pb.ts";
import { effectiveTimeMs } from "./account-change.ts";
import { digestHex, timeColumn } from "./message-json.ts";
import type { MessageChange, MessageRecord } from "./message-merge.ts";

/** What an event says of messages of its account; undefined when it says nothing of them. */
export function messageChange(event: Event, digest: Uint8Array): MessageChange | undefined {
  const { case: kind, value } = event.event;
  const timeMs = effectiveTimeMs(event);
  if (kind === "messageSent") {
    const { messageKey, messageTime, onlineOnly } = value;
    return { change: "sent", key: messageKey, timeMs, messageTimeMs: timeColumn(messageTime), onlineOnly, digest: digestHex(digest) };
  }
  if (kind === "messagesWithdrawn") return { change: "withdrawn", keys: [...new Set(value.messageKeys)], timeMs };
  return undefined;
}

/** The message of a record: what it consists of is what the event of its sending says, as long as that is kept. */
export function messageOf(
  key: Pick<Message, "appId" | "accountId" | "messageKey" | "eventId">,
  { messageTimeMs, onlineOnly, withdrawnMs }: Pick<MessageRecord, "messageTimeMs" | "onlineOnly" | "withdrawnMs">,
  sent: Event | undefined,
): Message {
  const message = create(MessageSchema, { ...key, onlineOnly: onlineOnly === 1 });
  if (messageTimeMs !== null) message.messageTime = timestampFromMs(messageTimeMs);
  if (withdrawnMs !== null) message.withdrawTime = timestampFromMs(withdrawnMs);
  if (sent?.event.case === "messageSent") {
    message.elements = sent.event.value.elements;
    message.customData = sent.event.value.customData;
  }
  return message;
}

// Messages as rows of the table `messages`, with the events of their sending.
import type { Message } from "../../gen/gatehouse/v1/account_service_pb.ts";
import { decodeEvent } from "./event-codec.ts";
import { messageOf } from "./message-change.ts";
import { formatSequenceId } from "./sequence-ids.ts";

/** A message, and the event of its sending. */
export interface MessageRow {
  message_id: number;
  app_id: number;
  account_id: string;
  message_key: string;
  sent_seq: number | null;
  message_time: number | null;
  online_only: number;
  withdraw_time: number | null;
  /** NULL when no sending was seen, or its event is not kept any more; with it the two times of the event. */
  body: string | null;
  event_time: number | null;
  receive_time: number | null;
}

/** Reads messages of an app and account below an id, the latest first, with a limit. */
export const selectMessages = `SELECT message_id, messages.app_id, messages.account_id, message_key, sent_seq, message_time, online_only, withdraw_time,
    body, event_time, receive_time
  FROM messages LEFT JOIN events ON seq = sent_seq
  WHERE messages.app_id = ? AND messages.account_id = ? AND message_id < ? ORDER BY message_id DESC LIMIT ?`;

/** The message of a row. */
export function messageOfRow(row: MessageRow): Message {
  const { app_id: appId, account_id: accountId, message_key: messageKey, sent_seq: seq, body } = row;
  const eventId = seq === null ? "" : formatSequenceId("evt", seq);
  const sent =
    body === null ? undefined : decodeEvent(eventId, { appId, eventTimeMs: row.event_time, receiveTimeMs: row.receive_time, body });
  const record = { messageTimeMs: row.message_time, onlineOnly: row.online_only, withdrawnMs: row.withdraw_time };
  return messageOf({ appId, accountId, messageKey, eventId }, record, sent);
}

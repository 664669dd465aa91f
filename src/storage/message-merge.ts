// How events make messages: of what was sent the latest event counts, of withdrawals the earliest, whatever the order and number of deliveries.

/** What one event says of messages of its account. Plain data: it may cross threads as JSON. */
export type MessageChange =
  | {
      change: "sent";
      /** Empty when the event names none. */
      key: string;
      /** When it happened; when it was received, for an event that does not say. */
      timeMs: number;
      /** When it was sent, by Chat's clock, and whether it was for those online. */
      messageTimeMs: number | null;
      onlineOnly: boolean;
      /** The digest of the event in lower-case hexadecimal, which decides between events of the same time. */
      digest: string;
    }
  | {
      change: "withdrawn";
      /** Each once. */
      keys: string[];
      timeMs: number;
    };

/** What stores keep of one message. */
export interface MessageRecord {
  /** The event of its sending that counts; null when none was seen. */
  sentSeq: number | null;
  sentMs: number | null;
  sentDigest: string | null;
  messageTimeMs: number | null;
  /** 1 or 0. */
  onlineOnly: number;
  /** The earliest time at which an event withdrew it; null when none did. */
  withdrawnMs: number | null;
}

/** A message of which nothing is known. */
export const unknownMessage: MessageRecord = {
  sentSeq: null,
  sentMs: null,
  sentDigest: null,
  messageTimeMs: null,
  onlineOnly: 0,
  withdrawnMs: null,
};

/** The record after the event with this sequence number. Changes nothing that it is given. */
export function applyMessage(record: MessageRecord, change: MessageChange, seq: number): MessageRecord {
  if (change.change === "withdrawn") {
    return { ...record, withdrawnMs: Math.min(record.withdrawnMs ?? change.timeMs, change.timeMs) };
  }
  const { timeMs, digest, messageTimeMs, onlineOnly } = change;
  const { sentMs, sentDigest } = record;
  const isLater = sentMs === null || timeMs > sentMs || (timeMs === sentMs && digest > (sentDigest ?? ""));
  return isLater ? { ...record, sentSeq: seq, sentMs: timeMs, sentDigest: digest, messageTimeMs, onlineOnly: onlineOnly ? 1 : 0 } : record;
}

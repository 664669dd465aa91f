// How messages are written, with the counts of them. Runs in the writer thread, inside the transaction of a batch.
import type { Database } from "better-sqlite3";
import { applyMessage, type MessageChange, type MessageRecord, unknownMessage } from "../message-merge.ts";

/** Applies what the event with this sequence number says of messages of its account, whose row is there. */
export type ApplyMessages = (appId: number, accountId: string, change: MessageChange, seq: number) => void;

/** Prepares the writing of messages. */
export function prepareMessages(db: Database): ApplyMessages {
  const find = db.prepare(
    `SELECT sent_seq AS sentSeq, sent_time AS sentMs, sent_digest AS sentDigest, message_time AS messageTimeMs,
       online_only AS onlineOnly, withdraw_time AS withdrawnMs FROM messages
     WHERE app_id = ? AND account_id = ? AND message_key = ?`,
  );
  const save = db.prepare(
    `INSERT INTO messages (app_id, account_id, message_key, sent_seq, sent_time, sent_digest, message_time, online_only, withdraw_time)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (app_id, account_id, message_key) DO UPDATE SET sent_seq = excluded.sent_seq, sent_time = excluded.sent_time,
       sent_digest = excluded.sent_digest, message_time = excluded.message_time, online_only = excluded.online_only,
       withdraw_time = excluded.withdraw_time`,
  );
  const count = db.prepare(
    `UPDATE accounts SET messages_sent = messages_sent + ?, messages_withdrawn = messages_withdrawn + ? WHERE app_id = ? AND account_id = ?`,
  );

  return (appId, accountId, change, seq) => {
    const keys = change.change === "withdrawn" ? change.keys : change.key === "" ? [] : [change.key];
    let sent = change.change === "sent" && change.key === "" ? 1 : 0;
    let withdrawn = 0;
    for (const key of keys) {
      const before = (find.get(appId, accountId, key) as MessageRecord | undefined) ?? unknownMessage;
      const after = applyMessage(before, change, seq);
      const { sentSeq, sentMs, sentDigest, messageTimeMs, onlineOnly, withdrawnMs } = after;
      save.run(appId, accountId, key, sentSeq, sentMs, sentDigest, messageTimeMs, onlineOnly, withdrawnMs);
      if (before.sentSeq === null && after.sentSeq !== null) sent++;
      if (before.withdrawnMs === null && after.withdrawnMs !== null) withdrawn++;
    }
    if (sent > 0 || withdrawn > 0) count.run(sent, withdrawn, appId, accountId);
  };
}

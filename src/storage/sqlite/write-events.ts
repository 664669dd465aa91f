// How events are written, and the accounts that they make. Runs in the writer thread, inside the transaction of a batch.
import type { Database } from "better-sqlite3";
import { type AccountChange, applyChange } from "../account-merge.ts";
import type { SubscriptionChange } from "../subscription-merge.ts";
import { type AccountRow, recordOfRow, selectAccount, upsertAccount, valuesOfRecord } from "./account-rows.ts";
import type { Sequence } from "./sequence.ts";
import { formatSequenceId } from "./sequence-ids.ts";
import type { InsertDecision } from "./write-decisions.ts";
import { prepareSubscriptions } from "./write-subscriptions.ts";
import type { Takings } from "./write-takings.ts";
import type { DecisionValues, WriteOperations } from "./writes.ts";

/** Where the id of the event stands among the values of a decision: at the end. */
const eventIdIndex = 11;

/** Prepares the appending of events. */
export function eventAppender(
  db: Database,
  sequence: Sequence,
  insertDecision: InsertDecision,
  takings: Takings,
): WriteOperations["appendEvent"] {
  const insert = db.prepare(
    `INSERT INTO events (seq, app_id, account_id, digest, event_time, receive_time, body)
     VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING`,
  );
  const findByDigest = db.prepare("SELECT seq FROM events WHERE digest = ?").pluck();
  const findAccount = db.prepare(`${selectAccount} WHERE app_id = ? AND account_id = ?`);
  const saveAccount = db.prepare(upsertAccount);
  const applySubscriptions = prepareSubscriptions(db);

  function apply(appId: number, accountId: string, change: AccountChange): void {
    const row = findAccount.get(appId, accountId) as AccountRow | undefined;
    const record = applyChange(row === undefined ? undefined : recordOfRow(row), change);
    saveAccount.run(appId, accountId, ...valuesOfRecord(record));
  }

  return (appId, accountId, digestHex, eventTimeMs, receiveTimeMs, body, nowMs, change, subscriptions, confirmed, flagged) => {
    const seq = sequence.next();
    const digest = Buffer.from(digestHex, "hex");
    if (insert.run(seq, appId, accountId, digest, eventTimeMs, receiveTimeMs, body).changes === 0) {
      return -(findByDigest.get(digest) as number);
    }
    sequence.use(seq);
    if (accountId !== null && change !== null) apply(appId, accountId, JSON.parse(change) as AccountChange);
    if (accountId !== null && subscriptions !== null) applySubscriptions(appId, accountId, JSON.parse(subscriptions) as SubscriptionChange);
    if (confirmed !== null) {
      const [owner, normalizedName] = JSON.parse(confirmed) as [string, string];
      takings.confirm(appId, owner, normalizedName, nowMs);
    }
    if (flagged !== null) {
      const decisionSeq = sequence.next();
      const values = JSON.parse(flagged) as DecisionValues;
      values[eventIdIndex] = formatSequenceId("evt", seq);
      insertDecision(decisionSeq, values);
      sequence.use(decisionSeq);
    }
    return seq;
  };
}

// How subscriptions are written, with the counts of them that rules ask. Runs in the writer thread, inside the transaction of a batch.
import type { Database } from "better-sqlite3";
import { applySubscription, isInForce, type SubscriptionChange, type SubscriptionRecord } from "../subscription-merge.ts";
import { selectSubscription } from "./subscription-rows.ts";

/** Applies what an event says of subscriptions to its account. */
export type ApplySubscriptions = (appId: number, accountId: string, change: SubscriptionChange) => void;

/** Prepares the writing of subscriptions. */
export function prepareSubscriptions(db: Database): ApplySubscriptions {
  const find = db.prepare(selectSubscription);
  const save = db.prepare(
    `INSERT INTO subscriptions (app_id, account_id, subscriber, since_time, until_time) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET since_time = excluded.since_time, until_time = excluded.until_time`,
  );
  const countOfUser = db.prepare(
    `INSERT INTO subscription_counts (app_id, subscriber, count) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count`,
  );
  const countOfAccount = db.prepare(
    `INSERT INTO subscriber_counts (app_id, account_id, count) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count`,
  );

  /** How many subscriptions are in force more than before: 1, 0 or -1. */
  function apply(appId: number, accountId: string, subscriber: string, change: SubscriptionChange): number {
    const before = find.get(appId, accountId, subscriber) as SubscriptionRecord | undefined;
    const after = applySubscription(before, change);
    save.run(appId, accountId, subscriber, after.sinceMs, after.untilMs);
    const more = Number(isInForce(after)) - Number(isInForce(before));
    if (more !== 0) countOfUser.run(appId, subscriber, more);
    return more;
  }

  return (appId, accountId, change) => {
    let more = 0;
    for (const subscriber of change.subscribers) more += apply(appId, accountId, subscriber, change);
    if (more !== 0) countOfAccount.run(appId, accountId, more);
  };
}

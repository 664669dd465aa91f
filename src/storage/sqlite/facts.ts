// The facts that rules ask: what is on disk and settled, and what appends under way have taken and counted.

import { Standing } from "../creation-rows.ts";
import { bucketStartMs, firstBucketStartMs } from "../rate-buckets.ts";
import type { StoredFacts } from "../storage.ts";
import { isInForce, type SubscriptionRecord } from "../subscription-merge.ts";
import type { UnderWay } from "../under-way.ts";
import type { KnownLists } from "./known-lists.ts";
import type { Reader } from "./reader.ts";
import { selectSubscription } from "./subscription-rows.ts";

const selectEntry = "SELECT 1 FROM list_entries WHERE list_id = ? AND value = ? AND (expire_time IS NULL OR expire_time > ?)";

const selectValues = "SELECT value FROM list_entries WHERE list_id = ? AND (expire_time IS NULL OR expire_time > ?)";

// Named, because the planner would rather go through all live accounts of the app.
const countAccounts = `SELECT (SELECT count(*) FROM accounts INDEXED BY accounts_by_owner WHERE app_id = ? AND owner = ? AND state = 1)
    + (SELECT count(*) FROM creations WHERE app_id = ? AND owner = ? AND standing = ${Standing.roomy} AND lapse_time > ?) AS count`;

const selectName = `SELECT 1 WHERE EXISTS (SELECT 1 FROM accounts INDEXED BY accounts_by_normalized_name WHERE app_id = ? AND normalized_name = ? AND state = 1)
    OR EXISTS (SELECT 1 FROM reserved_names WHERE app_id = ? AND normalized_name = ? AND lapse_time > ?)`;

const selectSubscriptionCount = "SELECT count FROM subscription_counts WHERE app_id = ? AND subscriber = ?";

const selectSubscriberCount = "SELECT count FROM subscriber_counts WHERE app_id = ? AND account_id = ?";

const selectMessageCount = "SELECT messages_sent AS count FROM accounts WHERE app_id = ? AND account_id = ?";

const sumBuckets = `SELECT sum(count) AS count FROM rate_buckets
  WHERE counter_id = (SELECT counter_id FROM rate_counters WHERE app_id = ? AND action = ? AND window_ms = ?)
    AND key = ? AND start BETWEEN ? AND ?`;

/** Creates the facts as they are at a moment. They hold until the event loop comes round. */
export function createFactsAt(reader: Reader, lists: KnownLists, underWay: UnderWay): (nowMs: number) => StoredFacts {
  let last: { nowMs: number; facts: StoredFacts } | undefined;
  return (nowMs) => {
    // They keep nothing but the time, and under load many ask in one millisecond.
    if (last?.nowMs !== nowMs) last = { nowMs, facts: factsAt(nowMs) };
    return last.facts;
  };

  function factsAt(nowMs: number): StoredFacts {
    return {
      inList(list, value) {
        const known = lists.find(list);
        if (known === undefined) return false;
        return known.recall(value) ?? reader.value(selectEntry, known.listId, value, nowMs) !== undefined;
      },

      listVersion: (list) => lists.find(list)?.versionAt(nowMs) ?? 0,

      listValues(list) {
        const known = lists.find(list);
        return known === undefined ? [] : reader.all<{ value: string }>(selectValues, known.listId, nowMs).map(({ value }) => value);
      },

      liveAccounts(appId, owner) {
        const onDisk = reader.value<number>(countAccounts, appId, owner, appId, owner, nowMs) ?? 0;
        return onDisk + underWay.reservedBy(appId, owner, nowMs);
      },

      nameInUse(appId, normalizedName) {
        // What has no name is not in the way of another that has none.
        if (normalizedName === "") return false;
        return (
          underWay.hasName(appId, normalizedName, nowMs) ||
          reader.value(selectName, appId, normalizedName, appId, normalizedName, nowMs) !== undefined
        );
      },

      subscriptions: (appId, user) => reader.value<number>(selectSubscriptionCount, appId, user) ?? 0,

      subscribers: (appId, accountId) => reader.value<number>(selectSubscriberCount, appId, accountId) ?? 0,

      isSubscribed: (appId, accountId, user) => isInForce(reader.get<SubscriptionRecord>(selectSubscription, appId, accountId, user)),

      messagesSent: (appId, accountId) => reader.get<{ count: number }>(selectMessageCount, appId, accountId)?.count ?? 0,

      rate(counter, key) {
        const { appId, action, windowMs } = counter;
        const [first, last] = [firstBucketStartMs(windowMs, nowMs), bucketStartMs(windowMs, nowMs)];
        const onDisk = reader.value<number | null>(sumBuckets, appId, action, windowMs, key, first, last) ?? 0;
        return onDisk + underWay.countedIn(counter, key, first, last);
      },
    };
  }
}

// How events make subscriptions: per account and user, the latest event wins, so that any order and number of deliveries ends in the same state.

/** What one event says of subscriptions to its account. Plain data: it may cross threads as JSON. */
export interface SubscriptionChange {
  change: "added" | "removed";
  /** When it happened; when it was received, for an event that does not say. */
  timeMs: number;
  /** Each user once. */
  subscribers: string[];
}

/** What stores keep of one user and one account. */
export interface SubscriptionRecord {
  /** The latest time at which the user became a subscriber; null when no event said so. */
  sinceMs: number | null;
  /** The latest time at which the user ceased to be one; null when no event said so. */
  untilMs: number | null;
}

/** The record after a change; undefined is a user and an account of which nothing is known yet. Changes nothing that it is given. */
export function applySubscription(record: SubscriptionRecord | undefined, { change, timeMs }: SubscriptionChange): SubscriptionRecord {
  const { sinceMs, untilMs } = record ?? { sinceMs: null, untilMs: null };
  return change === "added"
    ? { sinceMs: Math.max(timeMs, sinceMs ?? timeMs), untilMs }
    : { sinceMs, untilMs: Math.max(timeMs, untilMs ?? timeMs) };
}

/**
 * Whether the user subscribes. At equal times the removal wins, as a destruction does. Digests need not be compared: two events of one kind and
 * time say the same.
 */
export function isInForce(record: SubscriptionRecord | undefined): boolean {
  if (record === undefined || record.sinceMs === null) return false;
  return record.untilMs === null || record.sinceMs > record.untilMs;
}

// Subscriptions as rows of the table `subscriptions`, for both sides of the store.

/** Reads the SubscriptionRecord of an app, an account and a user. */
export const selectSubscription =
  "SELECT since_time AS sinceMs, until_time AS untilMs FROM subscriptions WHERE app_id = ? AND account_id = ? AND subscriber = ?";

// What stands in every table: what goes when a decision or an event is deleted, and where ids of users are. A test compares it with the schema.

/** What stands in a column of text. */
export type TextContent =
  /** The id of a user, alone, or nothing. */
  | "user"
  /** JSON in which ids of users stand, alone or within texts. */
  | "json"
  /** A text in which ids of users can stand, such as what a rule says. */
  | "text"
  /** A key that may be made of ids of users and other things. */
  | "key"
  /** The same, about lists: kept when lists are. */
  | "listText"
  /** Nothing that is about users by their ids. */
  | "other";

/** What stands in a table. */
export interface TableContent {
  /** When its rows go: `never`, as far as age is concerned; `byAge`; or together with the decision or event whose sequence number is in a column. */
  goes: "never" | "byAge" | { with: "decisions" | "events"; column: string };
  /** The primary key. */
  key: readonly string[];
  /** SQL for the app of a row, NULL for all apps. Not given: it has nothing of apps. */
  app?: string;
  /** Every column of text. */
  texts: Readonly<Record<string, TextContent>>;
}

/** Every table of the schema. */
export const tableContents: Readonly<Record<string, TableContent>> = {
  decisions: {
    goes: "byAge",
    key: ["seq"],
    app: "app_id",
    texts: { request_id: "key", account_id: "other", operator: "user", owner: "user", body: "json", event_id: "other" },
  },
  shadow_outcomes: {
    goes: { with: "decisions", column: "seq" },
    key: ["seq"],
    app: "(SELECT app_id FROM decisions WHERE decisions.seq = shadow_outcomes.seq)",
    texts: { body: "json" },
  },
  degraded_answers: { goes: { with: "decisions", column: "seq" }, key: ["seq"], texts: {} },
  restores: { goes: "never", key: ["last_seq"], texts: {} },
  // A part is named by its place, not by its user.
  follow_ups: { goes: { with: "decisions", column: "decision_seq" }, key: ["decision_seq"], texts: { parts: "other" } },
  cases: {
    goes: "never",
    key: ["seq"],
    app: "app_id",
    texts: { account_id: "other", user: "user", closed_by: "other", close_reason: "text" },
  },
  case_closings: { goes: "never", key: ["seq"], app: "app_id", texts: { account_id: "other" } },
  open_case_counts: { goes: "never", key: ["kind"], texts: {} },
  // Forgotten by a sweep of their own, as soon as nothing can be joined with them any more.
  creations: {
    goes: "never",
    key: ["app_id", "owner", "standing", "name", "operator", "seq"],
    app: "app_id",
    texts: { owner: "user", name: "other", operator: "user", account_id: "other" },
  },
  reserved_names: {
    goes: "never",
    key: ["app_id", "normalized_name", "lapse_time", "seq"],
    app: "app_id",
    texts: { normalized_name: "other" },
  },
  follow_up_sweep: { goes: "never", key: ["one"], texts: {} },
  rate_counters: { goes: "never", key: ["counter_id"], app: "app_id", texts: { action: "other" } },
  rate_buckets: {
    goes: "never",
    key: ["counter_id", "key", "start"],
    app: "(SELECT app_id FROM rate_counters WHERE rate_counters.counter_id = rate_buckets.counter_id)",
    texts: { key: "key" },
  },
  events: { goes: "byAge", key: ["seq"], app: "app_id", texts: { account_id: "other", body: "json", follow_up_parts: "other" } },
  // Made anew where decisions and events are deleted or name others than before.
  user_segments: { goes: "never", key: ["segment_id"], texts: {} },
  user_parts: { goes: "never", key: ["part_id"], texts: {} },
  accounts: {
    goes: "never",
    key: ["app_id", "account_id"],
    app: "app_id",
    texts: {
      account_id: "other",
      owner: "user",
      name: "other",
      introduction: "other",
      face_url: "other",
      organization: "other",
      stamps: "other",
      normalized_name: "other",
    },
  },
  account_changes: {
    goes: "never",
    key: ["app_id", "account_id", "time", "rank", "digest"],
    app: "app_id",
    texts: {
      account_id: "other",
      operator: "user",
      owner: "user",
      name: "other",
      introduction: "other",
      face_url: "other",
      organization: "other",
    },
  },
  account_owners: {
    goes: "never",
    key: ["app_id", "owner", "account_id"],
    app: "app_id",
    texts: { owner: "user", account_id: "other" },
  },
  subscriptions: {
    goes: "never",
    key: ["app_id", "account_id", "subscriber"],
    app: "app_id",
    texts: { account_id: "other", subscriber: "user" },
  },
  subscriber_counts: { goes: "never", key: ["app_id", "account_id"], app: "app_id", texts: { account_id: "other" } },
  subscription_counts: { goes: "never", key: ["app_id", "subscriber"], app: "app_id", texts: { subscriber: "user" } },
  // What was sent is in the event, and goes with it.
  messages: {
    goes: "never",
    key: ["message_id"],
    app: "app_id",
    texts: { account_id: "other", message_key: "other", sent_digest: "other" },
  },
  lists: { goes: "never", key: ["list_id"], texts: { name: "other" } },
  // An entry is taken from its list as any other is, so that rules hear of it.
  list_entries: { goes: "never", key: ["list_id", "value"], texts: { value: "other", reason: "other", author: "other", source: "other" } },
  list_edits: {
    goes: "never",
    key: ["seq"],
    texts: { value: "listText", author: "other", reason: "listText", source: "other" },
  },
  policies: { goes: "never", key: ["policy_id"], texts: { version: "other", text: "other", author: "other", reason: "other" } },
  activations: { goes: "never", key: ["seq"], texts: { pointer: "other", author: "other", reason: "other" } },
  keys: {
    goes: "never",
    key: ["key_order"],
    texts: { key_id: "other", name: "other", roles: "other", app_ids: "other", secret_digest: "other", creator: "other", revoker: "other" },
  },
  audit_entries: {
    goes: "never",
    key: ["audit_seq"],
    app: "nullif(app_id, 0)",
    texts: {
      // Who acts here is an operator of Gatehouse, not a user of the app.
      principal_id: "other",
      principal_name: "other",
      method: "other",
      target: "text",
      request: "json",
      before: "json",
      after: "json",
      outcome: "other",
    },
  },
  feed: { goes: "never", key: ["one"], texts: {} },
  retention_walks: { goes: "never", key: ["class"], texts: { class: "other" } },
  // Rows go as soon as their decision or event does.
  retention_left: { goes: "never", key: ["class", "seq"], texts: { class: "other" } },
  erasures: {
    goes: "never",
    key: ["erasure_seq"],
    app: "nullif(app_id, 0)",
    // Loses the user and the place with its end.
    texts: { user: "other", pseudonym: "other", place: "other", place_key: "other", found: "other" },
  },
  checks: { goes: "never", key: ["one"], texts: {} },
};

/** What names decisions and events that must stay, such as an open case: conditions of SQL about `seq`. */
export const keptBy: Readonly<Record<"decisions" | "events", readonly string[]>> = {
  decisions: ["EXISTS (SELECT 1 FROM cases WHERE cases.decision_seq = decisions.seq AND close_time IS NULL)"],
  events: ["EXISTS (SELECT 1 FROM cases WHERE cases.event_seq = events.seq AND close_time IS NULL)"],
};

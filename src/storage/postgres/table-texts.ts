// Where ids of users stand in the tables. A test compares it with the schema.

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
  /** The same as a text, about lists: kept when lists are. */
  | "listText";

/** A table in which ids of users stand. */
export interface TableTexts {
  /** The primary key. */
  key: readonly string[];
  /** SQL for the app of a row, NULL for all apps. Not given: it has nothing of apps. */
  app?: string;
  /** The columns. */
  texts: Readonly<Record<string, TextContent>>;
}

/** The tables, in the order in which they are looked through. */
export const tableTexts: Readonly<Record<string, TableTexts>> = {
  decisions: {
    key: ["seq"],
    app: "app_id",
    texts: { request_id: "key", operator: "user", owner: "user", body: "json" },
  },
  shadow_outcomes: {
    key: ["seq"],
    app: "(SELECT app_id FROM decisions WHERE decisions.seq = shadow_outcomes.seq)",
    texts: { body: "json" },
  },
  cases: { key: ["seq"], app: "app_id", texts: { user: "user", close_reason: "text" } },
  creations: {
    key: ["app_id", "owner", "standing", "name", "operator", "seq"],
    app: "app_id",
    texts: { owner: "user", operator: "user" },
  },
  rate_buckets: { key: ["app_id", "action", "window_ms", "key", "start"], app: "app_id", texts: { key: "key" } },
  events: { key: ["seq"], app: "app_id", texts: { body: "json" } },
  event_users: { key: ["app_id", "user", "seq"], app: "app_id", texts: { user: "user" } },
  accounts: { key: ["app_id", "account_id"], app: "app_id", texts: { owner: "user" } },
  account_changes: {
    key: ["app_id", "account_id", "time", "rank", "digest"],
    app: "app_id",
    texts: { operator: "user", owner: "user" },
  },
  account_owners: { key: ["app_id", "owner", "account_id"], app: "app_id", texts: { owner: "user" } },
  subscriptions: { key: ["app_id", "account_id", "subscriber"], app: "app_id", texts: { subscriber: "user" } },
  subscription_counts: { key: ["app_id", "subscriber"], app: "app_id", texts: { subscriber: "user" } },
  list_edits: { key: ["seq"], texts: { value: "listText", reason: "listText" } },
  audit_entries: {
    key: ["audit_seq"],
    app: "nullif(app_id, 0)",
    texts: { target: "text", request: "json", before: "json", after: "json" },
  },
};

/** Columns of text in which no id of a user stands, by table: what people have written, ids of other things, words of the program. */
export const otherTexts: Readonly<Record<string, readonly string[]>> = {
  committers: ["committer"],
  log_head: ["live_version", "shadow_version", "timeline"],
  policies: ["version", "text", "author", "reason"],
  activations: ["pointer", "author", "reason"],
  decisions: ["account_id", "event_id"],
  events: ["account_id", "follow_up_parts"],
  follow_ups: ["parts"],
  accounts: ["account_id", "name", "normalized_name", "introduction", "face_url", "organization", "stamps"],
  account_changes: ["account_id", "name", "introduction", "face_url", "organization"],
  account_owners: ["account_id"],
  subscriptions: ["account_id"],
  subscriber_counts: ["account_id"],
  messages: ["account_id", "message_key", "sent_digest"],
  lists: ["name"],
  // An entry is taken from its list as any other is, so that rules hear of it.
  list_entries: ["value", "reason", "author", "source"],
  list_edits: ["author", "source"],
  rate_buckets: ["action"],
  cases: ["account_id", "closed_by"],
  case_closings: ["account_id"],
  creations: ["name", "account_id"],
  reserved_names: ["normalized_name"],
  retention_walks: ["class"],
  retention_left: ["class"],
  // Loses the user and the place with its end.
  erasures: ["user", "pseudonym", "place", "place_key", "found"],
  keys: ["key_id", "name", "roles", "app_ids", "secret_digest", "creator", "revoker"],
  // Who acts here is an operator of Gatehouse, not a user of the app.
  audit_entries: ["principal_id", "principal_name", "method", "outcome"],
};

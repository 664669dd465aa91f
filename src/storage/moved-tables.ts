// What is copied when a store is moved to a database of another kind: the tables, as every store can read and write them. A test compares it with the schemas.

/** What a column holds. Nothing stands in it where it is NULL. */
export type MovedColumn = "integer" | "text" | "bytes";

/** A table that is copied row by row. */
export interface MovedTable {
  name: string;
  /** The columns by which its rows are in order, bytes and texts by their bytes. No two rows have the same values in them. */
  key: readonly string[];
  columns: Readonly<Record<string, MovedColumn>>;
}

/**
 * Every table, those first that others refer to. What can be made of other columns is not copied: who is named by decisions and events, of which class
 * of retention they are, which version a list has, and when a bucket is past. An erasure that has not ended begins its walk anew.
 */
export const movedTables: readonly MovedTable[] = [
  {
    name: "policies",
    key: ["policy_id"],
    columns: {
      ...{ policy_id: "integer", version: "text", text: "text", author: "text", reason: "text" },
      ...{ publish_time: "integer", publish_order: "integer" },
    },
  },
  { name: "lists", key: ["list_id"], columns: { list_id: "integer", name: "text", kind: "integer", entry_count: "integer" } },
  {
    name: "activations",
    key: ["seq"],
    columns: {
      ...{ seq: "integer", pointer: "text", policy_id: "integer", previous_policy_id: "integer", author: "text", reason: "text" },
      activate_time: "integer",
    },
  },
  {
    name: "decisions",
    key: ["seq"],
    columns: {
      ...{ seq: "integer", app_id: "integer", request_id: "text", action_digest: "bytes", account_id: "text", operator: "text" },
      ...{ owner: "text", verdict: "integer", policy_id: "integer", event_time: "integer", decide_time: "integer", body: "text" },
      event_id: "text",
    },
  },
  { name: "shadow_outcomes", key: ["seq"], columns: { seq: "integer", policy_id: "integer", body: "text" } },
  {
    name: "degraded_answers",
    key: ["seq"],
    columns: { seq: "integer", cause: "integer", verdict: "integer", code: "integer", answer_time: "integer" },
  },
  {
    name: "follow_ups",
    key: ["decision_seq"],
    columns: {
      ...{ decision_seq: "integer", follow_up: "integer", follow_up_event_seq: "integer", follow_up_time: "integer" },
      ...{ parts: "text", missing: "integer", abandon_time: "integer" },
    },
  },
  {
    name: "events",
    key: ["seq"],
    columns: {
      ...{ seq: "integer", app_id: "integer", account_id: "text", digest: "bytes", event_time: "integer", receive_time: "integer" },
      ...{ body: "text", follow_up: "integer", decision_seq: "integer", follow_up_parts: "text" },
    },
  },
  {
    name: "cases",
    key: ["seq"],
    columns: {
      ...{ seq: "integer", app_id: "integer", kind: "integer", decision_seq: "integer", event_seq: "integer", account_id: "text" },
      ...{ user: "text", open_time: "integer", close_time: "integer", closed_by: "text", close_reason: "text" },
    },
  },
  { name: "case_closings", key: ["seq"], columns: { seq: "integer", case_seq: "integer", app_id: "integer", account_id: "text" } },
  { name: "open_case_counts", key: ["kind"], columns: { kind: "integer", count: "integer" } },
  {
    name: "creations",
    key: ["app_id", "owner", "standing", "name", "operator", "seq"],
    columns: {
      ...{ app_id: "integer", owner: "text", standing: "integer", name: "text", operator: "text", seq: "integer" },
      ...{ ask_time: "integer", lapse_time: "integer", event_seq: "integer", event_time: "integer", account_id: "text" },
    },
  },
  {
    name: "reserved_names",
    key: ["app_id", "normalized_name", "lapse_time", "seq"],
    columns: { app_id: "integer", normalized_name: "text", lapse_time: "integer", seq: "integer" },
  },
  {
    name: "follow_up_sweep",
    key: ["one"],
    columns: {
      ...{ one: "integer", abandoned_to: "integer", forgotten_to: "integer", bypasses_forgotten_to: "integer" },
      parts_abandoned_to: "integer",
    },
  },
  {
    name: "rate_buckets",
    key: ["app_id", "action", "window_ms", "key", "start"],
    columns: { app_id: "integer", action: "text", window_ms: "integer", key: "text", start: "integer", count: "integer" },
  },
  {
    name: "accounts",
    key: ["app_id", "account_id"],
    columns: {
      ...{ app_id: "integer", account_id: "text", owner: "text", name: "text", normalized_name: "text", introduction: "text" },
      ...{ face_url: "text", organization: "text", state: "integer", created: "integer", first_event_time: "integer" },
      ...{ last_event_time: "integer", full_time: "integer", stamps: "text", revision: "integer", messages_sent: "integer" },
      messages_withdrawn: "integer",
    },
  },
  {
    name: "account_changes",
    key: ["app_id", "account_id", "time", "rank", "digest"],
    columns: {
      ...{ app_id: "integer", account_id: "text", time: "integer", rank: "integer", digest: "bytes", seq: "integer", timed: "integer" },
      ...{ receive_time: "integer", operator: "text", owner: "text", name: "text", introduction: "text", face_url: "text" },
      ...{ organization: "text", state: "integer" },
    },
  },
  {
    name: "account_owners",
    key: ["app_id", "owner", "account_id"],
    columns: { app_id: "integer", owner: "text", account_id: "text" },
  },
  {
    name: "subscriptions",
    key: ["app_id", "account_id", "subscriber"],
    columns: { app_id: "integer", account_id: "text", subscriber: "text", since_time: "integer", until_time: "integer" },
  },
  { name: "subscriber_counts", key: ["app_id", "account_id"], columns: { app_id: "integer", account_id: "text", count: "integer" } },
  { name: "subscription_counts", key: ["app_id", "subscriber"], columns: { app_id: "integer", subscriber: "text", count: "integer" } },
  {
    name: "messages",
    key: ["app_id", "account_id", "message_key"],
    columns: {
      ...{ app_id: "integer", account_id: "text", message_key: "text", message_id: "integer", sent_seq: "integer", sent_time: "integer" },
      ...{ sent_digest: "text", message_time: "integer", online_only: "integer", withdraw_time: "integer" },
    },
  },
  {
    name: "list_entries",
    key: ["list_id", "value"],
    columns: {
      ...{ list_id: "integer", value: "text", reason: "text", author: "text", source: "text", expire_time: "integer" },
      create_time: "integer",
    },
  },
  {
    name: "list_edits",
    key: ["seq"],
    columns: {
      ...{ seq: "integer", list_id: "integer", value: "text", change: "integer", author: "text", reason: "text", source: "text" },
      ...{ expire_time: "integer", edit_time: "integer" },
    },
  },
  { name: "restores", key: ["last_seq"], columns: { last_seq: "integer", next_seq: "integer", restore_time: "integer" } },
  { name: "retention_walks", key: ["class"], columns: { class: "text", seq: "integer" } },
  { name: "retention_left", key: ["class", "seq"], columns: { class: "text", seq: "integer" } },
  {
    name: "erasures",
    key: ["erasure_seq"],
    columns: {
      ...{ erasure_seq: "integer", app_id: "integer", user: "text", pseudonym: "text", is_preview: "integer", with_lists: "integer" },
      ...{ begin_time: "integer", end_time: "integer", found: "text" },
    },
  },
  {
    name: "keys",
    key: ["key_order"],
    columns: {
      ...{ key_order: "integer", key_id: "text", name: "text", roles: "text", app_ids: "text", secret_digest: "text", creator: "text" },
      ...{ create_time: "integer", expire_time: "integer", revoker: "text", revoke_time: "integer", last_use_time: "integer" },
    },
  },
  {
    name: "audit_entries",
    key: ["audit_seq"],
    columns: {
      ...{ audit_seq: "integer", principal_kind: "integer", principal_id: "text", principal_name: "text", method: "text" },
      ...{ app_id: "integer", target: "text", request: "text", before: "text", after: "text", outcome: "text", begin_time: "integer" },
    },
  },
];

// The tables, as the first migration makes them.

/** Texts are compared byte for byte, whatever the collation of the database. */
const text = 'text COLLATE "C"';

/**
 * - Decisions, events, cases and their closings, edits of lists and activations share one sequence, `seq`, given in the order of commits: whoever
 *   writes locks the one row of `log_head`, and gives the numbers after its `position`.
 * - `epoch` is raised by every transaction that changes what rules or writes are made of, so that who has read under an epoch knows whether that
 *   still holds.
 * - Times are milliseconds since 1970.
 */
export const createTables = `
  CREATE TABLE log_head (
    one integer PRIMARY KEY CHECK (one = 1),
    epoch bigint NOT NULL,
    position bigint NOT NULL, -- the highest sequence number in use
    earliest bigint NOT NULL, -- all later ones are still kept; who deletes changes raises it in the same transaction
    live_version ${text}, -- where the pointers point; NULL: at none
    shadow_version ${text},
    key_epoch bigint NOT NULL, -- raised when keys are made or revoked
    checks bigint NOT NULL -- raised by whoever wants to know whether it can write
  ) WITH (fillfactor = 10);
  INSERT INTO log_head VALUES (1, 0, 0, 0, NULL, NULL, 0, 0);

  CREATE TABLE committers ( -- the latest batch of each process
    committer ${text} PRIMARY KEY,
    batch bigint NOT NULL,
    moved_by bigint NOT NULL -- by how far its new sequence numbers were moved
  ) WITH (fillfactor = 50);

  CREATE TABLE policies (
    policy_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version ${text} NOT NULL UNIQUE,
    text ${text}, -- NULL while a decision has named the version and nobody has published it, as is the order
    author ${text} NOT NULL DEFAULT '',
    reason ${text} NOT NULL DEFAULT '',
    publish_time bigint,
    publish_order bigint UNIQUE
  );
  CREATE TABLE activations ( -- a pointer points where the last of its activations says
    seq bigint PRIMARY KEY,
    pointer ${text} NOT NULL,
    policy_id bigint REFERENCES policies,
    previous_policy_id bigint REFERENCES policies,
    author ${text} NOT NULL,
    reason ${text} NOT NULL,
    activate_time bigint NOT NULL
  );

  CREATE TABLE decisions (
    seq bigint PRIMARY KEY,
    app_id bigint NOT NULL,
    request_id ${text},
    action_digest bytea, -- only beside a request_id, which is all that asks for it
    account_id ${text},
    operator ${text},
    owner ${text}, -- NULL when it is the operator
    verdict integer NOT NULL,
    policy_id bigint,
    event_time bigint,
    decide_time bigint,
    is_plain boolean NOT NULL, -- it allowed all, no rule said more, and no fallback answered
    body ${text} NOT NULL,
    event_id ${text} -- NULL when it is about an action
  );
  CREATE UNIQUE INDEX decisions_by_request ON decisions (app_id, request_id) WHERE request_id IS NOT NULL;
  CREATE INDEX decisions_by_account ON decisions (account_id, seq) WHERE account_id IS NOT NULL;
  CREATE INDEX decisions_by_operator ON decisions (operator, seq) WHERE operator IS NOT NULL;
  CREATE INDEX decisions_by_owner ON decisions (owner, seq) WHERE owner IS NOT NULL;
  CREATE TABLE shadow_outcomes (
    seq bigint PRIMARY KEY,
    policy_id bigint NOT NULL,
    body ${text} -- NULL when the shadow policy said what the decision says, matches included
  );
  CREATE TABLE degraded_answers ( -- of decisions that were recorded and came too late: what the fallback answered instead
    seq bigint PRIMARY KEY,
    cause integer NOT NULL,
    verdict integer NOT NULL,
    code bigint NOT NULL,
    answer_time bigint NOT NULL
  );
  CREATE TABLE follow_ups ( -- what followed from decisions
    decision_seq bigint PRIMARY KEY,
    follow_up integer NOT NULL,
    follow_up_event_seq bigint, -- NULL when none did
    follow_up_time bigint NOT NULL,
    parts ${text}, -- of decisions on subscribers and messages, as the next two: JSON of [index, event, time] for each part that an event followed from
    missing integer,
    abandon_time bigint
  );
  CREATE INDEX follow_ups_by_kind ON follow_ups (follow_up, decision_seq);

  CREATE TABLE events (
    seq bigint PRIMARY KEY,
    app_id bigint NOT NULL,
    account_id ${text},
    digest bytea NOT NULL UNIQUE,
    event_time bigint,
    receive_time bigint,
    class integer NOT NULL, -- as src/storage/postgres/retention-classes.ts says
    body ${text} NOT NULL,
    follow_up integer, -- NULL for what is not known, and for what is no creation
    decision_seq bigint, -- NULL when it follows from none
    follow_up_parts ${text}
  );
  CREATE INDEX events_by_account ON events (app_id, account_id, seq);
  CREATE TABLE event_users ( -- which events name a user as operator, owner or subscriber
    app_id bigint NOT NULL,
    "user" ${text} NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (app_id, "user", seq)
  );

  CREATE TABLE accounts (
    app_id bigint NOT NULL,
    account_id ${text} NOT NULL,
    owner ${text} NOT NULL,
    name ${text} NOT NULL,
    normalized_name ${text} NOT NULL,
    introduction ${text} NOT NULL,
    face_url ${text} NOT NULL,
    organization ${text} NOT NULL,
    state integer NOT NULL,
    created integer NOT NULL,
    first_event_time bigint,
    last_event_time bigint,
    full_time bigint,
    stamps ${text} NOT NULL, -- JSON: when each field was last written
    revision bigint NOT NULL,
    messages_sent bigint NOT NULL,
    messages_withdrawn bigint NOT NULL,
    PRIMARY KEY (app_id, account_id)
  );
  CREATE INDEX accounts_by_owner ON accounts (owner, state, app_id, account_id);
  CREATE INDEX accounts_by_normalized_name ON accounts (normalized_name, state, app_id, account_id);
  CREATE INDEX accounts_by_name ON accounts (app_id, name, account_id);
  CREATE INDEX accounts_by_last_event ON accounts (app_id, last_event_time, account_id) WHERE last_event_time IS NOT NULL;
  CREATE INDEX accounts_destroyed ON accounts (app_id, account_id) WHERE state = 2;
  -- What each event said of its account's own fields; NULL: nothing. It outlives the event.
  CREATE TABLE account_changes (
    app_id bigint NOT NULL,
    account_id ${text} NOT NULL,
    time bigint NOT NULL, -- with the next two, the stamp of src/storage/account-merge.ts
    rank integer NOT NULL,
    digest bytea NOT NULL,
    seq bigint NOT NULL, -- of the event
    timed integer NOT NULL, -- 1 when the time is the event's own, 0 when it is that of its receipt
    receive_time bigint,
    operator ${text} NOT NULL,
    owner ${text},
    name ${text},
    introduction ${text},
    face_url ${text},
    organization ${text},
    state integer,
    PRIMARY KEY (app_id, account_id, time, rank, digest)
  );
  CREATE TABLE account_owners ( -- who owns or owned which account
    app_id bigint NOT NULL,
    owner ${text} NOT NULL,
    account_id ${text} NOT NULL,
    PRIMARY KEY (app_id, owner, account_id)
  );
  CREATE TABLE subscriptions (
    app_id bigint NOT NULL,
    account_id ${text} NOT NULL,
    subscriber ${text} NOT NULL,
    since_time bigint, -- the latest time at which an event said so, here and below; in force while it is later than the other
    until_time bigint,
    PRIMARY KEY (app_id, account_id, subscriber)
  );
  CREATE TABLE subscriber_counts (
    app_id bigint NOT NULL,
    account_id ${text} NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (app_id, account_id)
  );
  CREATE TABLE subscription_counts (
    app_id bigint NOT NULL,
    subscriber ${text} NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (app_id, subscriber)
  );
  CREATE TABLE messages (
    message_id bigint GENERATED ALWAYS AS IDENTITY,
    app_id bigint NOT NULL,
    account_id ${text} NOT NULL,
    message_key ${text} NOT NULL,
    sent_seq bigint, -- the event of its sending that counts; NULL with the next two while none was seen
    sent_time bigint,
    sent_digest ${text},
    message_time bigint,
    online_only integer NOT NULL,
    withdraw_time bigint,
    PRIMARY KEY (app_id, account_id, message_key)
  );
  CREATE UNIQUE INDEX messages_by_account ON messages (app_id, account_id, message_id);

  CREATE TABLE lists (
    list_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name ${text} NOT NULL UNIQUE,
    kind integer NOT NULL,
    entry_count bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL -- the position of its last edit, or of the activation that made it
  );
  CREATE TABLE list_entries (
    list_id bigint NOT NULL REFERENCES lists,
    value ${text} NOT NULL,
    reason ${text} NOT NULL,
    author ${text} NOT NULL,
    source ${text} NOT NULL,
    expire_time bigint,
    create_time bigint NOT NULL,
    PRIMARY KEY (list_id, value)
  );
  CREATE INDEX list_entries_by_expiry ON list_entries (list_id, expire_time) WHERE expire_time IS NOT NULL;
  CREATE TABLE list_edits (
    seq bigint PRIMARY KEY,
    list_id bigint NOT NULL REFERENCES lists,
    value ${text} NOT NULL,
    change integer NOT NULL,
    author ${text} NOT NULL,
    reason ${text} NOT NULL,
    source ${text} NOT NULL,
    expire_time bigint,
    edit_time bigint NOT NULL
  );
  CREATE INDEX list_edits_by_list ON list_edits (list_id, seq);
  CREATE INDEX list_edits_by_value ON list_edits (list_id, value, seq);

  CREATE TABLE rate_buckets (
    app_id bigint NOT NULL,
    action ${text} NOT NULL,
    window_ms bigint NOT NULL,
    key ${text} NOT NULL,
    start bigint NOT NULL,
    count bigint NOT NULL,
    past_time bigint NOT NULL, -- when nothing asks for it any more
    PRIMARY KEY (app_id, action, window_ms, key, start)
  ) WITH (fillfactor = 80);
  CREATE INDEX rate_buckets_by_past_time ON rate_buckets (past_time);

  CREATE TABLE cases (
    seq bigint PRIMARY KEY,
    app_id bigint NOT NULL,
    kind integer NOT NULL,
    decision_seq bigint,
    event_seq bigint,
    account_id ${text}, -- NULL when it is not known, as is the user
    "user" ${text},
    open_time bigint NOT NULL,
    close_time bigint, -- NULL while it is open, as are the next two
    closed_by ${text},
    close_reason ${text}
  );
  CREATE INDEX cases_open ON cases (seq) WHERE close_time IS NULL;
  CREATE INDEX cases_by_decision ON cases (decision_seq) WHERE decision_seq IS NOT NULL;
  CREATE INDEX cases_by_event ON cases (event_seq) WHERE event_seq IS NOT NULL;
  CREATE INDEX cases_by_account ON cases (account_id, seq) WHERE account_id IS NOT NULL;
  CREATE TABLE case_closings (
    seq bigint PRIMARY KEY,
    case_seq bigint NOT NULL UNIQUE,
    app_id bigint NOT NULL,
    account_id ${text}
  );
  CREATE TABLE open_case_counts (
    kind integer PRIMARY KEY,
    count bigint NOT NULL
  );

  -- Creations that may yet be joined: decisions, each with the event that follows from it, and events that follow from none.
  CREATE TABLE creations (
    app_id bigint NOT NULL,
    owner ${text} NOT NULL,
    standing integer NOT NULL, -- as src/storage/creation-rows.ts says
    name ${text} NOT NULL,
    operator ${text} NOT NULL,
    seq bigint NOT NULL, -- of the decision, or of the event when there is none
    ask_time bigint, -- NULL when there is no decision
    lapse_time bigint, -- until when an allow stands; NULL for a denial
    event_seq bigint, -- NULL when there is no event, as are the next two
    event_time bigint,
    account_id ${text},
    PRIMARY KEY (app_id, owner, standing, name, operator, seq)
  );
  CREATE INDEX creations_by_seq ON creations (seq);
  CREATE TABLE reserved_names (
    app_id bigint NOT NULL,
    normalized_name ${text} NOT NULL,
    lapse_time bigint NOT NULL,
    seq bigint NOT NULL, -- of the decision
    PRIMARY KEY (app_id, normalized_name, lapse_time, seq)
  );
  CREATE INDEX reserved_names_by_lapse ON reserved_names (lapse_time);
  CREATE TABLE follow_up_sweep ( -- how far the logs were looked through for what is past
    one integer PRIMARY KEY CHECK (one = 1),
    abandoned_to bigint NOT NULL, -- decisions
    forgotten_to bigint NOT NULL, -- decisions
    bypasses_forgotten_to bigint NOT NULL, -- cases
    parts_abandoned_to bigint NOT NULL DEFAULT 0 -- decisions
  );
  INSERT INTO follow_up_sweep VALUES (1, 0, 0, 0);

  CREATE TABLE retention_walks ( -- up to which sequence number each class was looked through for what is old
    class ${text} PRIMARY KEY,
    seq bigint NOT NULL
  );
  CREATE TABLE retention_left ( -- what a walk has passed and could not delete
    class ${text} NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (class, seq)
  );
  CREATE TABLE erasures (
    erasure_seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app_id bigint NOT NULL, -- 0: all apps
    "user" ${text}, -- NULL when it has ended
    pseudonym ${text} NOT NULL,
    is_preview integer NOT NULL,
    with_lists integer NOT NULL,
    begin_time bigint NOT NULL,
    end_time bigint,
    place ${text} NOT NULL, -- the table that is looked through; empty before and after
    place_key ${text}, -- JSON: the primary key up to which it was; NULL at its beginning
    found ${text} NOT NULL -- JSON: how many rows, by table
  );

  CREATE TABLE keys (
    key_order bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- in the order in which they were made
    key_id ${text} NOT NULL UNIQUE,
    name ${text} NOT NULL,
    roles ${text} NOT NULL, -- JSON: numbers of gatehouse.v1.Role
    app_ids ${text} NOT NULL, -- JSON; empty: all apps
    secret_digest ${text} NOT NULL, -- SHA-256, hexadecimal
    creator ${text} NOT NULL,
    create_time bigint NOT NULL,
    expire_time bigint,
    revoker ${text} NOT NULL DEFAULT '',
    revoke_time bigint,
    last_use_time bigint
  );
  CREATE TABLE audit_entries ( -- an entry without an outcome is of an act whose end is not known
    audit_seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    principal_kind integer NOT NULL,
    principal_id ${text} NOT NULL,
    principal_name ${text} NOT NULL,
    method ${text} NOT NULL,
    app_id bigint NOT NULL,
    target ${text} NOT NULL,
    request ${text} NOT NULL,
    before ${text} NOT NULL,
    after ${text},
    outcome ${text},
    begin_time bigint NOT NULL
  );
  CREATE INDEX audit_entries_by_principal ON audit_entries (principal_id, audit_seq);
  CREATE INDEX audit_entries_by_target ON audit_entries (target, audit_seq);
`;

// The steps that make the database, in order. PRAGMA user_version counts those that were done.
import type { Database } from "better-sqlite3";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../../errors.ts";
import { normalize } from "../../text/normalize.ts";
import { accountFields, nextRevision, type SaidFields } from "../account-revisions.ts";
import { prepareUserSegments } from "./write-user-segments.ts";

/**
 * A step that has been released is never changed; what must change is a new step at the end.
 *
 * - Decisions, events, cases and their closings, edits of lists and activations share one sequence, `seq`, given in the order of commits.
 * - An index of a table with an integer primary key ends in that key, and one of a table WITHOUT ROWID in its whole primary key: the indexes
 *   here deliver their rows in the order of the pages.
 * - Times are milliseconds since 1970.
 * - Steps may call normalize(text), the function of src/text/normalize.ts: who changes that function adds a step that calls it again; and
 *   count_revisions(owner, name, introduction, face_url, organization, state), which counts as src/storage/account-revisions.ts does.
 */
export const migrations: readonly Step[] = [
  `
  CREATE TABLE policies (
    policy_id INTEGER PRIMARY KEY,
    version TEXT NOT NULL UNIQUE,
    text TEXT -- NULL while a decision has named the version and the policy itself was never live here
  ) STRICT;
  CREATE TABLE live_policy (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    policy_id INTEGER NOT NULL REFERENCES policies
  ) STRICT;

  CREATE TABLE decisions (
    seq INTEGER PRIMARY KEY,
    app_id INTEGER NOT NULL,
    request_id TEXT,
    action_digest BLOB, -- only beside a request_id, which is all that asks for it
    account_id TEXT,
    operator TEXT,
    owner TEXT, -- NULL when it is the operator
    verdict INTEGER NOT NULL,
    policy_id INTEGER REFERENCES policies,
    event_time INTEGER,
    decide_time INTEGER,
    body TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX decisions_by_request ON decisions (app_id, request_id) WHERE request_id IS NOT NULL;
  CREATE INDEX decisions_by_account ON decisions (account_id) WHERE account_id IS NOT NULL;
  CREATE INDEX decisions_by_operator ON decisions (operator) WHERE operator IS NOT NULL;
  CREATE INDEX decisions_by_owner ON decisions (owner) WHERE owner IS NOT NULL;

  CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    app_id INTEGER NOT NULL,
    account_id TEXT,
    digest BLOB NOT NULL UNIQUE,
    event_time INTEGER,
    receive_time INTEGER,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX events_by_account ON events (app_id, account_id);

  CREATE TABLE accounts (
    app_id INTEGER NOT NULL,
    account_id TEXT NOT NULL,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    introduction TEXT NOT NULL,
    face_url TEXT NOT NULL,
    organization TEXT NOT NULL,
    state INTEGER NOT NULL,
    created INTEGER NOT NULL,
    first_event_time INTEGER,
    last_event_time INTEGER,
    stamps TEXT NOT NULL, -- JSON: when each field was last written
    PRIMARY KEY (app_id, account_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX accounts_by_owner ON accounts (owner);
  CREATE INDEX accounts_by_state ON accounts (state);

  CREATE TABLE lists (
    list_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
  ) STRICT;
  CREATE TABLE list_entries (
    list_id INTEGER NOT NULL REFERENCES lists,
    value TEXT NOT NULL,
    reason TEXT NOT NULL,
    create_time INTEGER NOT NULL,
    PRIMARY KEY (list_id, value)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE checks (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    count INTEGER NOT NULL
  ) STRICT;
  INSERT INTO checks VALUES (1, 0);
  `,
  `
  ALTER TABLE policies ADD COLUMN author TEXT NOT NULL DEFAULT '';
  ALTER TABLE policies ADD COLUMN reason TEXT NOT NULL DEFAULT '';
  ALTER TABLE policies ADD COLUMN publish_time INTEGER;
  ALTER TABLE policies ADD COLUMN publish_order INTEGER; -- NULL while a decision has named the version and nobody has published it
  -- When they were published is not known: at the latest now.
  UPDATE policies SET publish_time = CAST(unixepoch('subsec') * 1000 AS INTEGER), publish_order = policy_id WHERE text IS NOT NULL;
  CREATE UNIQUE INDEX policies_by_publish_order ON policies (publish_order) WHERE publish_order IS NOT NULL;

  CREATE TABLE activations ( -- a pointer points where the last of its activations says
    activation_id INTEGER PRIMARY KEY,
    pointer TEXT NOT NULL,
    policy_id INTEGER REFERENCES policies,
    previous_policy_id INTEGER REFERENCES policies,
    author TEXT NOT NULL,
    reason TEXT NOT NULL,
    activate_time INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX activations_by_pointer ON activations (pointer);
  INSERT INTO activations (pointer, policy_id, author, reason, activate_time)
    SELECT 'live', policy_id, '', '', CAST(unixepoch('subsec') * 1000 AS INTEGER) FROM live_policy;
  DROP TABLE live_policy;

  ALTER TABLE decisions ADD COLUMN event_id TEXT; -- NULL when it is about an action
  CREATE INDEX decisions_by_time ON decisions (decide_time) WHERE decide_time IS NOT NULL;
  CREATE TABLE shadow_outcomes (
    seq INTEGER PRIMARY KEY REFERENCES decisions,
    policy_id INTEGER NOT NULL REFERENCES policies,
    body TEXT -- NULL when the shadow policy said what the decision says, matches included
  ) STRICT;

  CREATE TABLE reservations (
    seq INTEGER PRIMARY KEY REFERENCES decisions,
    app_id INTEGER NOT NULL,
    owner TEXT NOT NULL,
    normalized_name TEXT NOT NULL,
    lapse_time INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX reservations_by_owner ON reservations (app_id, owner, lapse_time);
  CREATE INDEX reservations_by_name ON reservations (app_id, normalized_name, owner, lapse_time);

  CREATE TABLE rate_counters (
    counter_id INTEGER PRIMARY KEY,
    app_id INTEGER NOT NULL,
    action TEXT NOT NULL,
    window_ms INTEGER NOT NULL,
    UNIQUE (app_id, action, window_ms)
  ) STRICT;
  CREATE TABLE rate_buckets (
    counter_id INTEGER NOT NULL REFERENCES rate_counters,
    key TEXT NOT NULL,
    start INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (counter_id, key, start)
  ) STRICT, WITHOUT ROWID;

  ALTER TABLE accounts ADD COLUMN normalized_name TEXT NOT NULL DEFAULT '';
  UPDATE accounts SET normalized_name = normalize(name);
  CREATE INDEX accounts_live_by_owner ON accounts (app_id, owner) WHERE state = 1;
  CREATE INDEX accounts_live_by_name ON accounts (app_id, normalized_name) WHERE state = 1;

  ALTER TABLE lists ADD COLUMN kind INTEGER NOT NULL DEFAULT 1;
  ALTER TABLE lists ADD COLUMN entry_count INTEGER NOT NULL DEFAULT 0;
  UPDATE lists SET entry_count = (SELECT count(*) FROM list_entries WHERE list_entries.list_id = lists.list_id);
  ALTER TABLE list_entries ADD COLUMN author TEXT NOT NULL DEFAULT '';
  ALTER TABLE list_entries ADD COLUMN source TEXT NOT NULL DEFAULT '';
  ALTER TABLE list_entries ADD COLUMN expire_time INTEGER;
  CREATE INDEX list_entries_by_expiry ON list_entries (list_id, expire_time) WHERE expire_time IS NOT NULL;
  CREATE TABLE list_edits (
    list_id INTEGER NOT NULL REFERENCES lists,
    edit_id INTEGER NOT NULL, -- from 1 in each list
    value TEXT NOT NULL,
    change INTEGER NOT NULL,
    author TEXT NOT NULL,
    reason TEXT NOT NULL,
    source TEXT NOT NULL,
    expire_time INTEGER,
    edit_time INTEGER NOT NULL,
    PRIMARY KEY (list_id, edit_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX list_edits_by_value ON list_edits (list_id, value);
  `,
  `
  CREATE TABLE subscriptions (
    app_id INTEGER NOT NULL,
    account_id TEXT NOT NULL,
    subscriber TEXT NOT NULL,
    since_time INTEGER, -- the latest time at which an event said so, here and below; in force while it is later than the other
    until_time INTEGER,
    PRIMARY KEY (app_id, account_id, subscriber)
  ) STRICT, WITHOUT ROWID;
  -- How many subscriptions are in force, by account and by user: kept with every change, so that asking costs one look.
  CREATE TABLE subscriber_counts (
    app_id INTEGER NOT NULL,
    account_id TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (app_id, account_id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE subscription_counts (
    app_id INTEGER NOT NULL,
    subscriber TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (app_id, subscriber)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE feed (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    earliest INTEGER NOT NULL -- all later sequence numbers are still kept; who deletes changes raises it in the same transaction
  ) STRICT;
  INSERT INTO feed VALUES (1, 0);

  -- Edits and activations come into the sequence after all that is in it, by time, and in the order that they have among themselves.
  CREATE TABLE numbered (
    list_id INTEGER NOT NULL, -- 0 for activations
    id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (list_id, id)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO numbered (list_id, id, seq)
    SELECT list_id, id, row_number() OVER (ORDER BY time, list_id, id)
        + max(coalesce((SELECT max(seq) FROM decisions), 0), coalesce((SELECT max(seq) FROM events), 0))
      FROM (
        SELECT 0 AS list_id, activation_id AS id, max(activate_time) OVER (ORDER BY activation_id) AS time FROM activations
        UNION ALL
        SELECT list_id, edit_id, max(edit_time) OVER (PARTITION BY list_id ORDER BY edit_id) FROM list_edits
      );

  ALTER TABLE activations RENAME TO unnumbered_activations;
  CREATE TABLE activations ( -- a pointer points where the last of its activations says
    seq INTEGER PRIMARY KEY,
    pointer TEXT NOT NULL,
    policy_id INTEGER REFERENCES policies,
    previous_policy_id INTEGER REFERENCES policies,
    author TEXT NOT NULL,
    reason TEXT NOT NULL,
    activate_time INTEGER NOT NULL
  ) STRICT;
  INSERT INTO activations (seq, pointer, policy_id, previous_policy_id, author, reason, activate_time)
    SELECT seq, pointer, policy_id, previous_policy_id, author, reason, activate_time
      FROM unnumbered_activations JOIN numbered ON list_id = 0 AND id = activation_id ORDER BY seq;
  DROP TABLE unnumbered_activations;
  CREATE INDEX activations_by_pointer ON activations (pointer);

  ALTER TABLE list_edits RENAME TO unnumbered_list_edits;
  CREATE TABLE list_edits (
    seq INTEGER PRIMARY KEY,
    list_id INTEGER NOT NULL REFERENCES lists,
    value TEXT NOT NULL,
    change INTEGER NOT NULL,
    author TEXT NOT NULL,
    reason TEXT NOT NULL,
    source TEXT NOT NULL,
    expire_time INTEGER,
    edit_time INTEGER NOT NULL
  ) STRICT;
  INSERT INTO list_edits (seq, list_id, value, change, author, reason, source, expire_time, edit_time)
    SELECT seq, old.list_id, value, change, author, reason, source, expire_time, edit_time
      FROM unnumbered_list_edits AS old JOIN numbered ON numbered.list_id = old.list_id AND id = edit_id ORDER BY seq;
  DROP TABLE unnumbered_list_edits;
  CREATE INDEX list_edits_by_list ON list_edits (list_id);
  CREATE INDEX list_edits_by_value ON list_edits (list_id, value);
  DROP TABLE numbered;
  `,
  `
  DROP INDEX decisions_by_time;
  `,
  `
  CREATE TABLE keys (
    key_order INTEGER PRIMARY KEY, -- in the order in which they were made
    key_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    roles TEXT NOT NULL, -- JSON: numbers of gatehouse.v1.Role
    app_ids TEXT NOT NULL, -- JSON; empty: all apps
    secret_digest TEXT NOT NULL, -- SHA-256, hexadecimal
    creator TEXT NOT NULL,
    create_time INTEGER NOT NULL,
    expire_time INTEGER,
    revoker TEXT NOT NULL DEFAULT '',
    revoke_time INTEGER,
    last_use_time INTEGER
  ) STRICT;

  CREATE TABLE audit_entries ( -- an entry without an outcome is of an act whose end is not known
    audit_seq INTEGER PRIMARY KEY AUTOINCREMENT,
    principal_kind INTEGER NOT NULL,
    principal_id TEXT NOT NULL,
    principal_name TEXT NOT NULL,
    method TEXT NOT NULL,
    app_id INTEGER NOT NULL,
    target TEXT NOT NULL,
    request TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT,
    outcome TEXT,
    begin_time INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX audit_entries_by_principal ON audit_entries (principal_id);
  CREATE INDEX audit_entries_by_target ON audit_entries (target);
  `,
  `
  -- What each event said of its account's own fields; NULL: nothing. It outlives the event.
  CREATE TABLE account_changes (
    app_id INTEGER NOT NULL,
    account_id TEXT NOT NULL,
    time INTEGER NOT NULL, -- with the next two, the stamp of src/storage/account-merge.ts
    rank INTEGER NOT NULL, -- also tells the kind: 0 created, 1 changed, 2 destroyed
    digest BLOB NOT NULL,
    seq INTEGER NOT NULL, -- of the event
    timed INTEGER NOT NULL, -- 1 when the time is the event's own, 0 when it is that of its receipt
    receive_time INTEGER,
    operator TEXT NOT NULL,
    owner TEXT,
    name TEXT,
    introduction TEXT,
    face_url TEXT,
    organization TEXT,
    state INTEGER,
    PRIMARY KEY (app_id, account_id, time, rank, digest)
  ) STRICT, WITHOUT ROWID;
  -- An encoded event leaves out what is empty, but for the fields of a changed profile; a creation makes empty what it does not carry.
  INSERT INTO account_changes
    SELECT app_id, account_id, coalesce(event_time, receive_time, 0), 0, digest, seq, event_time IS NOT NULL, receive_time,
        coalesce(said ->> 'operator', ''), said ->> 'owner', said ->> 'name', '', '', '', 1
      FROM (SELECT *, body -> 'accountCreated' AS said FROM events) WHERE said IS NOT NULL AND account_id IS NOT NULL
    UNION ALL
    SELECT app_id, account_id, coalesce(event_time, receive_time, 0), 1, digest, seq, event_time IS NOT NULL, receive_time,
        coalesce(said ->> 'operator', ''), NULL, said ->> 'name', said ->> 'introduction', said ->> 'faceUrl', said ->> 'organization', NULL
      FROM (SELECT *, body -> 'accountProfileChanged' AS said FROM events) WHERE said IS NOT NULL AND account_id IS NOT NULL
        AND coalesce(said ->> 'name', said ->> 'introduction', said ->> 'faceUrl', said ->> 'organization') IS NOT NULL
    UNION ALL
    SELECT app_id, account_id, coalesce(event_time, receive_time, 0), 2, digest, seq, event_time IS NOT NULL, receive_time,
        '', said ->> 'owner', said ->> 'name', NULL, NULL, NULL, 2
      FROM (SELECT *, body -> 'accountDestroyed' AS said FROM events) WHERE said IS NOT NULL AND account_id IS NOT NULL;

  ALTER TABLE accounts ADD COLUMN revision INTEGER NOT NULL DEFAULT 0; -- how many revisions account_changes makes
  UPDATE accounts SET revision = counted.revision FROM (
    SELECT app_id, account_id,
        count_revisions(owner, name, introduction, face_url, organization, state ORDER BY time, rank, digest) AS revision
      FROM account_changes GROUP BY app_id, account_id
  ) AS counted WHERE counted.app_id = accounts.app_id AND counted.account_id = accounts.account_id;

  -- Who owns or owned which account.
  CREATE TABLE account_owners (
    app_id INTEGER NOT NULL,
    owner TEXT NOT NULL,
    account_id TEXT NOT NULL,
    PRIMARY KEY (app_id, owner, account_id)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO account_owners SELECT DISTINCT app_id, owner, account_id FROM account_changes WHERE owner IS NOT NULL;

  -- Which events name a user as operator, owner or subscriber.
  CREATE TABLE event_users (
    app_id INTEGER NOT NULL,
    user TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (app_id, user, seq)
  ) STRICT, WITHOUT ROWID;
  INSERT OR IGNORE INTO event_users SELECT app_id, member.value, events.seq FROM events, json_tree(body) AS member
    WHERE member.type = 'text' AND member.value <> ''
      AND (member.key IN ('operator', 'owner') OR member.path IN ('$.subscribersAdded.subscribers', '$.subscribersRemoved.subscribers'));

  -- Every listing goes through one app at a time.
  DROP INDEX accounts_by_owner;
  DROP INDEX accounts_by_state;
  DROP INDEX accounts_live_by_owner;
  DROP INDEX accounts_live_by_name;
  CREATE INDEX accounts_by_owner ON accounts (app_id, owner, state);
  CREATE INDEX accounts_by_normalized_name ON accounts (app_id, normalized_name, state);
  CREATE INDEX accounts_by_name ON accounts (app_id, name);
  CREATE INDEX accounts_by_last_event ON accounts (app_id, last_event_time);
  CREATE INDEX accounts_destroyed ON accounts (app_id) WHERE state = 2;
  `,
  `
  -- Kept with every change of a message, apart from what else events write.
  ALTER TABLE accounts ADD COLUMN messages_sent INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE accounts ADD COLUMN messages_withdrawn INTEGER NOT NULL DEFAULT 0;
  CREATE TABLE messages (
    message_id INTEGER PRIMARY KEY,
    app_id INTEGER NOT NULL,
    account_id TEXT NOT NULL,
    message_key TEXT NOT NULL,
    sent_seq INTEGER, -- the event of its sending that counts; NULL with the next two while none was seen
    sent_time INTEGER,
    sent_digest TEXT,
    message_time INTEGER,
    online_only INTEGER NOT NULL,
    withdraw_time INTEGER,
    UNIQUE (app_id, account_id, message_key)
  ) STRICT;
  CREATE INDEX messages_by_account ON messages (app_id, account_id);
  `,
  `
  ALTER TABLE accounts ADD COLUMN full_time INTEGER; -- the latest time at which an event said so
  `,
  `
  CREATE TABLE degraded_answers ( -- of decisions that were recorded and came too late: what the fallback answered instead
    seq INTEGER PRIMARY KEY REFERENCES decisions,
    cause INTEGER NOT NULL,
    verdict INTEGER NOT NULL,
    code INTEGER NOT NULL,
    answer_time INTEGER NOT NULL
  ) STRICT;
  `,
  `
  CREATE TABLE follow_ups ( -- what followed from decisions
    decision_seq INTEGER PRIMARY KEY REFERENCES decisions,
    follow_up INTEGER NOT NULL,
    follow_up_event_seq INTEGER, -- NULL when none did
    follow_up_time INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX follow_ups_by_kind ON follow_ups (follow_up);
  ALTER TABLE events ADD COLUMN follow_up INTEGER; -- NULL for what is not known, and for what is no creation
  ALTER TABLE events ADD COLUMN decision_seq INTEGER; -- NULL when it follows from none

  CREATE TABLE cases (
    seq INTEGER PRIMARY KEY,
    app_id INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    decision_seq INTEGER,
    event_seq INTEGER,
    account_id TEXT, -- NULL when it is not known, as is the user
    user TEXT,
    open_time INTEGER NOT NULL,
    close_time INTEGER, -- NULL while it is open, as are the next two
    closed_by TEXT,
    close_reason TEXT
  ) STRICT;
  CREATE INDEX cases_open ON cases (seq) WHERE close_time IS NULL;
  CREATE INDEX cases_by_decision ON cases (decision_seq) WHERE decision_seq IS NOT NULL;
  CREATE INDEX cases_by_event ON cases (event_seq) WHERE event_seq IS NOT NULL;
  CREATE INDEX cases_by_account ON cases (account_id) WHERE account_id IS NOT NULL;
  CREATE TABLE case_closings (
    seq INTEGER PRIMARY KEY,
    case_seq INTEGER NOT NULL UNIQUE REFERENCES cases,
    app_id INTEGER NOT NULL,
    account_id TEXT
  ) STRICT;
  -- Kept with every change, so that asking costs one look.
  CREATE TABLE open_case_counts (
    kind INTEGER PRIMARY KEY,
    count INTEGER NOT NULL
  ) STRICT;

  -- Creations that may yet be joined: decisions, each with the event that follows from it, and events that follow from none.
  CREATE TABLE creations (
    app_id INTEGER NOT NULL,
    owner TEXT NOT NULL,
    standing INTEGER NOT NULL, -- as src/storage/sqlite/creation-rows.ts says
    name TEXT NOT NULL,
    operator TEXT NOT NULL,
    seq INTEGER NOT NULL, -- of the decision, or of the event when there is none
    ask_time INTEGER, -- NULL when there is no decision
    lapse_time INTEGER, -- until when an allow stands; NULL for a denial
    event_seq INTEGER, -- NULL when there is no event, as are the next two
    event_time INTEGER,
    account_id TEXT,
    PRIMARY KEY (app_id, owner, standing, name, operator, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE reserved_names (
    app_id INTEGER NOT NULL,
    normalized_name TEXT NOT NULL,
    lapse_time INTEGER NOT NULL,
    seq INTEGER NOT NULL, -- of the decision
    PRIMARY KEY (app_id, normalized_name, lapse_time, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE follow_up_sweep ( -- how far the logs were looked through for what is past
    one INTEGER PRIMARY KEY CHECK (one = 1),
    abandoned_to INTEGER NOT NULL, -- decisions
    forgotten_to INTEGER NOT NULL, -- decisions
    bypasses_forgotten_to INTEGER NOT NULL -- cases
  ) STRICT;

  -- Of earlier decisions only those that hold a reservation have surely not happened yet.
  INSERT INTO creations (app_id, owner, standing, name, operator, seq, ask_time, lapse_time)
    SELECT reservations.app_id, reservations.owner, 1, json_extract(body, '$.createAccount.name'),
        coalesce(json_extract(body, '$.createAccount.operator'), ''), seq, coalesce(event_time, decide_time, 0), lapse_time
      FROM reservations JOIN decisions USING (seq) WHERE json_extract(body, '$.createAccount.name') IS NOT NULL;
  INSERT INTO reserved_names (app_id, normalized_name, lapse_time, seq)
    SELECT app_id, normalized_name, lapse_time, seq FROM reservations WHERE normalized_name <> '';
  INSERT INTO follow_up_sweep SELECT 1, start, start, 0
    FROM (SELECT coalesce((SELECT min(seq) - 1 FROM reservations), (SELECT max(seq) FROM decisions), 0) AS start);
  DROP TABLE reservations;
  `,
  `
  CREATE TABLE restores ( -- the database was restored from a backup, and what came after that was undone
    last_seq INTEGER PRIMARY KEY, -- the highest sequence number of the backup
    next_seq INTEGER NOT NULL, -- all up to this one are passed over, so that none is given twice
    restore_time INTEGER NOT NULL
  ) STRICT;
  `,
  `
  CREATE TABLE retention_walks ( -- up to which sequence number each class was looked through for what is old
    class TEXT PRIMARY KEY,
    seq INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE retention_left ( -- what a walk has passed and could not delete
    class TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (class, seq)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE erasures (
    erasure_seq INTEGER PRIMARY KEY AUTOINCREMENT,
    app_id INTEGER NOT NULL, -- 0: all apps
    user TEXT, -- NULL when it has ended
    pseudonym TEXT NOT NULL,
    is_preview INTEGER NOT NULL,
    with_lists INTEGER NOT NULL,
    begin_time INTEGER NOT NULL,
    end_time INTEGER,
    place TEXT NOT NULL, -- the table that is looked through; empty before and after
    place_key TEXT, -- JSON: the primary key up to which it was; NULL at its beginning
    found TEXT NOT NULL -- JSON: how many rows, by table
  ) STRICT;
  `,
  `
  -- Which users decisions and events name, for stretches of the log; not for the latest part of it, which is looked through.
  CREATE TABLE user_segments (
    segment_id INTEGER PRIMARY KEY, -- in the order of the log
    from_seq INTEGER NOT NULL, -- the first sequence number
    upto INTEGER NOT NULL UNIQUE, -- the last one
    part_bits INTEGER NOT NULL -- into how many parts it is divided, as a power of two
  ) STRICT;
  CREATE TABLE user_parts (
    part_id INTEGER PRIMARY KEY, -- 1024 * segment_id + the highest bits of the hash of the users in it
    entries BLOB NOT NULL -- as src/storage/sqlite/user-parts.ts says
  ) STRICT;
  DROP INDEX decisions_by_operator;
  DROP INDEX decisions_by_owner;
  DROP TABLE event_users;
  `,
  (db) => prepareUserSegments(db).fill(),
  `
  -- Of decisions on subscribers and messages, of which each part is followed up: see src/storage/follow-up-parts.ts.
  ALTER TABLE follow_ups ADD COLUMN parts TEXT; -- JSON: [index of the part, seq of its event, time at which that became known], …
  ALTER TABLE follow_ups ADD COLUMN missing INTEGER; -- how many parts were allowed and have no event
  ALTER TABLE follow_ups ADD COLUMN abandon_time INTEGER; -- when those were given up
  ALTER TABLE events ADD COLUMN follow_up_parts TEXT; -- JSON: [follow_up, seq of the decision] of each part; NULL when all are as the event
  -- Of earlier decisions nobody has looked for their events.
  ALTER TABLE follow_up_sweep ADD COLUMN parts_abandoned_to INTEGER NOT NULL DEFAULT 0; -- decisions
  UPDATE follow_up_sweep SET parts_abandoned_to = coalesce((SELECT max(seq) FROM decisions), 0);
  `,
  `
  -- An event is told from all others by its time and its digest, in this order: events of about the same time lie together, by digest alone
  -- each would change a page of its own. A constraint of a table can only be dropped with the table.
  CREATE TABLE events_anew (
    seq INTEGER PRIMARY KEY,
    app_id INTEGER NOT NULL,
    account_id TEXT,
    digest BLOB NOT NULL, -- also of its time
    event_time INTEGER,
    receive_time INTEGER,
    body TEXT NOT NULL,
    follow_up INTEGER, -- NULL for what is not known, and for what is not followed up
    decision_seq INTEGER, -- NULL when it follows from none
    follow_up_parts TEXT -- JSON: [follow_up, seq of the decision] of each part; NULL when all are as the event
  ) STRICT;
  INSERT INTO events_anew SELECT seq, app_id, account_id, digest, event_time, receive_time, body, follow_up, decision_seq, follow_up_parts
    FROM events;
  DROP TABLE events;
  ALTER TABLE events_anew RENAME TO events;
  CREATE UNIQUE INDEX events_once ON events (coalesce(event_time, 0), digest);
  CREATE INDEX events_by_account ON events (app_id, account_id);

  -- account_owners names those who own the account no more; who owns it is in accounts, and found by accounts_by_owner.
  DELETE FROM account_owners WHERE EXISTS (SELECT 1 FROM accounts
    WHERE accounts.app_id = account_owners.app_id AND accounts.account_id = account_owners.account_id AND accounts.owner = account_owners.owner);
  `,
];

/** SQL, or what cannot be said in it. */
export type Step = string | ((db: Database) => void);

/** Does the steps that are missing, each with its number in one transaction. Throws when the database has more steps than this program. */
export function migrate(db: Database, steps: readonly Step[] = migrations): void {
  const done = db.pragma("user_version", { simple: true }) as number;
  if (done > steps.length) {
    throw new GatehouseError(
      ErrorReason.STORE_UNAVAILABLE,
      `The database ${db.name} was made by a newer Gatehouse (schema ${done}, this one knows up to ${steps.length}): use that version, or another database.`,
    );
  }
  defineFunctions(db);
  for (const [index, step] of steps.entries()) {
    if (index < done) continue;
    db.transaction(() => {
      if (typeof step === "string") db.exec(step);
      else step(db);
      db.pragma(`user_version = ${index + 1}`);
    }).immediate();
  }
}

/** Throws STORE_UNAVAILABLE when a database whose schema has so many steps is one to be moved only after this program has opened it. */
export function demandThisSchema(schema: number, path: string): void {
  if (schema === migrations.length) return;
  throw new GatehouseError(
    ErrorReason.STORE_UNAVAILABLE,
    `The database ${path} is from an older Gatehouse (schema ${schema}, this one has ${migrations.length}): start this version on it once, then move it.`,
  );
}

function defineFunctions(db: Database): void {
  db.function("normalize", { deterministic: true }, (text) => normalize(String(text)));
  db.aggregate("count_revisions", {
    deterministic: true,
    varargs: true,
    start: () => ({ said: {} as SaidFields, revision: 0 }),
    step({ said, revision }, ...columns: unknown[]) {
      const writes = writesOfColumns(columns);
      return { said: { ...said, ...writes }, revision: nextRevision(revision, said, writes) };
    },
    result: ({ revision }) => revision,
  });
}

function writesOfColumns(columns: readonly unknown[]): SaidFields {
  return Object.fromEntries(accountFields.flatMap((field, index) => (columns[index] === null ? [] : [[field, columns[index]]])));
}

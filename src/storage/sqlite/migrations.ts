// The steps that make the database, in order. PRAGMA user_version counts those that were done.
import type { Database } from "better-sqlite3";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../../errors.ts";

/**
 * A step that has been released is never changed; what must change is a new step at the end.
 *
 * - Decisions and events share one sequence, `seq`, given in the order of commits.
 * - An index of a table with an integer primary key ends in that key, and one of a table WITHOUT ROWID in its whole primary key: the indexes
 *   here deliver their rows in the order of the pages.
 * - Times are milliseconds since 1970.
 */
export const migrations: readonly string[] = [
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
];

/** Does the steps that are missing, each with its number in one transaction. Throws when the database has more steps than this program. */
export function migrate(db: Database, steps: readonly string[] = migrations): void {
  const done = db.pragma("user_version", { simple: true }) as number;
  if (done > steps.length) {
    throw new GatehouseError(
      ErrorReason.STORE_UNAVAILABLE,
      `The database ${db.name} was made by a newer Gatehouse (schema ${done}, this one knows up to ${steps.length}): use that version, or another database.`,
    );
  }
  for (const [index, sql] of steps.entries()) {
    if (index < done) continue;
    db.transaction(() => {
      db.exec(sql);
      db.pragma(`user_version = ${index + 1}`);
    }).immediate();
  }
}

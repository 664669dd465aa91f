// The steps that make the database, in order. The table `gatehouse_schema` counts those that were done.
import type { PoolClient } from "pg";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../../errors.ts";
import { createCommit } from "./schema-commit.ts";
import { createAnswers } from "./schema-questions.ts";
import { createTables } from "./schema-tables.ts";
import { createTimelineWatch } from "./schema-timeline.ts";

/** A step that has been released is never changed; what must change is a new step at the end. The functions are those of the last step that makes them. */
export const migrations: readonly string[] = [
  createTables + createAnswers + createCommit,
  `CREATE TABLE restores ( -- the SQLite database that this one was moved from had been restored from a backup, and what came after that was undone
    last_seq bigint PRIMARY KEY, -- the highest sequence number of the backup
    next_seq bigint NOT NULL, -- all up to this one were passed over, so that none is given twice
    restore_time bigint NOT NULL
  );`,
  `-- account_owners names those who own the account no more; who owns it is in accounts.
  DELETE FROM account_owners AS former USING accounts AS a
    WHERE a.app_id = former.app_id AND a.account_id = former.account_id AND a.owner = former.owner;`,
  `ALTER TABLE committers
    ADD COLUMN idle_batch bigint, -- the latest batch when it was last looked at; NULL: it was not yet
    ADD COLUMN idle_since bigint -- when it was found to be that
  ;`,
  createTimelineWatch,
  // Subscriptions and messages are followed up from here on: nothing is known of what became of those before, which must not be taken for abandoned.
  `${createAnswers} ${createCommit}
  CREATE INDEX events_untimed ON events (account_id, receive_time) WHERE event_time IS NULL;
  UPDATE follow_up_sweep SET parts_abandoned_to = (SELECT position FROM log_head);`,
];

/** The advisory lock under which one process at a time does the steps. */
const migrationLock = 7_105_204_018;

/**
 * Does the steps that are missing, each with its number in one transaction; another process that does them is waited for. Rejects when the
 * database has more steps than this program, or cannot keep every text.
 */
export async function migrate(client: Pick<PoolClient, "query">, steps: readonly string[] = migrations): Promise<void> {
  const { rows: encodings } = await client.query<{ encoding: string }>("SELECT current_setting('server_encoding') AS encoding");
  if (encodings[0]?.encoding !== "UTF8") {
    throw new GatehouseError(
      ErrorReason.STORE_UNAVAILABLE,
      `The PostgreSQL database has the encoding ${encodings[0]?.encoding}, which cannot keep every name: make one with ENCODING 'UTF8'.`,
    );
  }
  await client.query("SET statement_timeout = 0");
  await client.query("SELECT pg_advisory_lock($1)", [migrationLock]);
  try {
    await client.query("CREATE TABLE IF NOT EXISTS gatehouse_schema (one integer PRIMARY KEY CHECK (one = 1), steps integer NOT NULL)");
    await client.query("INSERT INTO gatehouse_schema VALUES (1, 0) ON CONFLICT DO NOTHING");
    const { rows } = await client.query<{ steps: number }>("SELECT steps FROM gatehouse_schema");
    const done = Number(rows[0]?.steps ?? 0);
    if (done > steps.length) {
      throw new GatehouseError(
        ErrorReason.STORE_UNAVAILABLE,
        `The PostgreSQL database was made by a newer Gatehouse (schema ${done}, this one knows up to ${steps.length}): use that version, or another database.`,
      );
    }
    for (const [index, sql] of steps.entries()) {
      if (index < done) continue;
      // Statements of one query string are one transaction.
      await client.query(`BEGIN; ${sql}; UPDATE gatehouse_schema SET steps = ${index + 1}; COMMIT`);
    }
  } finally {
    await client.query("SELECT pg_advisory_unlock($1)", [migrationLock]);
    await client.query("RESET statement_timeout");
  }
}

/** Rejects with STORE_UNAVAILABLE when the database has not all steps of this program, or more. `name` is what the error calls it. */
export async function demandNewestSchema(client: Pick<PoolClient, "query">, name: string): Promise<void> {
  const { rows: found } = await client.query<{ is_there: boolean }>("SELECT to_regclass('gatehouse_schema') IS NOT NULL AS is_there");
  if (found[0]?.is_there !== true) throw new GatehouseError(ErrorReason.STORE_UNAVAILABLE, `${name} is not a database of Gatehouse.`);
  const { rows } = await client.query<{ steps: number }>("SELECT steps FROM gatehouse_schema");
  const steps = Number(rows[0]?.steps ?? 0);
  if (steps === migrations.length) return;
  const versions = `schema ${steps}, this one has ${migrations.length}`;
  throw new GatehouseError(
    ErrorReason.STORE_UNAVAILABLE,
    steps < migrations.length
      ? `The database ${name} is from an older Gatehouse (${versions}): start this version on it once, then move it.`
      : `The database ${name} is from a newer Gatehouse (${versions}): use that version.`,
  );
}

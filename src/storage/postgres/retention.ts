// Deleting what is old, in PostgreSQL: a walk over each log in its order, with a place in the database, so that its work depends on what has become old.
import type { Retention, RetentionClass } from "../storage.ts";
import { toStoredJson } from "../stored-text.ts";
import type { Connection } from "./connections.ts";
import type { RunWithHead } from "./head-transactions.ts";
import { usersOfBody } from "./named-users.ts";
import { eventClass } from "./retention-classes.ts";

/** How many rows one call looks at: some milliseconds of work, for which other writes wait. Times may be a little out of order within them. */
const rowsPerStep = 250;

/** Where the rows of each class are, and which of them are of it. */
const sources: Readonly<Record<RetentionClass, { table: Table; isOfClass: string }>> = {
  allowedDecisions: { table: "decisions", isOfClass: "is_plain" },
  flaggedDecisions: { table: "decisions", isOfClass: "NOT is_plain" },
  subscriptionEvents: { table: "events", isOfClass: `class = ${eventClass.subscriptionEvents}` },
  messageEvents: { table: "events", isOfClass: `class = ${eventClass.messageEvents}` },
  accountEvents: { table: "events", isOfClass: `class = ${eventClass.accountEvents}` },
};

type Table = "decisions" | "events";

const tables = {
  decisions: {
    time: "decide_time",
    /** What names decisions that must stay. */
    isKept: "EXISTS (SELECT 1 FROM cases WHERE cases.decision_seq = decisions.seq AND close_time IS NULL)",
    /** What goes with them, by the column that has their number. */
    others: { shadow_outcomes: "seq", degraded_answers: "seq", follow_ups: "decision_seq" },
  },
  events: {
    time: "receive_time",
    isKept: "EXISTS (SELECT 1 FROM cases WHERE cases.event_seq = events.seq AND close_time IS NULL)",
    others: {},
  },
} as const;

interface Row {
  seq: number;
  time: number;
  is_of_class: boolean;
  is_kept: boolean;
}

const ofSeqs = "IN (SELECT v::bigint FROM jsonb_array_elements_text(?::jsonb) AS v)";

/** Creates the retention. */
export function createRetention(runWithHead: RunWithHead): Retention {
  /** How far what was left has been looked through, between calls. */
  const leftTo = new Map<RetentionClass, number>();

  return {
    deleteOld: (oldClass, beforeMs) =>
      runWithHead(async (transaction) => {
        const startMs = performance.now();
        const walked = await walkLog(transaction, oldClass, beforeMs);
        const left = walked.isAtEnd ? await walkLeft(transaction, oldClass, beforeMs, leftTo.get(oldClass) ?? 0) : undefined;
        if (left !== undefined) leftTo.set(oldClass, left.isAtEnd ? 0 : left.to);
        const seqs = [...walked.seqs, ...(left?.seqs ?? [])];
        await remove(transaction, sources[oldClass].table, seqs);
        return { deleted: seqs.length, done: left?.isAtEnd === true, busyMs: performance.now() - startMs };
      }),
  };
}

/** What a walk has found to delete, and how far it came. */
interface Walked {
  seqs: number[];
  to: number;
  isAtEnd: boolean;
}

function selectOf(oldClass: RetentionClass): string {
  const { table, isOfClass } = sources[oldClass];
  const { time, isKept } = tables[table];
  return `SELECT ${table}.seq, coalesce(${time}, 0) AS time, ${isOfClass} AS is_of_class, ${isKept} AS is_kept FROM ${table}`;
}

/** Goes on with the log, as far as it is old, and leaves what must stay for later. */
async function walkLog(connection: Connection, oldClass: RetentionClass, beforeMs: number): Promise<Walked> {
  const place = await connection.get<{ seq: number }>("SELECT seq FROM retention_walks WHERE class = ?", oldClass);
  const sql = `${selectOf(oldClass)} WHERE seq > ? ORDER BY seq LIMIT ${rowsPerStep}`;
  const rows = await connection.all<Row>(sql, place?.seq ?? 0);
  const lastOld = rows.findLastIndex((row) => row.time < beforeMs);
  const passed = rows.slice(0, lastOld + 1).filter((row) => row.is_of_class);
  const seqs = passed.filter((row) => row.time < beforeMs && !row.is_kept).map(({ seq }) => seq);
  const gone = new Set(seqs);
  const left = passed.filter(({ seq }) => !gone.has(seq)).map(({ seq }) => seq);
  if (left.length > 0) {
    const leave = `INSERT INTO retention_left (class, seq) SELECT ?, v::bigint FROM jsonb_array_elements_text(?::jsonb) AS v ON CONFLICT DO NOTHING`;
    await connection.run(leave, oldClass, JSON.stringify(left));
  }
  const to = rows[lastOld]?.seq;
  if (to !== undefined) {
    const save = "INSERT INTO retention_walks (class, seq) VALUES (?, ?) ON CONFLICT (class) DO UPDATE SET seq = excluded.seq";
    await connection.run(save, oldClass, to);
  }
  return { seqs, to: to ?? place?.seq ?? 0, isAtEnd: lastOld < rowsPerStep - 1 };
}

/** Goes on with what was left before. */
async function walkLeft(connection: Connection, oldClass: RetentionClass, beforeMs: number, from: number): Promise<Walked> {
  const rows = await connection.all<{ seq: number }>(
    `SELECT seq FROM retention_left WHERE class = ? AND seq > ? ORDER BY seq LIMIT ${rowsPerStep}`,
    oldClass,
    from,
  );
  const left = JSON.stringify(rows.map(({ seq }) => seq));
  const there = await connection.all<Row>(`${selectOf(oldClass)} WHERE seq ${ofSeqs}`, left);
  const seqs = there.filter((row) => row.time < beforeMs && !row.is_kept).map(({ seq }) => seq);
  if (seqs.length > 0) await connection.run(`DELETE FROM retention_left WHERE class = ? AND seq ${ofSeqs}`, oldClass, JSON.stringify(seqs));
  return { seqs, to: rows.at(-1)?.seq ?? from, isAtEnd: rows.length < rowsPerStep };
}

/** Deletes rows with all that hangs on them, and says that the log begins later. */
async function remove(connection: Connection, table: Table, seqs: readonly number[]): Promise<void> {
  if (seqs.length === 0) return;
  const some = JSON.stringify(seqs);
  for (const [other, column] of Object.entries(tables[table].others)) {
    await connection.run(`DELETE FROM ${other} WHERE ${column} ${ofSeqs}`, some);
  }
  if (table === "events") await removeUsers(connection, some);
  await connection.run(`DELETE FROM ${table} WHERE seq ${ofSeqs}`, some);
  await connection.run("UPDATE log_head SET earliest = greatest(earliest, ?)", Math.max(...seqs));
}

/** No index leads from an event to the users that it names; the event itself does. */
async function removeUsers(connection: Connection, seqs: string): Promise<void> {
  const rows = await connection.all<{ seq: number; app_id: number; body: string }>(
    `SELECT seq, app_id, body FROM events WHERE seq ${ofSeqs}`,
    seqs,
  );
  const users = rows.flatMap(({ seq, app_id, body }) => usersOfBody(body).map((user) => ({ seq, app_id, user })));
  await connection.run(
    `DELETE FROM event_users AS u USING jsonb_to_recordset(?::jsonb) AS r(seq bigint, app_id bigint, "user" text)
       WHERE u.app_id = r.app_id AND u."user" = r."user" AND u.seq = r.seq`,
    toStoredJson(users),
  );
}

// How what is old is deleted: a walk over each log in its order, with a place on disk, so that its work depends on what has become old. Runs in the
// writer thread, inside the transaction of a batch.
import type { Database, Statement } from "better-sqlite3";
import { type RetentionClass, retentionClasses } from "../storage.ts";
import { keptBy, tableContents } from "./table-contents.ts";
import type { UserSegments } from "./write-user-segments.ts";
import type { WriteOperations } from "./writes.ts";

/** How long one write goes on deleting. The writes beside it wait for so long, and for the commit. */
const maxBusyMs = 4;

/** How many rows are looked at before one can be sure that those after them are not old: times may be a little out of order. */
const rowsPerWindow = 100;

/** The only effect, of src/gen's Effect, that is nothing to keep for long; this module loads no generated code. */
const effectAllow = 1;
const verdictAllow = 1;

const isPlainAllow = `verdict = ${verdictAllow} AND body -> '$.refused' IS NULL AND body -> '$.degraded' IS NULL
  AND NOT EXISTS (SELECT 1 FROM degraded_answers WHERE degraded_answers.seq = decisions.seq)
  AND NOT EXISTS (SELECT 1 FROM json_each(body, '$.matches') WHERE value ->> '$.effect' IS NOT ${effectAllow})`;
const isAboutSubscribers = "coalesce(body -> '$.subscribersAdded', body -> '$.subscribersRemoved') IS NOT NULL";
const isAboutMessages = "coalesce(body -> '$.messageSent', body -> '$.messagesWithdrawn') IS NOT NULL";

/** Where the rows of each class are, and which of them are of it. */
const sources: Readonly<Record<RetentionClass, { table: "decisions" | "events"; timeColumn: string; isOfClass: string }>> = {
  allowedDecisions: { table: "decisions", timeColumn: "decide_time", isOfClass: isPlainAllow },
  flaggedDecisions: { table: "decisions", timeColumn: "decide_time", isOfClass: `NOT (${isPlainAllow})` },
  subscriptionEvents: { table: "events", timeColumn: "receive_time", isOfClass: isAboutSubscribers },
  messageEvents: { table: "events", timeColumn: "receive_time", isOfClass: isAboutMessages },
  accountEvents: { table: "events", timeColumn: "receive_time", isOfClass: `NOT (${isAboutSubscribers} OR ${isAboutMessages})` },
};

/** A row, and its time in milliseconds. */
interface Row {
  seq: number;
  time: number;
}

/** What one write has done. */
interface Step {
  deleted: number;
  /** The highest sequence number that was deleted. */
  highest: number;
  /** After which sequence number the walk over the log went on, and up to which one it came. */
  walkedFrom: number;
  walkedTo: number;
  isOver(): boolean;
}

/** Prepares the deletion of what is old. */
export function oldDeleter(db: Database, userSegments: Pick<UserSegments, "renew">): WriteOperations["deleteOld"] {
  const walks = new Map(retentionClasses.map((name) => [name, prepareWalk(db, name)]));
  const raise = db.prepare("UPDATE feed SET earliest = max(earliest, ?)");
  const segmentsEndingIn = db.prepare("SELECT min(upto) AS first, max(upto) AS last FROM user_segments WHERE upto > ? AND upto <= ?");
  return (oldClass, beforeMs) => {
    const startMs = performance.now();
    const isOver = () => performance.now() - startMs >= maxBusyMs;
    const step: Step = { deleted: 0, highest: 0, walkedFrom: 0, walkedTo: 0, isOver };
    const done = walks.get(oldClass)?.(beforeMs, step) ?? true;
    if (step.deleted > 0) raise.run(step.highest);
    // Once for each segment, when the walk has left it behind.
    const { first, last } = segmentsEndingIn.get(step.walkedFrom, step.walkedTo) as { first: number | null; last: number };
    if (first !== null) userSegments.renew(first, last);
    return [step.deleted, Number(done), performance.now() - startMs];
  };
}

/** Prepares the walk over the rows of a class. A call results in whether nothing is left to do. */
function prepareWalk(db: Database, oldClass: RetentionClass): (beforeMs: number, step: Step) => boolean {
  const { table, timeColumn, isOfClass } = sources[oldClass];
  const time = `coalesce(${timeColumn}, 0) AS time`;
  const readPlace = db.prepare("SELECT seq FROM retention_walks WHERE class = ?").pluck();
  const savePlace = db.prepare("INSERT INTO retention_walks (class, seq) VALUES (?, ?) ON CONFLICT DO UPDATE SET seq = excluded.seq");
  const selectWindow = db.prepare(`SELECT seq, ${time} FROM ${table} WHERE seq > ? ORDER BY seq LIMIT ${rowsPerWindow}`);
  const selectLeft = db.prepare(
    `SELECT seq, ${time} FROM retention_left LEFT JOIN ${table} USING (seq) WHERE class = ? AND seq > ? ORDER BY seq LIMIT ${rowsPerWindow}`,
  );
  const leave = db.prepare("INSERT INTO retention_left (class, seq) VALUES (?, ?) ON CONFLICT DO NOTHING");
  const takeUp = db.prepare("DELETE FROM retention_left WHERE class = ? AND seq = ?");
  const isOfThis = db.prepare(`SELECT ${isOfClass} FROM ${table} WHERE seq = ?`).pluck();
  const isKept = db.prepare(`SELECT ${["0", ...keptBy[table]].join(" OR ")} FROM ${table} WHERE seq = ?`).pluck();
  const remove = prepareRemove(db, table);
  /** How far what was left has been looked through, between writes. */
  let leftTo = 0;

  function removeRow(seq: number, step: Step): void {
    remove(seq);
    step.deleted += 1;
    step.highest = Math.max(step.highest, seq);
  }

  /** Goes on with the log. Results in whether it came to what is not old. */
  function walkLog(beforeMs: number, step: Step): boolean {
    const begin = (readPlace.get(oldClass) as number | undefined) ?? 0;
    let place = begin;
    let isAtEnd = false;
    while (!isAtEnd && !step.isOver()) {
      const rows = selectWindow.all(place) as Row[];
      const lastOld = rows.findLastIndex((row) => row.time < beforeMs);
      isAtEnd = lastOld < rowsPerWindow - 1;
      for (const row of rows.slice(0, lastOld + 1)) {
        if (step.isOver()) break;
        if (isOfThis.get(row.seq) === 1) {
          if (row.time < beforeMs && isKept.get(row.seq) === 0) removeRow(row.seq, step);
          else leave.run(oldClass, row.seq);
        }
        place = row.seq;
      }
    }
    if (place !== begin) savePlace.run(oldClass, place);
    Object.assign(step, { walkedFrom: begin, walkedTo: place });
    return isAtEnd && !step.isOver();
  }

  /** Goes on with what was left before. Results in whether all of it was looked at. */
  function walkLeft(beforeMs: number, step: Step): boolean {
    while (!step.isOver()) {
      const rows = selectLeft.all(oldClass, leftTo) as Row[];
      for (const row of rows) {
        if (step.isOver()) return false;
        if (row.time < beforeMs && isKept.get(row.seq) === 0) {
          removeRow(row.seq, step);
          takeUp.run(oldClass, row.seq);
        }
        leftTo = row.seq;
      }
      if (rows.length < rowsPerWindow) {
        leftTo = 0;
        return true;
      }
    }
    return false;
  }

  return (beforeMs, step) => walkLog(beforeMs, step) && walkLeft(beforeMs, step);
}

/** Prepares the deletion of one row with all that hangs on it. */
function prepareRemove(db: Database, table: "decisions" | "events"): (seq: number) => void {
  const statements: Statement[] = [];
  for (const [name, { goes }] of Object.entries(tableContents)) {
    if (typeof goes === "string" || goes.with !== table) continue;
    statements.push(db.prepare(`DELETE FROM ${name} WHERE ${goes.column} = ?`));
  }
  statements.push(db.prepare(`DELETE FROM ${table} WHERE seq = ?`));
  return (seq) => {
    for (const statement of statements) statement.run(seq);
  };
}

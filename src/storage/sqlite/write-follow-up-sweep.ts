// How time goes by for creations: allows are noted as abandoned, and what is too old to be joined is forgotten. Walks the logs in their order,
// each with a cursor on disk, so that its work depends on what is new and not on what is kept. Runs in the writer thread.
import type { Database } from "better-sqlite3";
import { Standing } from "../creation-rows.ts";
import { abandoned, bypass } from "../creations.ts";
import { isPast } from "../is-past.ts";
import type { WriteArguments } from "./writes.ts";

/** How many rows of each log are looked at in one write: some milliseconds of work. */
const rowsPerStep = 256;

interface Cursors {
  abandoned_to: number;
  forgotten_to: number;
  bypasses_forgotten_to: number;
}

/** A row of a log; `creation` is JSON of the creation it is about, null when there is nothing to do for it. */
interface LogRow {
  seq: number;
  app_id: number;
  time: number | null;
  creation: string | null;
}

/** A creation in protobuf JSON, in which what is empty is left out. */
interface CreationJson {
  operator?: string;
  owner?: string;
  name?: string;
}

/** How far a walk has come. */
interface Walked {
  to: number;
  isDone: boolean;
}

/** Prepares the sweep. Results in how many creations were abandoned, and 1 when nothing was left to do. */
export function followUpSweeper(db: Database): (...args: WriteArguments["sweepFollowUps"]) => [abandoned: number, isDone: 0 | 1] {
  const readCursors = db.prepare("SELECT abandoned_to, forgotten_to, bypasses_forgotten_to FROM follow_up_sweep");
  const saveCursors = db.prepare("UPDATE follow_up_sweep SET abandoned_to = ?, forgotten_to = ?, bypasses_forgotten_to = ?");
  // A creation has no account yet, and a decision about an event has its id.
  const isCreation = "account_id IS NULL AND event_id IS NULL";
  const selectAllows = db.prepare(
    `SELECT seq, app_id, decide_time AS time,
         CASE WHEN ${isCreation} AND verdict = 1 AND follow_up IS NULL THEN json_extract(body, '$.createAccount') END AS creation
       FROM decisions LEFT JOIN follow_ups ON decision_seq = seq WHERE seq > ? ORDER BY seq LIMIT ${rowsPerStep}`,
  );
  const selectDecisions = db.prepare(
    `SELECT seq, app_id, decide_time AS time, CASE WHEN ${isCreation} THEN json_extract(body, '$.createAccount') END AS creation
       FROM decisions WHERE seq > ? ORDER BY seq LIMIT ${rowsPerStep}`,
  );
  const selectBypasses = db.prepare(
    `SELECT cases.seq, cases.event_seq, cases.app_id, open_time AS time,
         CASE WHEN kind = ${bypass} THEN json_extract(body, '$.accountCreated') END AS creation
       FROM cases LEFT JOIN events ON events.seq = event_seq WHERE cases.seq > ? ORDER BY cases.seq LIMIT ${rowsPerStep}`,
  );
  const ofRow = "app_id = ? AND owner = ? AND name = ? AND operator = ? AND seq = ?";
  const findAllow = db.prepare(`SELECT standing, lapse_time FROM creations WHERE ${ofRow} AND standing IN (1, 2)`);
  const takeNoRoom = db.prepare(`UPDATE creations SET standing = ${Standing.allowed} WHERE ${ofRow} AND standing = ${Standing.roomy}`);
  const note = db.prepare("INSERT INTO follow_ups (decision_seq, follow_up, follow_up_time) VALUES (?, ?, ?) ON CONFLICT DO NOTHING");
  const forgetDecision = db.prepare(`DELETE FROM creations WHERE ${ofRow} AND standing IN (1, 2, 3, 4)`);
  const forgetEvent = db.prepare(`DELETE FROM creations WHERE ${ofRow} AND standing = ${Standing.bypassed}`);

  /** Abandons the creation of a decision; false when it still stands. */
  function abandon(seq: number, key: (string | number)[], nowMs: number, reservationMs: number): boolean | undefined {
    const allow = findAllow.get(...key) as { standing: Standing; lapse_time: number } | undefined;
    if (allow === undefined) return undefined;
    if (!isPast(allow.lapse_time - reservationMs, reservationMs, nowMs)) return false;
    note.run(seq, abandoned, nowMs);
    if (allow.standing === Standing.roomy) takeNoRoom.run(...key);
    return true;
  }

  return (nowMs, reservationMs, keepMs) => {
    const cursors = readCursors.get() as Cursors;
    let count = 0;
    const allows = walk(selectAllows.all(cursors.abandoned_to) as LogRow[], cursors.abandoned_to, nowMs, reservationMs, (row, key) => {
      const became = abandon(row.seq, key, nowMs, reservationMs);
      if (became === true) count += 1;
      return became !== false;
    });
    const decisions = walk(selectDecisions.all(cursors.forgotten_to) as LogRow[], cursors.forgotten_to, nowMs, keepMs, (_, key) => {
      forgetDecision.run(...key);
      return true;
    });
    const rows = selectBypasses.all(cursors.bypasses_forgotten_to) as (LogRow & { event_seq: number })[];
    const bypasses = walk(rows, cursors.bypasses_forgotten_to, nowMs, keepMs, ({ event_seq }, key) => {
      forgetEvent.run(...key.slice(0, -1), event_seq);
      return true;
    });
    const moved = [allows.to, decisions.to, bypasses.to] as const;
    const before = [cursors.abandoned_to, cursors.forgotten_to, cursors.bypasses_forgotten_to];
    if (moved.some((to, index) => to !== before[index])) saveCursors.run(...moved);
    return [count, allows.isDone && decisions.isDone && bypasses.isDone ? 1 : 0];
  };
}

/** Goes through rows until one is not past, or `visit` says that it goes no further. */
function walk<Row extends LogRow>(
  rows: readonly Row[],
  from: number,
  nowMs: number,
  spanMs: number,
  visit: (row: Row, key: (string | number)[]) => boolean,
): Walked {
  let to = from;
  for (const row of rows) {
    if (row.time !== null && !isPast(row.time, spanMs, nowMs)) return { to, isDone: true };
    if (row.creation !== null) {
      const { operator = "", owner = "", name = "" } = JSON.parse(row.creation) as CreationJson;
      if (!visit(row, [row.app_id, owner, name, operator, row.seq])) return { to, isDone: true };
    }
    to = row.seq;
  }
  return { to, isDone: rows.length < rowsPerStep };
}

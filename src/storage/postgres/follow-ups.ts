// How time goes by in PostgreSQL: allows are noted as abandoned, and creations that are too old to be joined are forgotten. Walks the logs in
// their order, each with a place in the database, so that its work depends on what is new and not on what is kept.
import { Standing } from "../creation-rows.ts";
import { abandoned, bypass } from "../creations.ts";
import { isPast } from "../is-past.ts";
import type { FollowUps } from "../storage.ts";
import { toStoredJson } from "../stored-text.ts";
import type { Connection } from "./connections.ts";
import type { RunWithHead } from "./head-transactions.ts";
import { abandonParts } from "./part-sweep.ts";

/** How many rows of each log are looked at in one transaction: some milliseconds of work. */
const rowsPerStep = 256;

/** How many rows that nothing asks for any more are dropped in one transaction. */
const pastRowsPerStep = 1000;

interface Places {
  abandoned_to: number;
  forgotten_to: number;
  bypasses_forgotten_to: number;
  parts_abandoned_to: number;
}

/** A row of a log, with the creation that it is about; null where it is about none, or that is forgotten. */
interface LogRow {
  seq: number;
  time: number | null;
  creation_seq: number | null;
}

interface AllowRow extends LogRow {
  standing: Standing | null;
  lapse_time: number | null;
}

/** How far a walk has come, and the creations that it has met. */
interface Walked<Row> {
  to: number;
  isDone: boolean;
  met: Row[];
}

const selectAllows = `SELECT decisions.seq, decide_time AS time, creations.seq AS creation_seq, standing, lapse_time
  FROM decisions LEFT JOIN creations ON creations.seq = decisions.seq AND standing IN (1, 2)
    AND NOT EXISTS (SELECT 1 FROM follow_ups WHERE decision_seq = decisions.seq)
  WHERE decisions.seq > ? ORDER BY decisions.seq LIMIT ${rowsPerStep}`;

const selectDecisions = `SELECT decisions.seq, decide_time AS time, creations.seq AS creation_seq
  FROM decisions LEFT JOIN creations ON creations.seq = decisions.seq
  WHERE decisions.seq > ? ORDER BY decisions.seq LIMIT ${rowsPerStep}`;

const selectBypasses = `SELECT cases.seq, open_time AS time, CASE WHEN kind = ${bypass} THEN event_seq END AS creation_seq
  FROM cases WHERE cases.seq > ? ORDER BY cases.seq LIMIT ${rowsPerStep}`;

const noteAbandoned = `INSERT INTO follow_ups (decision_seq, follow_up, follow_up_time)
  SELECT v::bigint, ${abandoned}, ?::bigint FROM jsonb_array_elements_text(?::jsonb) AS v ON CONFLICT DO NOTHING`;

const ofSeqs = "seq IN (SELECT v::bigint FROM jsonb_array_elements_text(?::jsonb) AS v)";

const saveCursors = "UPDATE follow_up_sweep SET abandoned_to = ?, forgotten_to = ?, bypasses_forgotten_to = ?, parts_abandoned_to = ?";

/** Creates the sweep. */
export function createFollowUps(runWithHead: RunWithHead): FollowUps {
  return {
    sweepFollowUps(nowMs, { reservationMs, keepMs }) {
      return runWithHead(async (transaction) => {
        const places = await transaction.get<Places>("SELECT * FROM follow_up_sweep");
        const { abandoned_to = 0, forgotten_to = 0, bypasses_forgotten_to = 0, parts_abandoned_to = 0 } = places ?? {};
        const allows = walk(await transaction.all<AllowRow>(selectAllows, abandoned_to), abandoned_to, nowMs, reservationMs, (row) =>
          isPast((row.lapse_time ?? 0) - reservationMs, reservationMs, nowMs),
        );
        await abandon(transaction, allows.met, nowMs);
        const decisions = walk(await transaction.all<LogRow>(selectDecisions, forgotten_to), forgotten_to, nowMs, keepMs);
        await forget(transaction, decisions.met, "standing IN (1, 2, 3, 4)");
        const bypassRows = await transaction.all<LogRow>(selectBypasses, bypasses_forgotten_to);
        const bypasses = walk(bypassRows, bypasses_forgotten_to, nowMs, keepMs);
        await forget(transaction, bypasses.met, `standing = ${Standing.bypassed}`);
        const parts = await abandonParts(transaction, { from: parts_abandoned_to, maxRows: rowsPerStep, nowMs, reservationMs });
        await transaction.run(saveCursors, allows.to, decisions.to, bypasses.to, parts.to);
        await dropPast(transaction, nowMs);
        const { addSubscribers, sendMessage } = parts;
        const done = allows.isDone && decisions.isDone && bypasses.isDone && parts.isDone;
        return { abandoned: { createAccount: allows.met.length, addSubscribers, sendMessage }, done };
      });
    },
  };
}

async function abandon(connection: Connection, met: readonly AllowRow[], nowMs: number): Promise<void> {
  if (met.length === 0) return;
  const seqs = toStoredJson(met.map(({ seq }) => seq));
  await connection.run(noteAbandoned, nowMs, seqs);
  await connection.run(`UPDATE creations SET standing = ${Standing.allowed} WHERE ${ofSeqs} AND standing = ${Standing.roomy}`, seqs);
}

async function forget(connection: Connection, met: readonly LogRow[], standings: string): Promise<void> {
  if (met.length === 0) return;
  await connection.run(`DELETE FROM creations WHERE ${ofSeqs} AND ${standings}`, toStoredJson(met.map((row) => row.creation_seq)));
}

/** Drops reserved names that have lapsed and rates that are past: nothing asks for them any more. */
async function dropPast(connection: Connection, nowMs: number): Promise<void> {
  const some = `ORDER BY 1 LIMIT ${pastRowsPerStep}`;
  await connection.run(
    `DELETE FROM reserved_names WHERE (lapse_time, seq) IN (SELECT lapse_time, seq FROM reserved_names WHERE lapse_time <= ? ${some})`,
    nowMs,
  );
  await connection.run(
    `DELETE FROM rate_buckets WHERE ctid IN (SELECT ctid FROM (SELECT past_time, ctid FROM rate_buckets WHERE past_time <= ? ${some}) AS past)`,
    nowMs,
  );
}

/** Goes through rows until one is not past, or `mayGoOn` says that it goes no further. */
function walk<Row extends LogRow>(
  rows: readonly Row[],
  from: number,
  nowMs: number,
  spanMs: number,
  mayGoOn: (row: Row) => boolean = () => true,
): Walked<Row> {
  let to = from;
  const met: Row[] = [];
  for (const row of rows) {
    if (row.time !== null && !isPast(row.time, spanMs, nowMs)) return { to, isDone: true, met };
    if (row.creation_seq !== null) {
      if (!mayGoOn(row)) return { to, isDone: true, met };
      met.push(row);
    }
    to = row.seq;
  }
  return { to, isDone: rows.length < rowsPerStep, met };
}

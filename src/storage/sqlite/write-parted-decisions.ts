// Decisions on subscribers and messages with their joins, in SQLite. Runs in the writer thread, inside the transaction of a batch.
import type { Database } from "better-sqlite3";
import { partsOf } from "../follow-up-parts.ts";
import type { PartRows } from "../part-follow-ups.ts";
import {
  type FollowUpColumns,
  followUpToKeep,
  type LateAnswer,
  markOfDecisions,
  type PartedDecision,
  type PartedDecisionRow,
  partedDecisionOf,
} from "../parted-decisions.ts";

/** Reads and writes decisions with their joins. */
export type PartedDecisions = Pick<PartRows, "findDecisions" | "decision" | "partsAsDecided" | "writeDecision">;

/** Prepares the statements. */
export function preparePartedDecisions(db: Database): PartedDecisions {
  const selectDecisions = db.prepare(
    `SELECT seq, verdict, event_time, decide_time, CASE WHEN app_id = ? AND instr(body, ?) > 0 AND event_id IS NULL THEN body END AS body
       FROM decisions WHERE account_id = ? ORDER BY seq DESC LIMIT ?`,
  );
  const selectDecision = db.prepare(
    "SELECT seq, app_id, account_id, verdict, event_time, decide_time, body FROM decisions WHERE seq = ? AND account_id IS NOT NULL",
  );
  const selectAnswer = db.prepare("SELECT verdict, answer_time FROM degraded_answers WHERE seq = ?").raw();
  const selectFollowUp = db
    .prepare("SELECT follow_up, follow_up_event_seq, follow_up_time, parts, missing, abandon_time FROM follow_ups WHERE decision_seq = ?")
    .raw();
  const saveFollowUp = db.prepare(
    `INSERT INTO follow_ups (decision_seq, follow_up, follow_up_event_seq, follow_up_time, parts, missing, abandon_time)
     VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET follow_up = excluded.follow_up, follow_up_event_seq = excluded.follow_up_event_seq,
       follow_up_time = excluded.follow_up_time, parts = excluded.parts, missing = excluded.missing, abandon_time = excluded.abandon_time`,
  );
  const forgetFollowUp = db.prepare("DELETE FROM follow_ups WHERE decision_seq = ?");

  function decisionOf(appId: number, accountId: string, row: PartedDecisionRow): PartedDecision {
    const answer = selectAnswer.get(row.seq) as LateAnswer | undefined;
    return partedDecisionOf(appId, accountId, row, answer, selectFollowUp.get(row.seq) as FollowUpColumns | undefined);
  }

  return {
    findDecisions(appId, accountId, kind, things, fromMs, limit) {
      const mark = markOfDecisions(kind, things);
      const rows = selectDecisions.all(appId, mark, accountId, limit) as (Omit<PartedDecisionRow, "body"> & { body: string | null })[];
      const end = rows.findIndex(({ decide_time }) => (decide_time ?? 0) < fromMs);
      const recent = end === -1 ? rows : rows.slice(0, end);
      return {
        decisions: recent.flatMap((row) => (row.body === null ? [] : [decisionOf(appId, accountId, { ...row, body: row.body })])),
        isWhole: end !== -1 || rows.length < limit,
      };
    },

    decision(seq) {
      const row = selectDecision.get(seq) as (PartedDecisionRow & { app_id: number; account_id: string }) | undefined;
      return row && decisionOf(row.app_id, row.account_id, row);
    },

    partsAsDecided(seq) {
      const { verdict, body } = selectDecision.get(seq) as PartedDecisionRow;
      return partsOf({ verdict, answered: null, body });
    },

    writeDecision(decision) {
      const columns = followUpToKeep(decision);
      if (columns === undefined) return;
      if (columns.length === 0) forgetFollowUp.run(decision.seq);
      else saveFollowUp.run(decision.seq, ...columns);
    },
  };
}

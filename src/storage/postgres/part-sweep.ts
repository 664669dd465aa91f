// How time goes by for subscriptions and messages in PostgreSQL: a stretch of the log of decisions is read in one statement, and written in another.

import { type PartSweep, type SweepSpan, type SweptRow, sweepParts } from "../part-sweep.ts";
import { followUpToKeep, partedDecisionOf } from "../parted-decisions.ts";
import { fromStoredJson, toStoredJson } from "../stored-text.ts";
import type { Connection } from "./connections.ts";
import { partedDecision } from "./schema-questions.ts";
import { type FollowUpRow, followUpRow } from "./working-follow-ups.ts";
import type { AnsweredDecision } from "./working-parts.ts";

/** A decision; `decision` is JSON of it where something that was allowed has no event. */
interface LogRow extends SweptRow {
  decision: string | null;
}

const select = `SELECT d.seq, d.decide_time, CASE WHEN account_id IS NOT NULL AND event_id IS NULL AND (f.follow_up IS NULL OR f.missing > 0)
      AND coalesce((SELECT verdict FROM degraded_answers WHERE degraded_answers.seq = d.seq), verdict) = 1 THEN ${partedDecision}::text END AS decision
  FROM decisions AS d LEFT JOIN follow_ups AS f ON f.decision_seq = d.seq WHERE d.seq > ? ORDER BY d.seq LIMIT ?`;

const save = `INSERT INTO follow_ups (decision_seq, follow_up, follow_up_event_seq, follow_up_time, parts, missing, abandon_time)
  SELECT decision_seq, follow_up, event_seq, time, parts, missing, abandon_time
  FROM jsonb_to_recordset(?::jsonb) AS f(decision_seq bigint, follow_up integer, event_seq bigint, time bigint, parts text, missing integer,
    abandon_time bigint)
  ON CONFLICT (decision_seq) DO UPDATE SET follow_up = excluded.follow_up, follow_up_event_seq = excluded.follow_up_event_seq,
    follow_up_time = excluded.follow_up_time, parts = excluded.parts, missing = excluded.missing, abandon_time = excluded.abandon_time`;

/** Abandons what is past in a stretch of the log. The place that it results in is to be saved by who calls it, in the same transaction. */
export async function abandonParts(connection: Connection, span: SweepSpan): Promise<PartSweep> {
  const rows = await connection.all<LogRow>(select, span.from, span.maxRows);
  const swept = sweepParts(rows, span, ({ decision }) => {
    if (decision === null) return undefined;
    const row = fromStoredJson(decision) as AnsweredDecision;
    return partedDecisionOf(row.app_id, row.account_id, row, row.answer ?? undefined, row.stored ?? undefined);
  });
  const kept = swept.decisions.flatMap((decision): FollowUpRow[] => {
    const columns = followUpToKeep(decision);
    return columns === undefined || columns.length === 0 ? [] : [followUpRow(decision.seq, columns)];
  });
  if (kept.length > 0) await connection.run(save, toStoredJson(kept));
  return swept;
}

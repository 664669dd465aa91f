// The cases in PostgreSQL.
import type { CaseKind } from "../../../gen/gatehouse/v1/case_service_pb.ts";
import { type CaseRow, caseConditions, caseOf, selectCase } from "../case-rows.ts";
import { pageOf, parseLogPosition } from "../page-positions.ts";
import { formatSequenceId, parseSequenceId, seqOfGivenId } from "../sequence-ids.ts";
import type { Cases } from "../storage.ts";
import type { Reader } from "./connections.ts";
import type { RunWithHead } from "./head-transactions.ts";

const countOpen = `INSERT INTO open_case_counts AS c (kind, count) VALUES (?, ?)
  ON CONFLICT (kind) DO UPDATE SET count = c.count + excluded.count`;

/** Creates the cases. */
export function createCases(reader: Reader, runWithHead: RunWithHead): Cases {
  return {
    openCase({ kind, appId, decisionId, eventId, accountId, user, timeMs }) {
      const decisionSeq = seqOfGivenId("dec", decisionId);
      const eventSeq = seqOfGivenId("evt", eventId);
      return runWithHead(async (transaction) => {
        const earlier = await transaction.get<{ seq: number }>(
          `SELECT seq FROM cases WHERE kind = ? AND decision_seq IS NOT DISTINCT FROM ?::bigint AND event_seq IS NOT DISTINCT FROM ?::bigint
            AND ${decisionSeq === null ? "event_seq" : "decision_seq"} = ?`,
          kind,
          decisionSeq,
          eventSeq,
          decisionSeq ?? eventSeq,
        );
        if (earlier !== undefined) return { caseId: formatSequenceId("case", earlier.seq), isNew: false };
        const seq = transaction.nextSeq();
        await transaction.run(
          `INSERT INTO cases (seq, app_id, kind, decision_seq, event_seq, account_id, "user", open_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
          ...[seq, appId, kind, decisionSeq, eventSeq, accountId || null, user || null, timeMs],
        );
        await transaction.run(countOpen, kind, 1);
        return { caseId: formatSequenceId("case", seq), isNew: true };
      });
    },

    async getCase(caseId) {
      const row = await reader.get<CaseRow>(`${selectCase} WHERE seq = ?`, parseSequenceId("case", caseId) ?? 0);
      return row && caseOf(row);
    },

    async listCases(filter, page) {
      const { where, values } = caseConditions(filter);
      const rows = await reader.all<CaseRow>(
        `${selectCase} WHERE seq < ?${where} ORDER BY seq DESC LIMIT ?`,
        page.after === undefined ? Number.MAX_SAFE_INTEGER : parseLogPosition(page.after),
        ...values,
        page.size + 1,
      );
      return pageOf(rows, page.size, caseOf, (row) => String(row.seq));
    },

    closeCase({ caseId, author, reason, timeMs }) {
      const seq = parseSequenceId("case", caseId) ?? 0;
      return runWithHead(async (transaction) => {
        const closed = await transaction.get<{ kind: number }>(
          "UPDATE cases SET close_time = ?, closed_by = ?, close_reason = ? WHERE seq = ? AND close_time IS NULL RETURNING kind",
          ...[timeMs, author, reason, seq],
        );
        if (closed !== undefined) {
          await transaction.run(
            "INSERT INTO case_closings (seq, case_seq, app_id, account_id) SELECT ?::bigint, seq, app_id, account_id FROM cases WHERE seq = ?",
            ...[transaction.nextSeq(), seq],
          );
          await transaction.run(countOpen, closed.kind, -1);
        }
        const row = await transaction.get<CaseRow>(`${selectCase} WHERE seq = ?`, seq);
        return row && caseOf(row);
      });
    },

    countOpenCases: () => reader.all<{ kind: CaseKind; count: number }>("SELECT kind, count FROM open_case_counts ORDER BY kind"),
  };
}

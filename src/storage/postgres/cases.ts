// The cases in PostgreSQL.
import type { CaseKind } from "../../../gen/gatehouse/v1/case_service_pb.ts";
import { CaseState } from "../../../gen/gatehouse/v1/case_service_pb.ts";
import { type CaseRow, caseOf, selectCase } from "../case-rows.ts";
import { pageOf, parseLogPosition } from "../page-positions.ts";
import { formatSequenceId, parseSequenceId } from "../sequence-ids.ts";
import type { CaseFilter, Cases } from "../storage.ts";
import type { Reader, SqlValue } from "./connections.ts";
import type { RunWithHead } from "./head-transactions.ts";

const countOpen = `INSERT INTO open_case_counts AS c (kind, count) VALUES (?, ?)
  ON CONFLICT (kind) DO UPDATE SET count = c.count + excluded.count`;

/** Creates the cases. */
export function createCases(reader: Reader, runWithHead: RunWithHead): Cases {
  return {
    openCase({ kind, appId, decisionId, eventId, accountId, user, timeMs }) {
      const decisionSeq = seqOrNull("dec", decisionId);
      const eventSeq = seqOrNull("evt", eventId);
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
      const { where, values } = conditionsOf(filter);
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

/** Conditions that follow others, and their parameters. */
function conditionsOf({ appId, kind, state, accountId, user }: CaseFilter): { where: string; values: SqlValue[] } {
  const conditions: string[] = [];
  const values: SqlValue[] = [];
  function ask(condition: string, value: SqlValue | undefined): void {
    if (value === undefined) return;
    conditions.push(` AND ${condition}`);
    values.push(value);
  }
  ask("app_id = ?", appId);
  ask("kind = ?", kind);
  ask("account_id = ?", accountId);
  ask('"user" = ?', user);
  if (state === CaseState.OPEN) conditions.push(" AND close_time IS NULL");
  if (state === CaseState.CLOSED) conditions.push(" AND close_time IS NOT NULL");
  return { where: conditions.join(""), values };
}

function seqOrNull(prefix: "dec" | "evt", id: string | undefined): number | null {
  return id === undefined ? null : (parseSequenceId(prefix, id) ?? 0);
}

// The log of administrative acts, in PostgreSQL.
import { type AuditRow, auditConditions, auditEntryOf } from "../audit-rows.ts";
import { pageOf, parseLogPosition } from "../page-positions.ts";
import { formatSequenceId, parseSequenceId } from "../sequence-ids.ts";
import type { AuditLog } from "../storage.ts";
import type { Connection } from "./connections.ts";

/** Creates the log. */
export function createAuditLog(connection: Connection): AuditLog {
  return {
    async beginAuditEntry({ principal, method, appId, target, requestJson, beforeJson, beginTimeMs }) {
      const { kind, id, name } = principal;
      const row = await connection.get<{ audit_seq: number }>(
        `INSERT INTO audit_entries (principal_kind, principal_id, principal_name, method, app_id, target, request, before, begin_time)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING audit_seq`,
        ...[kind, id, name, method, appId, target, requestJson, beforeJson, beginTimeMs],
      );
      return formatSequenceId("aud", row?.audit_seq ?? 0);
    },

    async endAuditEntry(auditId, { afterJson, outcome }) {
      const seq = parseSequenceId("aud", auditId) ?? 0;
      const sql = "UPDATE audit_entries SET after = ?, outcome = ? WHERE audit_seq = ? AND outcome IS NULL";
      await connection.run(sql, afterJson, outcome, seq);
    },

    async listAuditEntries(filter, page) {
      const { conditions, values } = auditConditions(filter);
      const rows = await connection.all<AuditRow>(
        `SELECT * FROM audit_entries WHERE ${["audit_seq < ?", ...conditions].join(" AND ")} ORDER BY audit_seq DESC LIMIT ?`,
        page.after === undefined ? Number.MAX_SAFE_INTEGER : parseLogPosition(page.after),
        ...values,
        page.size + 1,
      );
      return pageOf(rows, page.size, auditEntryOf, (row) => String(row.audit_seq));
    },
  };
}

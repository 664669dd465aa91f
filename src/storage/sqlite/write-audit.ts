// How entries of the audit log begin and end. Runs in the writer thread, inside the transaction of a batch.
import type { Database } from "better-sqlite3";
import type { WriteOperations } from "./writes.ts";

/** Prepares the writes of the audit log. */
export function auditOperations(db: Database): Pick<WriteOperations, "beginAuditEntry" | "endAuditEntry"> {
  const begin = db.prepare(
    `INSERT INTO audit_entries (principal_kind, principal_id, principal_name, method, app_id, target, request, before, begin_time)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const end = db.prepare("UPDATE audit_entries SET after = ?, outcome = ? WHERE audit_seq = ? AND outcome IS NULL");
  return {
    beginAuditEntry: (...values) => Number(begin.run(...values).lastInsertRowid),
    endAuditEntry(auditSeq, after, outcome) {
      end.run(after, outcome, auditSeq);
      return 0;
    },
  };
}

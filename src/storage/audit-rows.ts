// Entries of the audit log as rows of the table `audit_entries`.
import type { PrincipalKind } from "../../gen/gatehouse/v1/audit_service_pb.ts";
import { type Conditions, conditionsOf } from "./conditions.ts";
import { formatSequenceId } from "./sequence-ids.ts";
import type { AuditEntry, AuditFilter } from "./storage.ts";

/** A row. */
export interface AuditRow {
  audit_seq: number;
  principal_kind: PrincipalKind;
  principal_id: string;
  principal_name: string;
  method: string;
  app_id: number;
  target: string;
  request: string;
  before: string;
  after: string | null;
  outcome: string | null;
  begin_time: number;
}

/** The entry of a row. */
export function auditEntryOf(row: AuditRow): AuditEntry {
  return {
    auditId: formatSequenceId("aud", row.audit_seq),
    principal: { kind: row.principal_kind, id: row.principal_id, name: row.principal_name },
    method: row.method,
    appId: row.app_id,
    target: row.target,
    requestJson: row.request,
    beforeJson: row.before,
    beginTimeMs: row.begin_time,
    end: row.outcome === null ? undefined : { afterJson: row.after ?? "", outcome: row.outcome },
  };
}

/** The conditions of a filter. */
export function auditConditions(filter: AuditFilter): Conditions {
  return conditionsOf([
    ["app_id = ?", filter.appId],
    ["principal_kind = ?", filter.principalKind],
    ["principal_id = ?", filter.principalId],
    ["method = ?", filter.method],
    ["target = ?", filter.target],
    ["begin_time >= ?", filter.startMs],
    ["begin_time < ?", filter.endMs],
  ]);
}

// Cases as rows of the table `cases`.
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Case, type CaseKind, CaseSchema, CaseState } from "../../gen/gatehouse/v1/case_service_pb.ts";
import { conditionsOf } from "./conditions.ts";
import { formatSequenceId } from "./sequence-ids.ts";
import type { CaseFilter } from "./storage.ts";

/** A row as `selectCase` reads it. */
export interface CaseRow {
  seq: number;
  app_id: number;
  kind: CaseKind;
  decision_seq: number | null;
  event_seq: number | null;
  account_id: string | null;
  user: string | null;
  open_time: number;
  close_time: number | null;
  closed_by: string | null;
  close_reason: string | null;
}

/** Reads whole rows; a WHERE may follow. */
export const selectCase = `SELECT seq, app_id, kind, decision_seq, event_seq, account_id, "user", open_time, close_time, closed_by, close_reason
  FROM cases`;

/** The case of a row. */
export function caseOf(row: CaseRow): Case {
  const found = create(CaseSchema, {
    caseId: formatSequenceId("case", row.seq),
    appId: row.app_id,
    kind: row.kind,
    state: row.close_time === null ? CaseState.OPEN : CaseState.CLOSED,
    decisionId: row.decision_seq === null ? "" : formatSequenceId("dec", row.decision_seq),
    eventId: row.event_seq === null ? "" : formatSequenceId("evt", row.event_seq),
    accountId: row.account_id ?? "",
    user: row.user ?? "",
    openTime: timestampFromMs(row.open_time),
    closedBy: row.closed_by ?? "",
    closeReason: row.close_reason ?? "",
  });
  if (row.close_time !== null) found.closeTime = timestampFromMs(row.close_time);
  return found;
}

/** The row as it was when the case was opened. */
export function asOpened(row: CaseRow): CaseRow {
  return { ...row, close_time: null, closed_by: null, close_reason: null };
}

/** The conditions of a filter, to follow others, and the parameters in them. */
export function caseConditions({ appId, kind, state, accountId, user }: CaseFilter): { where: string; values: (string | number)[] } {
  const { conditions, values } = conditionsOf([
    ["app_id = ?", appId],
    ["kind = ?", kind],
    ["account_id = ?", accountId],
    ['"user" = ?', user],
  ]);
  if (state === CaseState.OPEN) conditions.push("close_time IS NULL");
  if (state === CaseState.CLOSED) conditions.push("close_time IS NOT NULL");
  return { where: conditions.map((condition) => ` AND ${condition}`).join(""), values };
}

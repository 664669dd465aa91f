// The log of administrative acts, in SQLite.

import { type AuditRow, auditConditions, auditEntryOf } from "../audit-rows.ts";
import { pageOf, parseLogPosition } from "../page-positions.ts";
import { formatSequenceId, parseSequenceId } from "../sequence-ids.ts";
import type { AuditFilter, AuditLog } from "../storage.ts";
import { nextTurn } from "./next-turn.ts";
import type { Reader, SqlValue } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** How many entries one statement looks through at most: some milliseconds. */
const windowSize = 10_000;

/** Creates the log over the two sides of the store. */
export function createAuditLog(reader: Reader, writer: Writer): AuditLog {
  return {
    async beginAuditEntry({ principal, method, appId, target, requestJson, beforeJson, beginTimeMs }) {
      const { kind, id, name } = principal;
      const seq = await writer.write(["beginAuditEntry", kind, id, name, method, appId, target, requestJson, beforeJson, beginTimeMs]);
      return formatSequenceId("aud", seq);
    },

    async endAuditEntry(auditId, { afterJson, outcome }) {
      const seq = parseSequenceId("aud", auditId);
      await (seq === undefined ? writer.write(["check"]) : writer.write(["endAuditEntry", seq, afterJson, outcome]));
    },

    async listAuditEntries(filter, page) {
      const { sql, values } = listingOf(filter);
      const rows: AuditRow[] = [];
      let below = page.after === undefined ? Number.MAX_SAFE_INTEGER : parseLogPosition(page.after);
      // With one row more than asked for, pageOf can tell whether there is a next page.
      const wanted = page.size + 1;
      while (true) {
        // The numbers that a restore passed over would be billions of windows.
        below = Math.min(below, highestSeqBelow(reader, below) + 1);
        const from = Math.max(0, below - windowSize);
        rows.push(...reader.all<AuditRow>(sql, from, below, ...values, wanted - rows.length));
        if (rows.length === wanted || from === 0) break;
        below = from;
        await nextTurn();
      }
      return pageOf(rows, page.size, auditEntryOf, (row) => String(row.audit_seq));
    },
  };
}

function highestSeqBelow(reader: Reader, below: number): number {
  return reader.get<{ seq: number | null }>("SELECT max(audit_seq) AS seq FROM audit_entries WHERE audit_seq < ?", below)?.seq ?? 0;
}

/** The statement of a listing within a window, and its parameters between the window and the limit. */
function listingOf(filter: AuditFilter): { sql: string; values: SqlValue[] } {
  const { conditions, values } = auditConditions(filter);
  const all = ["audit_seq >= ?", "audit_seq < ?", ...conditions];
  return { sql: `SELECT * FROM audit_entries WHERE ${all.join(" AND ")} ORDER BY audit_seq DESC LIMIT ?`, values };
}

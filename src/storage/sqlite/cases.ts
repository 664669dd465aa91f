// The cases in SQLite.
import type { CaseKind } from "../../../gen/gatehouse/v1/case_service_pb.ts";
import { CaseState } from "../../../gen/gatehouse/v1/case_service_pb.ts";
import { type CaseRow, caseOf, selectCase } from "../case-rows.ts";
import { pageOf, parseLogPosition } from "../page-positions.ts";
import { formatSequenceId, parseSequenceId } from "../sequence-ids.ts";
import type { CaseFilter, Cases } from "../storage.ts";
import { nextTurn } from "./next-turn.ts";
import type { Reader, SqlValue } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** How many cases one statement of a listing goes through, so that a filter that few pass never keeps the thread for long. */
const casesPerPart = 5000;

/** Where a part begins, so many cases further down. */
const selectPartEnd = `SELECT seq FROM cases WHERE seq < ? ORDER BY seq DESC LIMIT 1 OFFSET ${casesPerPart - 1}`;

/** Creates the cases over the two sides of the store. */
export function createCases(reader: Reader, writer: Writer): Cases {
  return {
    async openCase({ kind, appId, decisionId, eventId, accountId, user, timeMs }) {
      reader.assertOpen();
      const decisionSeq = seqOrNull("dec", decisionId);
      const eventSeq = seqOrNull("evt", eventId);
      const seq = await writer.write(["openCase", appId, kind, decisionSeq, eventSeq, accountId || null, user || null, timeMs]);
      return { caseId: formatSequenceId("case", Math.abs(seq)), isNew: seq > 0 };
    },

    async getCase(caseId) {
      const row = reader.get<CaseRow>(`${selectCase} WHERE seq = ?`, parseSequenceId("case", caseId) ?? 0);
      return row && caseOf(row);
    },

    async listCases(filter, page) {
      const { where, values } = conditionsOf(filter);
      const rows: CaseRow[] = [];
      let below = page.after === undefined ? Number.MAX_SAFE_INTEGER : parseLogPosition(page.after);
      // With one row more than asked for, pageOf can tell whether there is a next page.
      const wanted = page.size + 1;
      while (true) {
        const from = reader.get<{ seq: number }>(selectPartEnd, below)?.seq ?? 0;
        const sql = `${selectCase} WHERE seq >= ? AND seq < ?${where} ORDER BY seq DESC LIMIT ?`;
        rows.push(...reader.all<CaseRow>(sql, from, below, ...values, wanted - rows.length));
        if (rows.length === wanted || from === 0) break;
        below = from;
        await nextTurn();
      }
      return pageOf(rows, page.size, caseOf, (row) => String(row.seq));
    },

    async closeCase({ caseId, author, reason, timeMs }) {
      const seq = parseSequenceId("case", caseId) ?? 0;
      if (reader.get(`${selectCase} WHERE seq = ?`, seq) === undefined) return undefined;
      await writer.write(["closeCase", seq, author, reason, timeMs]);
      const row = reader.get<CaseRow>(`${selectCase} WHERE seq = ?`, seq);
      return row && caseOf(row);
    },

    async countOpenCases() {
      return reader.all<{ kind: CaseKind; count: number }>("SELECT kind, count FROM open_case_counts ORDER BY kind");
    },
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
  ask("user = ?", user);
  if (state === CaseState.OPEN) conditions.push(" AND close_time IS NULL");
  if (state === CaseState.CLOSED) conditions.push(" AND close_time IS NOT NULL");
  return { where: conditions.join(""), values };
}

function seqOrNull(prefix: "dec" | "evt", id: string | undefined): number | null {
  return id === undefined ? null : (parseSequenceId(prefix, id) ?? 0);
}

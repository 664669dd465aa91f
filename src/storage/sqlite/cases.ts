// The cases in SQLite.
import type { CaseKind } from "../../../gen/gatehouse/v1/case_service_pb.ts";
import { type CaseRow, caseConditions, caseOf, selectCase } from "../case-rows.ts";
import { pageOf, parseLogPosition } from "../page-positions.ts";
import { formatSequenceId, parseSequenceId, seqOfGivenId } from "../sequence-ids.ts";
import type { Cases } from "../storage.ts";
import { nextTurn } from "./next-turn.ts";
import type { Reader } from "./reader.ts";
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
      const decisionSeq = seqOfGivenId("dec", decisionId);
      const eventSeq = seqOfGivenId("evt", eventId);
      const seq = await writer.write(["openCase", appId, kind, decisionSeq, eventSeq, accountId || null, user || null, timeMs]);
      return { caseId: formatSequenceId("case", Math.abs(seq)), isNew: seq > 0 };
    },

    async getCase(caseId) {
      const row = reader.get<CaseRow>(`${selectCase} WHERE seq = ?`, parseSequenceId("case", caseId) ?? 0);
      return row && caseOf(row);
    },

    async listCases(filter, page) {
      const { where, values } = caseConditions(filter);
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

// The log of decisions in SQLite.
import { pageOf, parseLogPosition } from "../page-positions.ts";
import type { DecisionFilter, Decisions } from "../storage.ts";
import { type AppendDecisionDeps, createAppendDecision } from "./append-decision.ts";
import { type DecisionRow, decisionOf, selectDecision } from "./decision-rows.ts";
import { nextTurn } from "./next-turn.ts";
import type { Reader, SqlValue } from "./reader.ts";
import { parseSequenceId } from "./sequence-ids.ts";
import { createShadow } from "./shadow.ts";

/**
 * How many sequence numbers one statement of a listing goes through. A filter that few decisions pass may lead through the whole log; in
 * windows of this size it never keeps the thread from answering for long.
 */
const windowSize = 20_000;

/** Creates the log of decisions over the two sides of the store. */
export function createDecisions(deps: AppendDecisionDeps): Decisions {
  const { reader, writer } = deps;
  return {
    appendDecision: createAppendDecision(deps),
    ...createShadow(reader, writer),

    async getDecision(decisionId) {
      // Asks the store in any case, so that a store that cannot be read does not claim to know.
      const row = reader.get<DecisionRow>(`${selectDecision} WHERE seq = ?`, parseSequenceId("dec", decisionId) ?? 0);
      return row && decisionOf(row);
    },

    async markDegraded(decisionId, { cause, verdict, code, answerTimeMs }) {
      const seq = parseSequenceId("dec", decisionId) ?? 0;
      const read = () => reader.get<DecisionRow>(`${selectDecision} WHERE seq = ?`, seq);
      const before = read();
      if (before === undefined) return undefined;
      const decision = decisionOf(before);
      if (decision.degraded) return { decision, marked: false };
      const marked = (await writer.write(["markDegraded", seq, cause, verdict, code, answerTimeMs])) === 1;
      return { decision: decisionOf(read() ?? before), marked };
    },

    async findDecisionByRequestId(appId, requestId) {
      const row = reader.get<DecisionRow>(`${selectDecision} WHERE app_id = ? AND request_id = ?`, appId, requestId);
      return row && { decision: decisionOf(row), actionDigest: new Uint8Array(row.action_digest ?? []) };
    },

    async listDecisions(filter, page) {
      const { sql, parameters } = listingOf(filter);
      const rows: DecisionRow[] = [];
      let below = page.after === undefined ? Number.MAX_SAFE_INTEGER : parseLogPosition(page.after);
      // With one row more than asked for, pageOf can tell whether there is a next page.
      const wanted = page.size + 1;
      while (true) {
        // The numbers that a restore passed over would be billions of windows.
        below = Math.min(below, highestSeqBelow(reader, below) + 1);
        const from = Math.max(0, below - windowSize);
        rows.push(...reader.all<DecisionRow>(sql, ...parameters(from, below), wanted - rows.length));
        if (rows.length === wanted || from === 0) break;
        below = from;
        await nextTurn();
      }
      return pageOf(rows, page.size, decisionOf, (row) => String(row.seq));
    },
  };
}

function highestSeqBelow(reader: Reader, below: number): number {
  return reader.get<{ seq: number | null }>("SELECT max(seq) AS seq FROM decisions WHERE seq < ?", below)?.seq ?? 0;
}

/** The statement of a listing within a window, and its parameters but the last, the limit. */
interface Listing {
  sql: string;
  parameters(from: number, below: number): SqlValue[];
}

function listingOf({ appId, accountId, user, verdict, followUp }: DecisionFilter): Listing {
  const conditions = ["seq >= ?", "seq < ?"];
  const values: SqlValue[] = [];
  function ask(condition: string, value: SqlValue | undefined): void {
    if (value === undefined) return;
    conditions.push(condition);
    values.push(value);
  }
  ask("app_id = ?", appId);
  ask("account_id = ?", accountId);
  ask("coalesce((SELECT verdict FROM degraded_answers WHERE degraded_answers.seq = decisions.seq), verdict) = ?", verdict);
  // Asked so, the index of the few is walked within the window, and their rows come in order without being sorted.
  if (followUp !== undefined)
    conditions.push("seq IN (SELECT decision_seq FROM follow_ups WHERE follow_up = ? AND decision_seq >= ? AND decision_seq < ?)");
  const select = `${selectDecision} WHERE ${conditions.join(" AND ")}`;
  const within = (from: number, below: number): SqlValue[] =>
    followUp === undefined ? [from, below, ...values] : [from, below, ...values, followUp, from, below];
  const end = "ORDER BY seq DESC LIMIT ?";
  if (user === undefined) return { sql: `${select} ${end}`, parameters: within };
  // Two index walks that are merged. No decision is in both: `owner` is NULL when it is the operator.
  return {
    sql: `${select} AND operator = ? UNION ALL ${select} AND owner = ? ${end}`,
    parameters: (from, below) => [...within(from, below), user, ...within(from, below), user],
  };
}

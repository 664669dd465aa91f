// The log of decisions in SQLite.
import type { Decision, Verdict } from "../../../gen/gatehouse/v1/decision_pb.ts";
import { decodeDecision, encodeDecision } from "../decision-codec.ts";
import { digestHex } from "../message-json.ts";
import { pageOf, parseLogPosition } from "../page-positions.ts";
import type { DecisionFilter, Decisions } from "../storage.ts";
import type { Reader, SqlValue } from "./reader.ts";
import { formatSequenceId, parseSequenceId } from "./sequence-ids.ts";
import type { Writer } from "./writer.ts";

interface DecisionRow {
  seq: number;
  app_id: number;
  request_id: string | null;
  action_digest: Buffer | null;
  verdict: Verdict;
  policy_version: string | null;
  event_time: number | null;
  decide_time: number | null;
  body: string;
}

const selectDecision = `SELECT seq, app_id, request_id, action_digest, verdict, event_time, decide_time, body,
    (SELECT version FROM policies WHERE policies.policy_id = decisions.policy_id) AS policy_version
  FROM decisions`;

/**
 * How many sequence numbers one statement of a listing goes through. A filter that few decisions pass may lead through the whole log; in
 * windows of this size it never keeps the thread from answering for long.
 */
const windowSize = 20_000;

/** Creates the log of decisions over the two sides of the store. */
export function createDecisions(reader: Reader, writer: Writer): Decisions {
  function readBySeq(seq: number): DecisionRow | undefined {
    return reader.get<DecisionRow>(`${selectDecision} WHERE seq = ?`, seq);
  }

  return {
    async appendDecision(decision, actionDigest) {
      const row = encodeDecision(decision);
      const seq = await writer.write([
        "appendDecision",
        row.appId,
        row.requestId,
        row.requestId === null ? null : digestHex(actionDigest),
        row.accountId,
        row.operator,
        row.owner,
        row.verdict,
        row.policyVersion,
        row.eventTimeMs,
        row.decideTimeMs,
        row.body,
      ]);
      if (seq > 0) return { kind: "appended", decisionId: formatSequenceId("dec", seq) };
      const first = readBySeq(-seq);
      if (first?.action_digest?.equals(actionDigest)) return { kind: "repeat", decision: decisionOf(first) };
      return { kind: "reused", decisionId: formatSequenceId("dec", -seq) };
    },

    async getDecision(decisionId) {
      // Asks the store in any case, so that a store that cannot be read does not claim to know.
      const row = readBySeq(parseSequenceId("dec", decisionId) ?? 0);
      return row && decisionOf(row);
    },

    async findDecisionByRequestId(appId, requestId) {
      const row = reader.get<DecisionRow>(`${selectDecision} WHERE app_id = ? AND request_id = ?`, appId, requestId);
      return row && { decision: decisionOf(row), actionDigest: new Uint8Array(row.action_digest ?? []) };
    },

    async listDecisions(filter, page) {
      const { sql, parameters } = listingOf(filter);
      const rows: DecisionRow[] = [];
      let below = page.after === undefined ? highestSeq(reader) + 1 : parseLogPosition(page.after);
      // With one row more than asked for, pageOf can tell whether there is a next page.
      const wanted = page.size + 1;
      while (true) {
        const from = Math.max(0, below - windowSize);
        rows.push(...reader.all<DecisionRow>(sql, ...parameters(from, below), wanted - rows.length));
        if (rows.length === wanted || from === 0) break;
        below = from;
        await new Promise((resolve) => setImmediate(resolve));
      }
      return pageOf(rows, page.size, decisionOf, (row) => String(row.seq));
    },
  };
}

function highestSeq(reader: Reader): number {
  return reader.get<{ seq: number | null }>("SELECT max(seq) AS seq FROM decisions")?.seq ?? 0;
}

function decisionOf(row: DecisionRow): Decision {
  return decodeDecision(formatSequenceId("dec", row.seq), {
    appId: row.app_id,
    requestId: row.request_id,
    verdict: row.verdict,
    policyVersion: row.policy_version,
    eventTimeMs: row.event_time,
    decideTimeMs: row.decide_time,
    body: row.body,
  });
}

/** The statement of a listing within a window, and its parameters but the last, the limit. */
interface Listing {
  sql: string;
  parameters(from: number, below: number): SqlValue[];
}

function listingOf({ appId, accountId, user, verdict }: DecisionFilter): Listing {
  const conditions = ["seq >= ?", "seq < ?"];
  const values: SqlValue[] = [];
  function ask(condition: string, value: SqlValue | undefined): void {
    if (value === undefined) return;
    conditions.push(condition);
    values.push(value);
  }
  ask("app_id = ?", appId);
  ask("account_id = ?", accountId);
  ask("verdict = ?", verdict);
  const select = `${selectDecision} WHERE ${conditions.join(" AND ")}`;
  const end = "ORDER BY seq DESC LIMIT ?";
  if (user === undefined) return { sql: `${select} ${end}`, parameters: (from, below) => [from, below, ...values] };
  // Two index walks that are merged. No decision is in both: `owner` is NULL when it is the operator.
  return {
    sql: `${select} AND operator = ? UNION ALL ${select} AND owner = ? ${end}`,
    parameters: (from, below) => [from, below, ...values, user, from, below, ...values, user],
  };
}

// The log of decisions in SQLite.

import { valuesOfAsked } from "../creation-rows.ts";
import { type DecisionRow, decisionOf } from "../decision-rows.ts";
import { hasParts } from "../follow-up-parts.ts";
import { followedUpOf, seqOf } from "../followed-up.ts";
import { pageOf, parseLogPosition } from "../page-positions.ts";
import { parseSequenceId } from "../sequence-ids.ts";
import type { DecisionFilter, Decisions } from "../storage.ts";
import { type AppendDecisionDeps, createAppendDecision } from "./append-decision.ts";
import { selectDecision } from "./decision-rows.ts";
import { nextTurn } from "./next-turn.ts";
import type { Reader, SqlValue } from "./reader.ts";
import { createShadow } from "./shadow.ts";
import { createFindNamed, type Stretch } from "./user-segments.ts";

/**
 * How many sequence numbers one statement of a listing goes through. A filter that few decisions pass may lead through the whole log; in
 * windows of this size it never keeps the thread from answering for long.
 */
const windowSize = 20_000;

/** Creates the log of decisions over the two sides of the store. */
export function createDecisions(deps: AppendDecisionDeps): Decisions {
  const { reader, writer } = deps;
  const findNamed = createFindNamed(reader);
  return {
    appendDecision: createAppendDecision(deps),
    ...createShadow(reader, writer),

    async getDecision(decisionId) {
      // Asks the store in any case, so that a store that cannot be read does not claim to know.
      const row = reader.get<DecisionRow>(`${selectDecision} WHERE seq = ?`, parseSequenceId("dec", decisionId) ?? 0);
      return row && decisionOf(row);
    },

    async markDegraded(decisionId, { cause, verdict, code, answerTimeMs }, creation, followUp) {
      const seq = parseSequenceId("dec", decisionId) ?? 0;
      const read = () => reader.get<DecisionRow>(`${selectDecision} WHERE seq = ?`, seq);
      const before = read();
      if (before === undefined) return undefined;
      const decision = decisionOf(before);
      if (decision.degraded) return { decision, marked: false };
      const asked = creation === undefined ? null : JSON.stringify(valuesOfAsked(creation));
      const rules = followUp === undefined || !hasParts(decision) ? null : JSON.stringify(followUp);
      const result = await writer.write(["markDegraded", seq, cause, verdict, code, answerTimeMs, asked, rules]);
      const followedUp = followedUpOf(result);
      const marked = { decision: decisionOf(read() ?? before), marked: seqOf(result) === 1 };
      return followedUp === undefined ? marked : { ...marked, followedUp };
    },

    async findDecisionByRequestId(appId, requestId) {
      const row = reader.get<DecisionRow>(`${selectDecision} WHERE app_id = ? AND request_id = ?`, appId, requestId);
      return row && { decision: decisionOf(row), actionDigest: new Uint8Array(row.action_digest ?? []) };
    },

    async listDecisions(filter, page) {
      const listing = listingOf(filter);
      const rows: DecisionRow[] = [];
      let below = page.after === undefined ? Number.MAX_SAFE_INTEGER : parseLogPosition(page.after);
      // With one row more than asked for, pageOf can tell whether there is a next page.
      const wanted = page.size + 1;
      while (true) {
        const stretch = filter.user === undefined ? windowBelow(reader, below) : findNamed(filter.user, below);
        rows.push(...listing(reader, stretch, wanted - rows.length));
        if (rows.length === wanted || stretch.from === 0) break;
        below = stretch.from;
        await nextTurn();
      }
      return pageOf(rows, page.size, decisionOf, (row) => String(row.seq));
    },
  };
}

/** The next decisions before a sequence number. The numbers that a restore passed over would be billions of windows. */
function windowBelow(reader: Reader, below: number): Stretch {
  const highest = reader.get<{ seq: number | null }>("SELECT max(seq) AS seq FROM decisions WHERE seq < ?", below)?.seq ?? 0;
  const end = Math.min(below, highest + 1);
  return { from: Math.max(0, end - windowSize), below: end, seqs: undefined };
}

/** The decisions of a stretch that pass a filter, the latest first, at most so many. */
type Listing = (reader: Reader, stretch: Stretch, limit: number) => DecisionRow[];

function listingOf({ appId, accountId, user, verdict, followUp }: DecisionFilter): Listing {
  const conditions: string[] = ["seq >= ?", "seq < ?"];
  const values: SqlValue[] = [];
  function ask(condition: string, ...asked: (SqlValue | undefined)[]): void {
    if (asked.includes(undefined)) return;
    conditions.push(condition);
    values.push(...(asked as SqlValue[]));
  }
  ask("app_id = ?", appId);
  ask("account_id = ?", accountId);
  ask("(operator = ? OR owner = ?)", user, user);
  ask("coalesce((SELECT verdict FROM degraded_answers WHERE degraded_answers.seq = decisions.seq), verdict) = ?", verdict);
  // Asked so, the index of the few is walked within the window, and their rows come in order without being sorted.
  if (followUp !== undefined)
    conditions.push("seq IN (SELECT decision_seq FROM follow_ups WHERE follow_up = ? AND decision_seq >= ? AND decision_seq < ?)");
  const where = conditions.join(" AND ");
  return (reader, { from, below, seqs }, limit) => {
    const among = seqs === undefined ? "" : "AND seq IN (SELECT value FROM json_each(?))";
    return reader.all<DecisionRow>(
      `${selectDecision} WHERE ${where} ${among} ORDER BY seq DESC LIMIT ?`,
      from,
      below,
      ...values,
      ...(followUp === undefined ? [] : [followUp, from, below]),
      ...(seqs === undefined ? [] : [JSON.stringify(seqs)]),
      limit,
    );
  };
}

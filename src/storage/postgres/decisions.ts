// The log of decisions in PostgreSQL.
import { valuesOfAsked } from "../creation-rows.ts";
import { createCreations, type FollowedUpValues } from "../creations.ts";
import { type DecisionRow, decisionOf } from "../decision-rows.ts";
import { hasParts } from "../follow-up-parts.ts";
import { pageOf, parseLogPosition } from "../page-positions.ts";
import { createPartFollowUps } from "../part-follow-ups.ts";
import { parseSequenceId } from "../sequence-ids.ts";
import type { AskedCreation, DecisionFilter, Decisions, FallbackAnswer, FollowedUp, FollowUpRules } from "../storage.ts";
import { type AppendDecisionDeps, createAppendDecision, followedUpAt } from "./append-decision.ts";
import type { WriteRows } from "./commits.ts";
import type { SqlValue } from "./connections.ts";
import { selectDecision } from "./decision-rows.ts";
import { createShadow } from "./shadow.ts";
import type { WorkingRows } from "./working-rows.ts";

/** About how many bytes a mark holds while it waits. */
const markBytes = 200;

/** Creates the log of decisions. */
export function createDecisions(deps: AppendDecisionDeps): Decisions {
  const { reader, commits } = deps;
  const read = (seq: number) => reader.get<DecisionRow>(`${selectDecision} WHERE seq = ?`, seq);
  return {
    appendDecision: createAppendDecision(deps),
    ...createShadow(reader, commits),

    async getDecision(decisionId) {
      // Asks the store in any case, so that a store that cannot be read does not claim to know.
      const row = await read(parseSequenceId("dec", decisionId) ?? 0);
      return row && decisionOf(row);
    },

    async markDegraded(decisionId, answer, creation, followUp) {
      const seq = parseSequenceId("dec", decisionId) ?? 0;
      const before = await read(seq);
      if (before === undefined) return undefined;
      const decision = decisionOf(before);
      if (decision.degraded) return { decision, marked: false };
      const how = { isDecision: false, turn: "later", bytes: markBytes } as const;
      const { marked, ...known } = await commits.commit(marker(seq, answer, creation, hasParts(decision) ? followUp : undefined), how);
      return { decision: decisionOf((await read(seq)) ?? before), marked, ...known };
    },

    async findDecisionByRequestId(appId, requestId) {
      const row = await reader.get<DecisionRow>(`${selectDecision} WHERE app_id = ? AND request_id = ?`, appId, requestId);
      return row && { decision: decisionOf(row), actionDigest: new Uint8Array(row.action_digest ?? []) };
    },

    async listDecisions(filter, page) {
      const { conditions, values } = conditionsOf(filter);
      const before = page.after === undefined ? Number.MAX_SAFE_INTEGER : parseLogPosition(page.after);
      const rows = await reader.all<DecisionRow>(
        `${selectDecision} WHERE ${["seq < ?", ...conditions].join(" AND ")} ORDER BY seq DESC LIMIT ?`,
        before,
        ...values,
        page.size + 1,
      );
      return pageOf(rows, page.size, decisionOf, (row) => String(row.seq));
    },
  };
}

function marker(
  seq: number,
  { cause, verdict, code, answerTimeMs }: FallbackAnswer,
  creation: AskedCreation | undefined,
  followUp: FollowUpRules | undefined,
): WriteRows<{ marked: boolean; followedUp?: readonly FollowedUp[] }> {
  return (rows) => {
    const decision = rows.decision(seq);
    if (decision === undefined || decision.isDegraded) return () => ({ marked: false });
    rows.markDegraded({ seq, cause, verdict, code, answer_time: answerTimeMs });
    const followedUp = answerJoined(rows, decision.appId);
    return (at) => ({ marked: true, ...followedUpAt(followedUp, at) });
  };

  function answerJoined(rows: WorkingRows, appId: number): FollowedUpValues {
    if (followUp !== undefined) return createPartFollowUps(rows.partRows, rows.followUpCases).answer(seq, followUp, answerTimeMs);
    if (creation === undefined) return [];
    return createCreations(rows.creationRows, rows.followUpCases).answer(seq, appId, valuesOfAsked(creation), answerTimeMs);
  }
}

function conditionsOf({ appId, accountId, user, verdict, followUp }: DecisionFilter): { conditions: string[]; values: SqlValue[] } {
  const conditions: string[] = [];
  const values: SqlValue[] = [];
  function ask(condition: string, ...asked: (SqlValue | undefined)[]): void {
    if (asked[0] === undefined) return;
    conditions.push(condition);
    for (const value of asked) if (value !== undefined) values.push(value);
  }
  ask("app_id = ?", appId);
  ask("account_id = ?", accountId);
  ask("(operator = ? OR owner = ?)", user, user);
  ask("coalesce((SELECT verdict FROM degraded_answers WHERE degraded_answers.seq = decisions.seq), verdict) = ?", verdict);
  ask("follow_up = ?", followUp);
  return { conditions, values };
}

import type { DecisionRow as DecisionColumns } from "../decision-codec.ts";
import { digestHex } from "../message-json.ts";
import type { DecisionValues } from "./writes.ts";

/** Reads whole rows; a WHERE may follow. */
export const selectDecision = `SELECT seq, app_id, request_id, action_digest, verdict, event_id, event_time, decide_time, body,
    (SELECT version FROM policies WHERE policies.policy_id = decisions.policy_id) AS policy_version,
    (SELECT version FROM policies WHERE policies.policy_id =
      (SELECT policy_id FROM shadow_outcomes WHERE shadow_outcomes.seq = decisions.seq)) AS shadow_version,
    (SELECT body FROM shadow_outcomes WHERE shadow_outcomes.seq = decisions.seq) AS shadow_body,
    (SELECT json_array(cause, verdict, code, answer_time) FROM degraded_answers
      WHERE degraded_answers.seq = decisions.seq) AS degraded_answer,
    follow_up, follow_up_event_seq, follow_up_time, parts, abandon_time
  FROM decisions LEFT JOIN follow_ups ON decision_seq = seq`;

/** The values that a decision is written with. The digest is only kept beside a request_id, which is all that asks for it. */
export function valuesOfDecision(row: DecisionColumns, actionDigest: Uint8Array | undefined): DecisionValues {
  return [
    row.appId,
    row.requestId,
    row.requestId === null || actionDigest === undefined ? null : digestHex(actionDigest),
    row.accountId,
    row.operator,
    row.owner,
    row.verdict,
    row.policyVersion,
    row.eventTimeMs,
    row.decideTimeMs,
    row.body,
    row.eventId,
  ];
}

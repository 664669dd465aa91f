// How decisions are read, with what the shadow policy said of them, what was answered instead, and what followed.

/** Reads whole rows; a WHERE may follow. */
export const selectDecision = `SELECT seq, app_id, request_id, action_digest, verdict, event_id, event_time, decide_time, body,
    (SELECT version FROM policies WHERE policies.policy_id = decisions.policy_id) AS policy_version,
    (SELECT version FROM policies WHERE policies.policy_id =
      (SELECT policy_id FROM shadow_outcomes WHERE shadow_outcomes.seq = decisions.seq)) AS shadow_version,
    (SELECT body FROM shadow_outcomes WHERE shadow_outcomes.seq = decisions.seq) AS shadow_body,
    (SELECT json_build_array(cause, verdict, code, answer_time)::text FROM degraded_answers
      WHERE degraded_answers.seq = decisions.seq) AS degraded_answer,
    follow_up, follow_up_event_seq, follow_up_time, parts, abandon_time
  FROM decisions LEFT JOIN follow_ups ON decision_seq = seq`;

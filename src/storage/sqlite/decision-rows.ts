// Decisions as rows of the table `decisions`, with what the shadow policy said of them, what was answered instead, and what followed.
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Decision, DegradedCause, Verdict } from "../../../gen/gatehouse/v1/decision_pb.ts";
import type { FollowUp, SubscriberFollowUp } from "../../../gen/gatehouse/v1/follow_up_pb.ts";
import { type DecisionRow as DecisionColumns, decodeDecision } from "../decision-codec.ts";
import { digestHex } from "../message-json.ts";
import type { FallbackAnswer } from "../storage.ts";
import { subscribersOfDecision } from "../subscriber-follow-ups.ts";
import { formatSequenceId } from "./sequence-ids.ts";
import type { DecisionValues } from "./writes.ts";

/** A row as `selectDecision` reads it. */
export interface DecisionRow {
  seq: number;
  app_id: number;
  request_id: string | null;
  action_digest: Buffer | null;
  verdict: Verdict;
  policy_version: string | null;
  event_id: string | null;
  event_time: number | null;
  decide_time: number | null;
  body: string;
  shadow_version: string | null;
  shadow_body: string | null;
  /** JSON of cause, verdict, code and time; null when no fallback answered instead. */
  degraded_answer: string | null;
  follow_up: FollowUp | null;
  follow_up_event_seq: number | null;
  follow_up_time: number | null;
  /** JSON: index of the subscriber, number of the event, time at which that became known. */
  parts: string | null;
  abandon_time: number | null;
}

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

/** A row without what is added later: as it was when it was appended. */
export function asAppended(row: DecisionRow): DecisionRow {
  const later = { follow_up: null, follow_up_event_seq: null, follow_up_time: null, parts: null, abandon_time: null };
  return { ...row, shadow_version: null, shadow_body: null, degraded_answer: null, ...later };
}

/** The decision of a row. */
export function decisionOf(row: DecisionRow): Decision {
  const shadow =
    row.shadow_version === null || row.shadow_body === null ? undefined : { policyVersion: row.shadow_version, body: row.shadow_body };
  const columns = {
    appId: row.app_id,
    requestId: row.request_id,
    verdict: row.verdict,
    policyVersion: row.policy_version,
    eventId: row.event_id,
    eventTimeMs: row.event_time,
    decideTimeMs: row.decide_time,
    body: row.body,
  };
  const decision = decodeDecision(formatSequenceId("dec", row.seq), columns, shadow, fallbackAnswerOf(row));
  if (row.follow_up !== null) decision.followUp = row.follow_up;
  if (row.follow_up_event_seq !== null) decision.followUpEventId = formatSequenceId("evt", row.follow_up_event_seq);
  if (row.follow_up_time !== null) decision.followUpTime = timestampFromMs(row.follow_up_time);
  if (row.follow_up !== null) decision.subscriberFollowUps = subscribersOfRow(row, decision);
  return decision;
}

function subscribersOfRow({ parts, abandon_time }: DecisionRow, decision: Decision): SubscriberFollowUp[] {
  const joins = parts === null ? [] : (JSON.parse(parts) as [index: number, eventSeq: number, timeMs: number][]);
  const byIndex = new Map(joins.map(([index, seq, timeMs]) => [index, { eventId: formatSequenceId("evt", seq), timeMs }]));
  return subscribersOfDecision(decision, byIndex, abandon_time ?? undefined);
}

function fallbackAnswerOf({ degraded_answer }: DecisionRow): FallbackAnswer | undefined {
  if (degraded_answer === null) return undefined;
  const [cause, verdict, code, answerTimeMs] = JSON.parse(degraded_answer) as [DegradedCause, Verdict, number, number];
  return { cause, verdict, code, answerTimeMs };
}

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

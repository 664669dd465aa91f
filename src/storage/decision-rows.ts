// Decisions as rows of the table `decisions`, with what the shadow policy said of them, what was answered instead, and what followed.
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Decision, DegradedCause, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import type { FollowUp, SubscriberFollowUp } from "../../gen/gatehouse/v1/follow_up_pb.ts";
import { decodeDecision } from "./decision-codec.ts";
import { formatSequenceId } from "./sequence-ids.ts";
import type { FallbackAnswer } from "./storage.ts";
import { subscribersOfDecision } from "./subscriber-follow-ups.ts";

/** A row as the `selectDecision` of a store reads it. */
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

// Decisions as they are made: what a policy says of an action or event, with everything that becomes known later not set.
import { type Decision, DegradedCause, type Fact, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { FollowUp } from "../../gen/gatehouse/v1/follow_up_pb.ts";
import type { DecideRequest } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import type { Outcome, Question } from "../policy/evaluate.ts";
import { timestampOfMs } from "../timestamp-of-ms.ts";
import type { WholeMessage } from "../whole-message.ts";
import { toWholeMs } from "./times.ts";

/** What a decision is made of. */
export interface Decided {
  /** Who asked, when, and by which id; empty when it cannot be asked for again by one. */
  request: Pick<DecideRequest, "requestId" | "origin" | "eventTime">;
  question: Question;
  policyVersion: string;
  outcome: Outcome;
  /** What the world answered. */
  facts: Fact[];
  preview: boolean;
}

/** The decision, without an id. */
export function newDecision({ request, question, policyVersion, outcome, facts, preview }: Decided): Decision {
  const decision: WholeMessage<Decision> = {
    $typeName: "gatehouse.v1.Decision",
    decisionId: "",
    appId: question.appId,
    requestId: request.requestId,
    origin: request.origin,
    eventTime: toWholeMs(request.eventTime),
    action: question.subject,
    verdict: outcome.verdict,
    code: outcome.code,
    message: outcome.message,
    refused: outcome.refused,
    matches: outcome.matches,
    policyVersion,
    degraded: false,
    decideTime: timestampOfMs(question.nowMs),
    preview,
    facts,
    shadow: undefined,
    eventId: "",
    followUp: FollowUp.UNSPECIFIED,
    followUpEventId: "",
    followUpTime: undefined,
    subscriberFollowUps: [],
    rewrite: outcome.rewrite,
    degradedCause: DegradedCause.UNSPECIFIED,
    lateVerdict: Verdict.UNSPECIFIED,
    lateRefused: [],
    answerTime: undefined,
    lateRewrite: undefined,
  };
  return decision;
}

// Fallbacks: what answers a before-webhook when no verdict can be had, and how the service is told of it.
import { randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { DegradedCause as DegradedCauseEnum, Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import {
  type DecideRequest,
  type RecordFallbackRequest,
  RecordFallbackRequestSchema,
} from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { denyAnswer, discardAnswer, okAnswer, type WebhookAnswer } from "./answer.ts";
import type { Action } from "./commands/command.ts";
import type { DegradedCause } from "./gateway-reply.ts";

/** What answers a before-webhook when no verdict can be had, for each action. */
export type Fallbacks = Readonly<Record<Exclude<Action["case"], "sendMessage">, "allow" | "deny"> & { sendMessage: Fallback }>;

/** An answer without a verdict of the policy. */
export type Fallback = "allow" | "deny" | "discard";

/** A fallback that was answered. */
export interface AnsweredFallback {
  verdict: Fallback;
  cause: DegradedCause;
  /** When, in milliseconds since 1970. */
  timeMs: number;
}

const causes: Record<DegradedCause, DegradedCauseEnum> = {
  deadline: DegradedCauseEnum.DEADLINE,
  unavailable: DegradedCauseEnum.UNAVAILABLE,
  overload: DegradedCauseEnum.OVERLOAD,
};

const verdicts: Record<Fallback, Verdict> = { allow: Verdict.ALLOW, deny: Verdict.DENY, discard: Verdict.DISCARD };

const answers: Record<Fallback, WebhookAnswer> = { allow: okAnswer, deny: denyAnswer(""), discard: discardAnswer };

export function fallbackAnswer(fallback: Fallback): WebhookAnswer {
  return answers[fallback];
}

/** What is told to RecordFallback; `decisionId` is that of the decision that came too late, empty when there is none. Can be told repeatedly. */
export function fallbackRequest(
  request: DecideRequest,
  { verdict, cause, timeMs }: AnsweredFallback,
  decisionId: string,
): RecordFallbackRequest {
  const requestId = request.requestId === "" && decisionId === "" ? `fallback-${randomUUID()}` : request.requestId;
  return create(RecordFallbackRequestSchema, {
    request: { ...request, requestId },
    answered: verdicts[verdict],
    cause: causes[cause],
    decisionId,
    answerTime: timestampFromMs(timeMs),
  });
}

// What the gateway replies, and how that came about.
import type { WebhookAnswer } from "./answer.ts";

/** Why there was no verdict or record in time, although there could have been one. */
export type DegradedCause = "deadline" | "unavailable" | "overload";

/** Why no verdict could be had, or an event could not be recorded; with the first two that will not change. */
export type FailureCause = "malformed" | "invalid" | DegradedCause;

/** How a webhook was answered, for counting. */
export type WebhookOutcome =
  /** By a decision. */
  | "allow"
  | "refuse_some"
  | "rewrite"
  | "discard"
  | "deny"
  /** An event was recorded, was on disk before, or is kept until it can be recorded. */
  | "recorded"
  | "duplicate"
  | "kept"
  /** A command that is none of ours, or the console's probe. */
  | "ignored"
  | "probe"
  /** No verdict could be had, and the configured fallback answered. */
  | `fallback_${FailureCause}`
  /** An event could not be recorded. */
  | `not_recorded_${FailureCause}`
  /** It cannot have come from Chat. */
  | "rejected_command_mismatch"
  | "rejected_no_app";

/** An answer: 200 with what Chat understands, or 403 for what cannot have come from Chat. */
export interface GatewayReply {
  status: 200 | 403;
  answer: WebhookAnswer;
  /** A command of ours, or `other`: a name for a metric, not what the request said. */
  command: string;
  outcome: WebhookOutcome;
  /** Why there was no verdict or nothing was recorded, for the log. */
  problem?: string;
}

/** The reply to what cannot have come from Chat. */
export function rejected(outcome: WebhookOutcome, message: string): GatewayReply {
  return { status: 403, answer: { ActionStatus: "FAIL", ErrorInfo: message, ErrorCode: 1 }, command: "other", outcome, problem: message };
}

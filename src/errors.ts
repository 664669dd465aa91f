// The one error class of the project, and the one table from its reasons to codes.
import { Code } from "@connectrpc/connect";
import { ErrorReason } from "../gen/gatehouse/v1/error_reason_pb.ts";

/** A field of a request that is wrong. */
export interface FieldProblem {
  /** The field's path in the request, such as `create_account.name`. */
  field: string;
  /** What is wrong with it and what would be right. */
  description: string;
}

/** What an error carries besides its reason and message. */
export interface ErrorDetails {
  /** Names and values of what the error is about. Goes to the caller. */
  metadata?: Record<string, string>;
  /** The wrong fields. Goes to the caller. */
  fields?: readonly FieldProblem[];
  /** What led to it. Is logged, never sent. */
  cause?: unknown;
}

/**
 * A failure that callers are meant to understand. Its message says what was wrong, where, and what to do, and is safe to send; its cause is
 * for the log.
 */
export class GatehouseError extends Error {
  override readonly name = "GatehouseError";
  readonly reason: ErrorReason;
  readonly metadata: Record<string, string>;
  readonly fields: readonly FieldProblem[];

  constructor(reason: ErrorReason, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.reason = reason;
    this.metadata = details.metadata ?? {};
    this.fields = details.fields ?? [];
  }
}

/** The gRPC and Connect code of each reason; HTTP statuses follow from the code by Connect's own table. */
export const codeByReason: Record<ErrorReason, Code> = {
  [ErrorReason.UNSPECIFIED]: Code.Unknown,
  [ErrorReason.INVALID_REQUEST]: Code.InvalidArgument,
  [ErrorReason.UNKNOWN_APP]: Code.NotFound,
  [ErrorReason.REQUEST_ID_REUSED]: Code.AlreadyExists,
  [ErrorReason.DECISION_NOT_FOUND]: Code.NotFound,
  [ErrorReason.ACCOUNT_NOT_FOUND]: Code.NotFound,
  [ErrorReason.LIST_NOT_FOUND]: Code.NotFound,
  [ErrorReason.INVALID_PAGE_TOKEN]: Code.InvalidArgument,
  [ErrorReason.DEADLINE_EXCEEDED]: Code.DeadlineExceeded,
  [ErrorReason.CANCELLED]: Code.Canceled,
  [ErrorReason.STORE_UNAVAILABLE]: Code.Unavailable,
  [ErrorReason.SHUTTING_DOWN]: Code.Unavailable,
  [ErrorReason.UNKNOWN_METHOD]: Code.Unimplemented,
  [ErrorReason.MALFORMED_MESSAGE]: Code.InvalidArgument,
  [ErrorReason.MESSAGE_TOO_LARGE]: Code.ResourceExhausted,
  [ErrorReason.POLICY_NOT_FOUND]: Code.NotFound,
  [ErrorReason.INVALID_POLICY]: Code.InvalidArgument,
  [ErrorReason.INVALID_ENTRY]: Code.InvalidArgument,
  [ErrorReason.NO_EARLIER_POLICY]: Code.FailedPrecondition,
  [ErrorReason.INVALID_CURSOR]: Code.InvalidArgument,
  [ErrorReason.CURSOR_EXPIRED]: Code.OutOfRange,
  [ErrorReason.SLOW_CONSUMER]: Code.ResourceExhausted,
  [ErrorReason.UNAUTHENTICATED]: Code.Unauthenticated,
  [ErrorReason.PERMISSION_DENIED]: Code.PermissionDenied,
  [ErrorReason.KEY_NOT_FOUND]: Code.NotFound,
  [ErrorReason.AUTHENTICATION_UNAVAILABLE]: Code.Unavailable,
  [ErrorReason.OVERLOADED]: Code.ResourceExhausted,
  [ErrorReason.RATE_LIMITED]: Code.ResourceExhausted,
  [ErrorReason.CASE_NOT_FOUND]: Code.NotFound,
  [ErrorReason.ERASURE_NOT_FOUND]: Code.NotFound,
  [ErrorReason.INTERNAL]: Code.Internal,
};

// What the service's errors mean for what waits in the spool.
import { ErrorReason, ErrorReasonSchema } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import type { GatehouseError } from "../errors.ts";

/** What a failed call means for what it was to deliver. */
export type Failure =
  /** Nobody took it: later. */
  | { kind: "later" }
  /** The service stumbles over it: later, but not for ever. */
  | { kind: "mistake"; reason: string; message: string }
  /** The service will never take it. */
  | { kind: "refused"; reason: string; message: string };

/** What is wrong with the request itself, however often it is sent. Whatever is not here may pass. */
const lasting: ReadonlySet<ErrorReason> = new Set([
  ErrorReason.INVALID_REQUEST,
  ErrorReason.UNKNOWN_APP,
  ErrorReason.REQUEST_ID_REUSED,
  ErrorReason.UNKNOWN_METHOD,
  ErrorReason.MALFORMED_MESSAGE,
  ErrorReason.MESSAGE_TOO_LARGE,
]);

/** Reads an error of the service; undefined is one that is not Gatehouse's, such as that of a connection. */
export function failureOf(error: GatehouseError | undefined): Failure {
  if (error === undefined) return { kind: "later" };
  const reason = ErrorReasonSchema.value[error.reason]?.localName ?? "UNSPECIFIED";
  if (lasting.has(error.reason)) return { kind: "refused", reason, message: error.message };
  return error.reason === ErrorReason.INTERNAL ? { kind: "mistake", reason, message: error.message } : { kind: "later" };
}

// Errors as they travel: a ConnectError with exactly one google.rpc.ErrorInfo, and a google.rpc.BadRequest when fields are wrong.
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorReason, ErrorReasonSchema } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { BadRequestSchema, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { codeByReason, GatehouseError } from "../errors.ts";

/** The `domain` of every ErrorInfo that Gatehouse sends. */
const errorDomain = "gatehouse";

/** How many wrong fields an error names at most. gRPC sends them in a trailer, and some clients take no more than 8 KiB of those. */
export const maxFieldsOnWire = 16;

/** Told of errors that are a mistake in Gatehouse and of which the caller learns nothing. Must not throw. */
export type OnInternalError = (error: unknown) => void;

/**
 * Any error as it goes to the caller. A GatehouseError says all it has but its cause; a ConnectError that carries an ErrorInfo of ours passes as
 * it is; anything else is INTERNAL with a fixed message, and itself goes to `onInternalError`.
 */
export function toWireError(error: unknown, onInternalError: OnInternalError): ConnectError {
  if (error instanceof ConnectError && hasReason(error)) return error;
  if (error instanceof GatehouseError) {
    if (error.reason === ErrorReason.INTERNAL) onInternalError(error);
    return encode(error, codeByReason[error.reason] ?? Code.Unknown);
  }
  onInternalError(error);
  return encode(internalError(error), Code.Internal);
}

/**
 * An error that Connect itself raised while it read a call, as it goes to the caller. Codes are kept but for bytes that cannot be read, some of
 * which Connect calls internal.
 */
export function fromProtocolError(error: ConnectError, inputType: string, onInternalError: OnInternalError): ConnectError {
  if (hasReason(error)) return error;
  const unreadable = unreadableBytes.exec(error.rawMessage);
  if (unreadable) return encode(malformedError(inputType, unreadable[1] ?? unreadable[0]), Code.InvalidArgument);
  const reason = reasonByProtocolCode[error.code];
  if (reason === undefined) return toWireError(error, onInternalError);
  return encode(new GatehouseError(reason, error.rawMessage), error.code);
}

/** How Connect's internal errors begin that say something of the bytes it was sent, compressed ones included. */
const unreadableBytes = /^(?:parse binary: (.*)|received compressed envelope.*|decompression failed)$/s;

/** The error of a request that cannot be read as what its method takes. */
export function malformedError(inputType: string, problem: string): GatehouseError {
  return new GatehouseError(ErrorReason.MALFORMED_MESSAGE, `The message cannot be read as ${inputType}: ${problem}`);
}

/**
 * Reads an error of Gatehouse back out of what a Connect client throws: its reason, message, metadata and fields. A reason that this schema does
 * not have is UNSPECIFIED. Undefined when the error is not one that a Gatehouse server sent.
 */
export function fromWireError(error: unknown): GatehouseError | undefined {
  if (!(error instanceof ConnectError)) return undefined;
  const info = error.findDetails(ErrorInfoSchema).find((detail) => detail.domain === errorDomain);
  if (info === undefined) return undefined;
  const known = ErrorReasonSchema.values.find((value) => value.localName === info.reason);
  const reason = (known?.number ?? ErrorReason.UNSPECIFIED) as ErrorReason;
  const fields = error
    .findDetails(BadRequestSchema)
    .flatMap((detail) => detail.fieldViolations)
    .map(({ field, description }) => ({ field, description }));
  return new GatehouseError(reason, error.rawMessage, { metadata: info.metadata, fields, cause: error });
}

/** What an error of Connect's protocols is in our words. The other codes are a mistake of ours. */
const reasonByProtocolCode: Partial<Record<Code, ErrorReason>> = {
  [Code.InvalidArgument]: ErrorReason.MALFORMED_MESSAGE,
  [Code.ResourceExhausted]: ErrorReason.MESSAGE_TOO_LARGE,
  [Code.Unimplemented]: ErrorReason.MALFORMED_MESSAGE,
  [Code.DeadlineExceeded]: ErrorReason.DEADLINE_EXCEEDED,
  [Code.Canceled]: ErrorReason.CANCELLED,
};

function internalError(cause: unknown): GatehouseError {
  return new GatehouseError(ErrorReason.INTERNAL, "Something went wrong in Gatehouse. Its log says what.", { cause });
}

function hasReason(error: ConnectError): boolean {
  return error.findDetails(ErrorInfoSchema).some((detail) => detail.domain === errorDomain);
}

/** Text goes out well-formed, because the encoders of headers throw on lone surrogates. */
function encode(error: GatehouseError, code: Code): ConnectError {
  const metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(error.metadata)) metadata[name.toWellFormed()] = value.toWellFormed();
  const reason = ErrorReasonSchema.value[error.reason]?.localName ?? "UNSPECIFIED";
  const details: ConnectError["details"] = [{ desc: ErrorInfoSchema, value: { reason, domain: errorDomain, metadata } }];
  if (error.fields.length > 0) {
    const fieldViolations = error.fields
      .slice(0, maxFieldsOnWire)
      .map(({ field, description }) => ({ field: field.toWellFormed(), description: description.toWellFormed() }));
    details.push({ desc: BadRequestSchema, value: { fieldViolations } });
  }
  const encoded = new ConnectError(error.message.toWellFormed(), code, undefined, undefined, error);
  encoded.details = details;
  return encoded;
}

// What an error of the driver says of the statement that has failed.
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../../errors.ts";

/** On errors that come from the driver, so that mistakes of callers within a transaction stay as they are. */
const driverMark = Symbol("driver");

/** On errors of getting a connection: nothing was sent. */
const unsentMark = Symbol("unsent");

/** Whether it comes from the driver. */
export function isDriverError(error: unknown): boolean {
  return error instanceof Error && driverMark in error;
}

/** Throws it as one that comes from the driver. */
export function throwMarked(error: unknown): never {
  throw error instanceof Error && !(error instanceof GatehouseError) ? Object.assign(error, { [driverMark]: true }) : error;
}

/** Throws it as one that comes from the driver before anything was sent. */
export function throwUnsent(error: unknown): never {
  if (error instanceof Error) Object.assign(error, { [unsentMark]: true });
  throwMarked(error);
}

/** Whether a failed statement has surely changed nothing: the server has refused it, or it was never sent. */
export function isAnswered(error: unknown): boolean {
  const cause = causeOf(error);
  return sqlStateOf(cause) !== undefined || (cause instanceof Error && unsentMark in cause) || !isDriverError(cause);
}

function causeOf(error: unknown): unknown {
  return error instanceof GatehouseError && error.reason === ErrorReason.STORE_UNAVAILABLE ? error.cause : error;
}

/** The server's code for an error, which it has survived; undefined when the error is not the server's. */
export function sqlStateOf(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && !code.startsWith("57P") ? code : undefined;
}

/** Whether the server says that what was read is not so any more; see `gatehouse_commit`. */
export function isMoved(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "GH001";
}

/** Whether the server has refused a statement because it takes no writes. */
export function isReadOnly(error: unknown): boolean {
  return sqlStateOf(error) === readOnlyState;
}

/** An error as of a server that takes no writes. */
export function readOnly(): Error {
  return Object.assign(new Error("The server is a standby, which takes no writes."), { code: readOnlyState });
}

const readOnlyState = "25006";

/** Whether the server has given a statement up because its time was over: it has changed nothing. */
export function isGivenUp(error: unknown): boolean {
  return /^(57014|55P03)$/.test(sqlStateOf(causeOf(error)) ?? "");
}

/** Whether the server has refused a statement for what is in it, and not because something failed. */
export function isRefused(error: unknown): boolean {
  return /^(22|23|54)/.test(sqlStateOf(causeOf(error)) ?? "");
}

// The failure that every store reports when it cannot read or write, whatever its driver says.
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";

/** The store cannot be read or written just now. The driver's error is the cause, for the log; its text is never in the message. */
export function storeUnavailable(cause: unknown): GatehouseError {
  return new GatehouseError(ErrorReason.STORE_UNAVAILABLE, "The store cannot be read or written just now; try again.", { cause });
}

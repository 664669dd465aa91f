// The one error of a store that has as much to write as it can hold.
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";

/** When it is worth trying again, in milliseconds. */
const retryAfterMs = 1000;

/** The error for callers of a write that was not taken. */
export function storeOverloaded(): GatehouseError {
  return new GatehouseError(
    ErrorReason.OVERLOADED,
    "The store has as much to write as it can hold. Nothing was written; try again later.",
    {
      metadata: { retry_after_ms: String(retryAfterMs) },
    },
  );
}

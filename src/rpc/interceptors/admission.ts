// Lets only as many calls in at a time as can be answered in time, and an app only as often as it may ask.
import type { Message } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { ModerationService } from "../../../gen/gatehouse/v1/moderation_service_pb.ts";
import { GatehouseError } from "../../errors.ts";

/** The gate of calls from other processes. */
export interface CallAdmission {
  interceptor: Interceptor;
  /** How many unary calls are under way. */
  inFlight(): number;
}

/** What it needs. */
export interface CallAdmissionDeps {
  /** How many unary calls may be under way; streams are not counted. */
  maxInFlight: number;
  /** How long an app has to wait before it may ask again, in milliseconds; 0: it may ask now. Asked for Decide and Record. */
  appLimit(appId: number): number;
}

/** When it is worth trying again, in milliseconds. */
const retryAfterMs = 250;

/** The methods that count against an app's limit. */
const limited: ReadonlySet<object> = new Set([ModerationService.method.decide, ModerationService.method.record]);

/** Refuses with OVERLOADED or RATE_LIMITED, before a request costs more than its reading. Must stand inside the interceptor of errors. */
export function createCallAdmission({ maxInFlight, appLimit }: CallAdmissionDeps): CallAdmission {
  let inFlight = 0;
  const interceptor: Interceptor = (next) => async (request) => {
    if (request.stream) return next(request);
    if (inFlight >= maxInFlight) throw overloaded(inFlight);
    if (limited.has(request.method)) {
      const { appId } = request.message as Message & { appId: number };
      const waitMs = appLimit(appId);
      if (waitMs > 0) throw rateLimited(appId, waitMs);
    }
    inFlight++;
    try {
      return await next(request);
    } finally {
      inFlight--;
    }
  };
  return { interceptor, inFlight: () => inFlight };
}

function overloaded(inFlight: number): GatehouseError {
  return new GatehouseError(ErrorReason.OVERLOADED, `${inFlight} calls are being answered already. Try again later.`, {
    metadata: { retry_after_ms: String(retryAfterMs) },
  });
}

function rateLimited(appId: number, waitMs: number): GatehouseError {
  return new GatehouseError(
    ErrorReason.RATE_LIMITED,
    `App ${appId} asks more often than its max_per_second in the configuration. Try again in ${waitMs} ms.`,
    { metadata: { limit: `app ${appId}`, retry_after_ms: String(waitMs) } },
  );
}

// Lets only as many calls in at a time as can be answered in time, and a key or an app only as often as it may ask.
import type { Message } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { ModerationService } from "../../../gen/gatehouse/v1/moderation_service_pb.ts";
import { GatehouseError } from "../../errors.ts";
import { type Caller, wordOf } from "../caller.ts";
import { callOf } from "../local-door.ts";

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
  /** The same for the holder of a key or token. Asked for every call, and once for a stream. */
  callerLimit(caller: Caller): number;
  /** Told of each call that was refused as RATE_LIMITED, with whose limit it was. Must not throw. */
  onRateLimited(limit: "app" | "key"): void;
}

/** When it is worth trying again, in milliseconds. */
const retryAfterMs = 250;

/** The methods that count against an app's limit. */
const limited: ReadonlySet<object> = new Set([ModerationService.method.decide, ModerationService.method.record]);

/**
 * Refuses with OVERLOADED or RATE_LIMITED, before a request costs more than its reading. Must stand inside the interceptors of errors and access.
 * A caller beyond its own limit takes nothing of its app's.
 */
export function createCallAdmission(deps: CallAdmissionDeps): CallAdmission {
  const { maxInFlight, appLimit, callerLimit, onRateLimited } = deps;
  let inFlight = 0;

  function checkCaller(caller: Caller): void {
    const waitMs = callerLimit(caller);
    if (waitMs === 0) return;
    onRateLimited("key");
    throw callerLimited(caller, waitMs);
  }

  function checkApp(appId: number): void {
    const waitMs = appLimit(appId);
    if (waitMs === 0) return;
    onRateLimited("app");
    throw appLimited(appId, waitMs);
  }

  const interceptor: Interceptor = (next) => async (request) => {
    if (!request.stream && inFlight >= maxInFlight) throw overloaded(inFlight);
    checkCaller(callOf(request).caller);
    if (request.stream) return next(request);
    if (limited.has(request.method)) checkApp((request.message as Message & { appId: number }).appId);
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

function appLimited(appId: number, waitMs: number): GatehouseError {
  return rateLimited(`App ${appId} asks more often than its max_per_second in the configuration.`, `app ${appId}`, waitMs);
}

function callerLimited({ kind, id, name }: Caller, waitMs: number): GatehouseError {
  const word = wordOf(kind);
  const who = id === "" ? name : `${word} ${id}`;
  return rateLimited(`This ${word} calls more often than rpc.key_max_per_second in the configuration lets it.`, who, waitMs);
}

function rateLimited(problem: string, limit: string, waitMs: number): GatehouseError {
  const metadata = { limit, retry_after_ms: String(waitMs) };
  return new GatehouseError(ErrorReason.RATE_LIMITED, `${problem} Try again in ${waitMs} ms.`, { metadata });
}

// The one ordered list of interceptors that every call passes, through whichever door it comes.
import type { Interceptor } from "@connectrpc/connect";
import { createErrorInterceptor } from "./interceptors/errors.ts";
import { createTelemetryInterceptor, type OnCall } from "./interceptors/telemetry.ts";
import { createValidateInterceptor } from "./interceptors/validate.ts";
import type { OnInternalError } from "./wire-error.ts";

/** Outermost first: telemetry sees the codes that errors get, and errors sees what validation refuses. */
export function createInterceptors(hooks: { onCall: OnCall; onInternalError: OnInternalError }): readonly Interceptor[] {
  return [createTelemetryInterceptor(hooks.onCall), createErrorInterceptor(hooks.onInternalError), createValidateInterceptor()];
}

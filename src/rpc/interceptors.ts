// The one ordered list of interceptors that every call passes, through whichever door it comes.
import type { Interceptor } from "@connectrpc/connect";
import { createErrorInterceptor } from "./interceptors/errors.ts";
import { createTelemetryInterceptor, type OnCall } from "./interceptors/telemetry.ts";
import { createValidateInterceptor } from "./interceptors/validate.ts";
import type { OnInternalError } from "./wire-error.ts";

/** What the interceptors need. */
export interface InterceptorDeps {
  onCall: OnCall;
  onInternalError: OnInternalError;
  /** Decides who may pass. Undefined: callers in our own process, who may do everything. */
  access?: Interceptor;
  /** Bounds how much is done at a time. Undefined: it is bounded elsewhere, as that of webhooks is. */
  admission?: Interceptor;
  /** Keeps administrative acts. Undefined: nobody does. */
  audit?: Interceptor;
}

/**
 * Outermost first: telemetry sees the codes that errors get, and errors sees what the others refuse. Who may not call learns nothing of what is
 * wrong with a request and takes nothing of what others may, and what is wrong is no act to be kept.
 */
export function createInterceptors({ onCall, onInternalError, access, admission, audit }: InterceptorDeps): readonly Interceptor[] {
  return [
    createTelemetryInterceptor(onCall),
    createErrorInterceptor(onInternalError),
    ...(access === undefined ? [] : [access]),
    ...(admission === undefined ? [] : [admission]),
    createValidateInterceptor(),
    ...(audit === undefined ? [] : [audit]),
  ];
}

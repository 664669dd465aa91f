// Gives every error its code and details, and keeps what only the log may know.
import type { Interceptor } from "@connectrpc/connect";
import { type OnInternalError, toWireError } from "../wire-error.ts";

/** Whatever a call fails with, its caller gets what `toWireError` makes of it. */
export function createErrorInterceptor(onInternalError: OnInternalError): Interceptor {
  return (next) => async (request) => {
    try {
      const response = await next(request);
      return response.stream ? { ...response, message: translate(response.message, onInternalError) } : response;
    } catch (error) {
      throw toWireError(error, onInternalError);
    }
  };
}

async function* translate<T>(messages: AsyncIterable<T>, onInternalError: OnInternalError): AsyncIterable<T> {
  try {
    yield* messages;
  } catch (error) {
    throw toWireError(error, onInternalError);
  }
}

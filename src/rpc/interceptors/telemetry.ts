// Tells of every call how it ended and how long it took.
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";

/** A call that is over. */
export interface FinishedCall {
  /** The service's full name, such as `gatehouse.v1.ModerationService`. */
  readonly service: string;
  /** The method's name, such as `Decide`. */
  readonly method: string;
  /** How it failed; undefined when it succeeded. */
  readonly code: Code | undefined;
  /** From the call's arrival at the local door to its answer, or to the end of its stream. */
  readonly durationMs: number;
}

/** Told of every call once, when it is over. Must not throw. */
export type OnCall = (call: FinishedCall) => void;

/** Must stand before the interceptor that gives errors their codes. */
export function createTelemetryInterceptor(onCall: OnCall): Interceptor {
  return (next) => async (request) => {
    const startMs = performance.now();
    const { service, method } = request;
    const finish = (code: Code | undefined) => {
      onCall({ service: service.typeName, method: method.name, code, durationMs: performance.now() - startMs });
    };
    let response: Awaited<ReturnType<typeof next>>;
    try {
      response = await next(request);
    } catch (error) {
      finish(ConnectError.from(error).code);
      throw error;
    }
    if (response.stream) return { ...response, message: observe(response.message, finish) };
    finish(undefined);
    return response;
  };
}

async function* observe<T>(messages: AsyncIterable<T>, finish: (code: Code | undefined) => void): AsyncIterable<T> {
  let code: Code | undefined = Code.Canceled;
  try {
    yield* messages;
    code = undefined;
  } catch (error) {
    code = ConnectError.from(error).code;
    throw error;
  } finally {
    finish(code);
  }
}

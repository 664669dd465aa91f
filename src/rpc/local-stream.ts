// Streams through the local door: calls the implementation of a streaming method and ends both directions together.
import { create, type DescMethod, type Message } from "@bufbuild/protobuf";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";
import { cancelledError, reached, watch } from "./call-limits.ts";
import type { CallContext } from "./implementation.ts";

/** The implementation of some method, whose kind says what it takes and gives. */
export type MethodFunction = (request: unknown, context: CallContext) => unknown;

/**
 * The answers of one streaming call. The implementation starts when the first answer is asked for. When a limit of the call is reached, whoever
 * waits for a message, caller or implementation, gets the error for it at once; when the caller leaves, the implementation's iterator is closed.
 */
export async function* produceAnswers(
  method: DescMethod,
  run: MethodFunction,
  requests: AsyncIterable<Message>,
  call: CallContext,
): AsyncIterable<Message> {
  const over = reached(call);
  if (over !== undefined) throw over;
  const end = new AbortController();
  const stopWatching = watch(call, (error) => end.abort(error));
  const context: CallContext = {
    signal: end.signal,
    deadlineMs: call.deadlineMs,
    usefulUntilMs: call.deadlineMs,
    get header() {
      return call.header;
    },
    caller: call.caller,
  };
  try {
    const answers = start(method, run, untilAborted(requests, end.signal), context);
    for await (const answer of untilAborted(answers, end.signal)) yield create(method.output, answer as Message);
  } finally {
    stopWatching();
    end.abort(cancelledError());
  }
}

async function* start(
  method: DescMethod,
  run: MethodFunction,
  requests: AsyncIterable<Message>,
  context: CallContext,
): AsyncIterable<unknown> {
  switch (method.methodKind) {
    case "server_streaming":
      yield* run(await theOnly(requests, method), context) as AsyncIterable<unknown>;
      return;
    case "client_streaming":
      yield await run(requests, context);
      return;
    case "bidi_streaming":
      yield* run(requests, context) as AsyncIterable<unknown>;
      return;
    case "unary":
      throw new Error(`${method.name} is unary and was called as a stream`);
  }
}

async function theOnly(requests: AsyncIterable<Message>, method: DescMethod): Promise<Message> {
  let only: Message | undefined;
  let count = 0;
  for await (const request of requests) {
    only ??= request;
    if (++count > 1) break;
  }
  if (only === undefined || count > 1) {
    throw new GatehouseError(
      ErrorReason.MALFORMED_MESSAGE,
      `${method.name} takes exactly one message, and got ${count === 0 ? "none" : "more"}.`,
    );
  }
  return only;
}

/** The same messages, until the signal is aborted: then its reason, even to who is waiting. Closes its source without waiting for it. */
function untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncIterable<T> & AsyncIterator<T, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  const close = () => {
    iterator.return?.().catch(() => {});
  };
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next() {
      return new Promise((resolve, reject) => {
        if (signal.aborted) {
          reject(signal.reason);
          return;
        }
        const onAbort = () => {
          close();
          reject(signal.reason);
        };
        signal.addEventListener("abort", onAbort, { once: true });
        const settled = () => signal.removeEventListener("abort", onAbort);
        iterator.next().then(
          (result) => {
            settled();
            resolve(result.done ? { done: true, value: undefined } : result);
          },
          (error) => {
            settled();
            reject(error);
          },
        );
      });
    },
    return() {
      close();
      return Promise.resolve({ done: true, value: undefined });
    },
  };
}

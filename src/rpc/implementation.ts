// What an implementation of a service is: one function for each method, of the request and the context of its call.
import type {
  DescMessage,
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { Caller } from "./caller.ts";

/** What an implementation may know of a call besides its request. */
export interface CallContext {
  /**
   * Aborted when nobody waits for the answer any more. Of a unary call it is the caller's own signal, and undefined when the caller gave none:
   * a deadline does not abort it. Of a stream it is always there, and aborted at the deadline and at the end of the call too.
   */
  readonly signal: AbortSignal | undefined;
  /** When the caller stops waiting, in milliseconds on the clock of `performance.now()`; undefined when it waits for ever. */
  readonly deadlineMs: number | undefined;
  /**
   * When an answer stops being of use, on the same clock: the deadline, or what the caller says in the header `gatehouse-budget-ms` when that is
   * sooner. Nothing ends a call then; it is for work that can be done in more time or in less. Undefined: never.
   */
  readonly usefulUntilMs: number | undefined;
  /** The caller's headers, or its gRPC metadata. Made when it is first asked for. */
  readonly header: Headers;
  /** Who calls, as the door through which the call came knows it. */
  readonly caller: Caller;
}

/**
 * One function for each method of a service, as Connect's `ServiceImpl` but for the context. A request has passed the interceptors and belongs
 * to the caller: an implementation must not change it.
 */
export type Implementation<S extends DescService> = { [P in keyof S["method"]]: MethodImplementation<S["method"][P]> };

type MethodImplementation<M extends DescMethod> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, context: CallContext) => Answer<O> | Promise<Answer<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageShape<I>, context: CallContext) => AsyncIterable<Answer<O>>
      : M extends DescMethodClientStreaming<infer I, infer O>
        ? (requests: AsyncIterable<MessageShape<I>>, context: CallContext) => Promise<Answer<O>>
        : M extends DescMethodBiDiStreaming<infer I, infer O>
          ? (requests: AsyncIterable<MessageShape<I>>, context: CallContext) => AsyncIterable<Answer<O>>
          : never;

type Answer<O extends DescMessage> = MessageInitShape<O>;

/** A method, told apart by its `methodKind`. */
export type MethodOfAnyKind = DescMethodUnary | DescMethodServerStreaming | DescMethodClientStreaming | DescMethodBiDiStreaming;

/** A service and its implementation, which `serve` has checked to fit each other. */
export interface ServedService {
  readonly service: DescService;
  readonly implementation: object;
}

/** Pairs a service with its implementation. */
export function serve<S extends DescService>(service: S, implementation: Implementation<S>): ServedService {
  return { service, implementation };
}

// The Connect door: Connect, gRPC-Web, JSON, and gRPC where HTTP/2 is spoken, as a handler for a Node HTTP server, over the local door.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { DescMethod, DescService, JsonReadOptions } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, createConnectRouter, type HandlerContext, type Transport } from "@connectrpc/connect";
import {
  compressionBrotli,
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import { refuseUnknownMethod } from "./connect-unknown-method.ts";
import type { MethodOfAnyKind } from "./implementation.ts";
import { fromProtocolError, type OnInternalError } from "./wire-error.ts";

/** Answers one request of a Node HTTP server. */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** What the Connect door is made of. */
export interface ConnectDoorOptions {
  /** Where calls go. */
  localDoor: Transport;
  /** The services to serve. */
  services: readonly DescService[];
  /** Told of answers that cannot be sent. Must not throw. */
  onInternalError: OnInternalError;
  /** Answers what is not a call. Default: 404. */
  fallback?: HttpHandler;
  /** The largest message to take, in bytes, after decompression; a larger one is refused with RESOURCE_EXHAUSTED. Default: 4 MiB. */
  maxReceiveBytes?: number;
}

/**
 * Makes the handler. A JSON request with a field that the schema does not have is refused, because a misspelt name must not silently change a
 * decision; so is one that is not UTF-8.
 */
export function createConnectDoor(options: ConnectDoorOptions): HttpHandler {
  const { localDoor, onInternalError } = options;
  const jsonOptions: Partial<JsonReadOptions> & { textDecoder: TextDecoder } = {
    ignoreUnknownFields: false,
    textDecoder: new TextDecoder("utf-8", { fatal: true }),
  };
  const router = createConnectRouter({
    acceptCompression: [compressionGzip, compressionBrotli],
    readMaxBytes: options.maxReceiveBytes ?? 2 ** 22,
    jsonOptions,
    requestGate: (context) => giveReasons(context, onInternalError),
  });
  for (const service of options.services) {
    for (const method of service.methods) route(router, localDoor, method as MethodOfAnyKind, onInternalError);
  }
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  const fallback = options.fallback ?? notFound;
  return (request, response) => {
    const path = request.url?.split("?", 1)[0] ?? "";
    const handler = handlers.get(path);
    if (handler === undefined) {
      if (!refuseUnknownMethod(path, request, response)) fallback(request, response);
      return;
    }
    let universalRequest: ReturnType<typeof universalRequestFromNodeRequest>;
    try {
      universalRequest = universalRequestFromNodeRequest(request, response, undefined, undefined);
    } catch {
      // There is no Host header, or none that can be part of a URL.
      response.writeHead(400).end();
      return;
    }
    handler(universalRequest)
      .then((universalResponse) => universalResponseToNodeResponse(universalResponse, response))
      .catch((error: unknown) => {
        const isGone = response.destroyed || ConnectError.from(error).code === Code.Aborted;
        if (!isGone) onInternalError(error);
        response.destroy();
      });
  };
}

/** Delegates one method. */
function route(router: ConnectRouter, localDoor: Transport, method: MethodOfAnyKind, onInternalError: OnInternalError): void {
  switch (method.methodKind) {
    case "unary":
      router.rpc(method, async (request, context) => {
        const response = await localDoor.unary(method, context.signal, context.timeoutMs(), context.requestHeader, request);
        return response.message;
      });
      return;
    case "client_streaming":
      router.rpc(method, async (requests, context) => {
        const readable = withReasons(requests, method, onInternalError);
        const response = await localDoor.stream(method, context.signal, context.timeoutMs(), context.requestHeader, readable);
        return await theOnly(response.message);
      });
      return;
    case "server_streaming":
      router.rpc(method, async function* (request, context) {
        const response = await localDoor.stream(method, context.signal, context.timeoutMs(), context.requestHeader, once(request));
        yield* passedOn(response.message);
      });
      return;
    case "bidi_streaming":
      router.rpc(method, async function* (requests, context) {
        const readable = withReasons(requests, method, onInternalError);
        const response = await localDoor.stream(method, context.signal, context.timeoutMs(), context.requestHeader, readable);
        yield* passedOn(response.message);
      });
      return;
  }
}

/**
 * Gives errors that Connect raises before a call reaches the local door what ours carry. Connect aborts the call's signal with the error before
 * it writes it, in every protocol, and that is the only place where it can be seen.
 */
function giveReasons(context: AbortableContext, onInternalError: OnInternalError): void {
  const give = (error: unknown) => {
    if (!(error instanceof ConnectError) || error.code === Code.Aborted) return;
    const { code, message, rawMessage, details } = fromProtocolError(error, context.method.input.typeName, onInternalError);
    Object.assign(error, { code, message, rawMessage, details });
  };
  context.signal.addEventListener("abort", () => give(context.signal.reason));
  if (context.signal.aborted) give(context.signal.reason);
  // A signal is aborted once, for instance by the deadline; what is wrong with the call besides is seen only on its way there.
  const { abort } = context;
  context.abort = (reason) => {
    give(reason);
    abort?.call(context, reason);
  };
}

/** What Connect hands out is what it aborts, too. */
type AbortableContext = HandlerContext & { abort?(reason?: unknown): void };

/**
 * The same messages. Connect throws into its answers what keeps it from writing them, such as a caller who has hung up; that ends what makes them,
 * and is none of its errors.
 */
async function* passedOn<T>(messages: AsyncIterable<T>): AsyncIterable<T> {
  for await (const message of messages) yield message;
}

async function* withReasons<T>(requests: AsyncIterable<T>, method: DescMethod, onInternalError: OnInternalError): AsyncIterable<T> {
  try {
    yield* requests;
  } catch (error) {
    throw error instanceof ConnectError ? fromProtocolError(error, method.input.typeName, onInternalError) : error;
  }
}

async function* once<T>(value: T): AsyncIterable<T> {
  yield value;
}

async function theOnly<T>(values: AsyncIterable<T>): Promise<T> {
  let only: T | undefined;
  for await (const value of values) only = value;
  if (only === undefined) throw new Error("a stream ended without its answer");
  return only;
}

function notFound(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(404).end();
}

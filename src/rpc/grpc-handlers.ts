// Hands gRPC calls of every kind to the local door: bytes to messages and back, deadlines, cancellation and errors.
import type { Readable } from "node:stream";
import {
  create,
  type DescMessage,
  type DescMethodStreaming,
  type DescMethodUnary,
  fromBinary,
  type Message,
  toBinary,
} from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type ServerDuplexStream,
  type ServerWritableStream,
  type StatusObject,
  type UntypedHandleCall,
} from "@grpc/grpc-js";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";
import type { MethodOfAnyKind } from "./implementation.ts";
import { malformedError, type OnInternalError, toWireError } from "./wire-error.ts";

/** The handler of one method, for a service definition whose messages pass as bytes. */
export function createGrpcHandler(localDoor: Transport, method: MethodOfAnyKind, onInternalError: OnInternalError): UntypedHandleCall {
  const statusOf = (error: unknown) => toStatus(toWireError(error, onInternalError));
  switch (method.methodKind) {
    case "unary":
      return unaryHandler(localDoor, method, statusOf);
    case "client_streaming":
      return clientStreamingHandler(localDoor, method, statusOf);
    case "server_streaming":
    case "bidi_streaming":
      return answerStreamingHandler(localDoor, method, statusOf);
  }
}

type StatusOf = (error: unknown) => StatusObject;

/** The part of a grpc-js call that every kind has. */
interface AnyCall {
  readonly metadata: Metadata;
  readonly cancelled: boolean;
  getDeadline(): Date | number;
  once(event: "cancelled", listener: () => void): unknown;
  off(event: "cancelled", listener: () => void): unknown;
}

function unaryHandler(localDoor: Transport, method: DescMethodUnary, statusOf: StatusOf): handleUnaryCall<Buffer, Buffer> {
  const answer = async (call: AnyCall, request: Buffer) => {
    const message = decode(method.input, request);
    const caller = watchCaller(call);
    const { message: answered } = await localDoor.unary(method, caller.signal, timeoutOf(call), headerOf(call), message);
    // grpc-js says of every call that it is cancelled when it is over; to abort each that has been answered would cost more than reading its request.
    caller.stop();
    return encode(method.output, answered);
  };
  return (call, callback) => {
    answer(call, call.request).then(
      (bytes) => callback(null, bytes),
      (error) => callback(statusOf(error)),
    );
  };
}

function clientStreamingHandler(
  localDoor: Transport,
  method: DescMethodStreaming,
  statusOf: StatusOf,
): handleClientStreamingCall<Buffer, Buffer> {
  const answer = async (call: AnyCall & Readable) => {
    const requests = decodeEach(method.input, messagesOf(call));
    const { message } = await localDoor.stream(method, watchCaller(call).signal, timeoutOf(call), headerOf(call), requests);
    let only: Buffer | undefined;
    for await (const answered of message) only = encode(method.output, answered);
    return only;
  };
  return (call, callback) => {
    answer(call).then(
      (bytes) => callback(null, bytes ?? null),
      (error) => callback(statusOf(error)),
    );
  };
}

function answerStreamingHandler(
  localDoor: Transport,
  method: DescMethodStreaming,
  statusOf: StatusOf,
): handleServerStreamingCall<Buffer, Buffer> & handleBidiStreamingCall<Buffer, Buffer> {
  return (call: ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>) => {
    const pump = async () => {
      const incoming = "request" in call ? once(call.request) : messagesOf(call);
      const requests = decodeEach(method.input, incoming);
      const { message } = await localDoor.stream(method, watchCaller(call).signal, timeoutOf(call), headerOf(call), requests);
      for await (const answered of message) {
        if (!call.write(encode(method.output, answered))) await writable(call);
      }
    };
    pump().then(
      () => call.end(),
      (error) => call.emit("error", statusOf(error)),
    );
  };
}

/** What a call receives. The plain iterator of a stream destroys it at its end, and a call has yet to be answered then. */
function messagesOf(call: Readable): AsyncIterable<Buffer> {
  return call.iterator({ destroyOnReturn: false });
}

/** Waits until a call takes more answers, or is over. */
function writable(call: ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>): Promise<void> {
  return new Promise((resolve) => {
    if (call.cancelled) {
      resolve();
      return;
    }
    const done = () => {
      call.off("drain", done);
      call.off("cancelled", done);
      resolve();
    };
    call.on("drain", done);
    call.on("cancelled", done);
  });
}

/** How much sooner than here a deadline may have passed at the client, which counts from when it sent the call. */
const deadlineSkewMs = 10;

/** A signal that is aborted when the client goes away, until `stop` is called; the reason tells when it was the deadline that ended the call. */
function watchCaller(call: AnyCall): { signal: AbortSignal; stop: () => void } {
  const controller = new AbortController();
  const isDeadline = () => Date.now() + deadlineSkewMs >= Number(call.getDeadline());
  const abort = () => controller.abort(isDeadline() ? new ConnectError("", Code.DeadlineExceeded) : undefined);
  if (call.cancelled) abort();
  else call.once("cancelled", abort);
  return { signal: controller.signal, stop: () => call.off("cancelled", abort) };
}

/** One millisecond less than there is, so that our error, which has details, is sent before grpc-js ends the call with one that has none. */
function timeoutOf(call: AnyCall): number | undefined {
  const deadlineMs = Number(call.getDeadline());
  return Number.isFinite(deadlineMs) ? deadlineMs - Date.now() - 1 : undefined;
}

function headerOf(call: AnyCall): [string, string][] {
  const pairs: [string, string][] = [];
  for (const [name, values] of Object.entries(call.metadata.toHttp2Headers())) {
    for (const value of Array.isArray(values) ? values : [values]) pairs.push([name, String(value)]);
  }
  return pairs;
}

async function* decodeEach(schema: DescMessage, incoming: AsyncIterable<Buffer>): AsyncIterable<Message> {
  for await (const bytes of incoming) yield decode(schema, bytes);
}

async function* once<T>(value: T): AsyncIterable<T> {
  yield value;
}

function decode(schema: DescMessage, bytes: Buffer): Message {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    throw malformedError(schema.typeName, error instanceof Error ? error.message : String(error));
  }
}

function encode(schema: DescMessage, message: Message): Buffer<ArrayBuffer> {
  const bytes = toBinary(schema, message);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The whole error travels in `grpc-status-details-bin`, as google.rpc.Status; its code and message beside it too. */
function toStatus(error: ConnectError): StatusObject {
  const details = error.details.map((detail) =>
    "desc" in detail
      ? anyPack(detail.desc, create(detail.desc, detail.value))
      : { typeUrl: `type.googleapis.com/${detail.type}`, value: detail.value },
  );
  const status = create(StatusSchema, { code: error.code, message: error.rawMessage, details });
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", encode(StatusSchema, status));
  const code: number = error.code;
  return { code, details: error.rawMessage, metadata };
}

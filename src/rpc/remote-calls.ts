// Calls of every kind over a grpc-js client: messages to bytes and back, deadlines, cancellation and errors. The client side of grpc-handlers.ts.
import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type Message,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Code, ConnectError, type StreamResponse, type UnaryResponse } from "@connectrpc/connect";
import { type CallOptions, type Client, type ClientDuplexStream, Metadata, status } from "@grpc/grpc-js";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";

/** Calls a unary method. */
export function callUnary<I extends DescMessage, O extends DescMessage>(
  client: Client,
  method: DescMethod & { input: I; output: O; methodKind: "unary" },
  request: MessageShape<I>,
  metadata: Metadata,
  signal: AbortSignal | undefined,
  timeoutMs: number | undefined,
): Promise<UnaryResponse<I, O>> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(abortError(signal));
      return;
    }
    let header = new Headers();
    const cancel = () => call.cancel();
    const call = client.makeUnaryRequest(
      pathOf(method),
      (message: MessageShape<I>) => encode(method.input, message),
      (bytes) => fromBinary(method.output, bytes),
      request,
      metadata,
      deadlineIn(timeoutMs),
      (error, message) => {
        signal?.removeEventListener("abort", cancel);
        if (error !== null || message === undefined) reject(signal?.aborted ? abortError(signal) : toConnectError(error));
        else resolve({ stream: false, service: method.parent, method, header, trailer: new Headers(), message } as UnaryResponse<I, O>);
      },
    );
    call.once("metadata", (received: Metadata) => {
      header = headersOf(received);
    });
    signal?.addEventListener("abort", cancel);
  });
}

/** Every kind of stream is the same on the wire: messages both ways, of which the method may say that there is only one. */
export function callStream<I extends DescMessage, O extends DescMessage>(
  client: Client,
  method: DescMethod & { input: I; output: O },
  inputs: AsyncIterable<MessageInitShape<I>>,
  metadata: Metadata,
  signal: AbortSignal | undefined,
  timeoutMs: number | undefined,
): StreamResponse<I, O> {
  const call = client.makeBidiStreamRequest(
    pathOf(method),
    (message: MessageShape<I>) => encode(method.input, message),
    (bytes) => fromBinary(method.output, bytes),
    metadata,
    deadlineIn(timeoutMs),
  );
  let inputError: unknown;
  const cancel = () => call.cancel();
  // Whoever reads the answers hears of it; when nobody does, it must not end the process.
  call.on("error", () => undefined);
  signal?.addEventListener("abort", cancel);
  if (signal?.aborted) cancel();
  sendEach(call, method.input, inputs).catch((error: unknown) => {
    inputError = error;
    cancel();
  });
  const receiveEach = async function* (): AsyncIterable<MessageShape<O>> {
    try {
      for await (const message of call) yield message as MessageShape<O>;
    } catch (error) {
      if (inputError !== undefined) throw ConnectError.from(inputError);
      throw signal?.aborted ? abortError(signal) : toConnectError(error);
    } finally {
      signal?.removeEventListener("abort", cancel);
      cancel();
    }
  };
  return {
    stream: true,
    service: method.parent,
    method: method as StreamResponse<I, O>["method"],
    header: new Headers(),
    trailer: new Headers(),
    message: receiveEach(),
  };
}

async function sendEach<I extends DescMessage>(
  call: ClientDuplexStream<MessageShape<I>, unknown>,
  schema: I,
  inputs: AsyncIterable<MessageInitShape<I>>,
): Promise<void> {
  for await (const input of inputs) {
    if (call.destroyed || call.writableEnded) return;
    if (!call.write(create(schema, input))) await writable(call);
  }
  call.end();
}

/** Resolves when the call takes more messages, or is over. */
function writable(call: ClientDuplexStream<never, unknown>): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of ["drain", "status", "close"]) call.off(event, done);
      resolve();
    };
    for (const event of ["drain", "status", "close"]) call.once(event, done);
  });
}

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** The deadline of a call that may take so long; undefined: for ever. */
export function deadlineIn(timeoutMs: number | undefined): CallOptions {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
}

function encode<I extends DescMessage>(schema: I, message: MessageShape<I>): Buffer {
  const bytes = toBinary(schema, message as MessageShape<I> & Message);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function headersOf(metadata: Metadata): Headers {
  const headers = new Headers();
  for (const name of Object.keys(metadata.getMap())) {
    for (const value of metadata.get(name)) headers.append(name, typeof value === "string" ? value : value.toString("base64"));
  }
  return headers;
}

function abortError(signal: AbortSignal): ConnectError {
  const { reason } = signal;
  return reason instanceof ConnectError ? reason : new ConnectError("The caller went away before the answer.", Code.Canceled);
}

/** What grpc-js fails with, as Connect would say it: the code, the message, the metadata, and the details of google.rpc.Status. */
export function toConnectError(error: unknown): ConnectError {
  const { code, details, metadata } = error as { code?: unknown; details?: unknown; metadata?: unknown };
  if (typeof code !== "number" || typeof details !== "string") return ConnectError.from(error);
  const headers = metadata instanceof Metadata ? headersOf(metadata) : new Headers();
  // grpc-js ends some of its messages with a note that is empty.
  const message = details.replace(/ Resolution note: $/, "");
  const result = new ConnectError(message, code === status.OK ? Code.Internal : (code as Code), headers, undefined, error);
  const [bytes] = metadata instanceof Metadata ? metadata.get("grpc-status-details-bin") : [];
  if (bytes instanceof Buffer) {
    try {
      const sent = fromBinary(StatusSchema, bytes);
      result.details = sent.details.map(({ typeUrl, value }) => ({ type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1), value }));
    } catch {
      // What cannot be read tells nothing more than the code does.
    }
  }
  return result;
}

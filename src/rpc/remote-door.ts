// The remote door: a Connect transport over a grpc-js channel, so that a client cannot tell a service elsewhere from one in this process.
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
import { Code, ConnectError, type StreamResponse, type Transport, type UnaryResponse } from "@connectrpc/connect";
import { type CallOptions, type ChannelCredentials, Client, type ClientDuplexStream, credentials, Metadata, status } from "@grpc/grpc-js";
import { service as healthService } from "grpc-health-check";
import { ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";

/** Where the service is, and how to speak to it. */
export interface RemoteDoorOptions {
  /** A gRPC target such as `dns:///gatehouse:9090`, or `host:port`. Calls go round all the addresses that it stands for. */
  target: string;
  /** Undefined: plain text. */
  tls?: RemoteTls;
  /** An API key, sent with every call as a bearer token. */
  apiKey?: string;
}

/** TLS to the service; all of it is PEM. */
export interface RemoteTls {
  /** The authorities to trust. Undefined: those that Node trusts. */
  ca?: Buffer;
  /** What to show of ourselves, when the service asks. */
  identity?: { cert: Buffer; key: Buffer };
}

/** A service elsewhere. */
export interface RemoteDoor {
  /** Calls it. What fails before the service answers is UNAVAILABLE, DEADLINE_EXCEEDED or CANCELLED, without an ErrorInfo. */
  transport: Transport;
  /** Asks one of its replicas by grpc.health.v1 whether it serves; rejects with a ConnectError that says why it does not. */
  check(timeoutMs: number): Promise<void>;
  /** Ends the connections and the calls that are open. */
  close(): void;
}

/**
 * A channel that finds a service again within a second or two of its return, notices within 30 seconds that a connection is dead, and sends a
 * call once more, to the next replica, when the first one was not there. grpc-js has no health checks per address: a replica that stops takes
 * itself out by ending its connections.
 */
const channelOptions = {
  "grpc.service_config": JSON.stringify({
    loadBalancingConfig: [{ round_robin: {} }],
    methodConfig: [
      {
        name: [{ service: ModerationService.typeName }],
        retryPolicy: {
          maxAttempts: 2,
          initialBackoff: "0.01s",
          maxBackoff: "0.05s",
          backoffMultiplier: 2,
          retryableStatusCodes: ["UNAVAILABLE"],
        },
      },
    ],
  }),
  "grpc.service_config_disable_resolution": 1,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1_000,
  "grpc.dns_min_time_between_resolutions_ms": 5_000,
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.keepalive_permit_without_calls": 1,
  "grpc.max_receive_message_length": 2 ** 24,
  "grpc.max_send_message_length": 2 ** 22,
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_channelz": 0,
};

/** Makes the door. Nothing is connected before the first call. Retries are safe for ModerationService, whose calls may be repeated. */
export function createRemoteDoor({ target, tls, apiKey }: RemoteDoorOptions): RemoteDoor {
  const client = new Client(target, credentialsOf(tls), channelOptions);
  const metadataOf = (header: HeadersInit | undefined): Metadata => {
    const metadata = new Metadata();
    if (apiKey !== undefined) metadata.set("authorization", `Bearer ${apiKey}`);
    if (header !== undefined) for (const [name, value] of new Headers(header)) metadata.set(name, metadataValue(name, value));
    return metadata;
  };
  return {
    transport: {
      unary(method, signal, timeoutMs, header, input) {
        return callUnary(client, method, create(method.input, input), metadataOf(header), signal, timeoutMs);
      },
      async stream(method, signal, timeoutMs, header, input) {
        return callStream(client, method, input, metadataOf(header), signal, timeoutMs);
      },
    },
    check: (timeoutMs) => checkHealth(client, metadataOf(undefined), timeoutMs),
    close: () => client.close(),
  };
}

type HeadersInit = ConstructorParameters<typeof Headers>[0];

function credentialsOf(tls: RemoteTls | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  const { ca, identity } = tls;
  return credentials.createSsl(ca ?? null, identity?.key ?? null, identity?.cert ?? null);
}

function callUnary<I extends DescMessage, O extends DescMessage>(
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
function callStream<I extends DescMessage, O extends DescMessage>(
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

function checkHealth(client: Client, metadata: Metadata, timeoutMs: number): Promise<void> {
  const method = healthService.Check;
  if (method === undefined) throw new Error("grpc.health.v1.Health has no method Check.");
  const request = { service: ModerationService.typeName };
  return new Promise((resolve, reject) => {
    const settle = (error: unknown, answer?: { status?: unknown }) => {
      if (error !== null) reject(toConnectError(error));
      else if (answer?.status === "SERVING") resolve();
      else reject(new ConnectError("The service says that it does not serve just now.", Code.Unavailable));
    };
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadata,
      deadlineIn(timeoutMs),
      settle,
    );
  });
}

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function deadlineIn(timeoutMs: number | undefined): CallOptions {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
}

function encode<I extends DescMessage>(schema: I, message: MessageShape<I>): Buffer {
  const bytes = toBinary(schema, message as MessageShape<I> & Message);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function metadataValue(name: string, value: string): string | Buffer {
  return name.endsWith("-bin") ? Buffer.from(value, "base64") : value;
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
  const result = new ConnectError(details, code === status.OK ? Code.Internal : (code as Code), headers, undefined, error);
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

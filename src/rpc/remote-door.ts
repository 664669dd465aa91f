// The remote door: a Connect transport over a grpc-js channel, so that a client cannot tell a service elsewhere from one in this process.
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { type ChannelCredentials, Client, credentials, Metadata } from "@grpc/grpc-js";
import { service as healthService } from "grpc-health-check";
import { ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { callStream, callUnary, deadlineIn, toConnectError } from "./remote-calls.ts";

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

function metadataValue(name: string, value: string): string | Buffer {
  return name.endsWith("-bin") ? Buffer.from(value, "base64") : value;
}

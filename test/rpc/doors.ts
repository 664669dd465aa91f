// Opens every door over one local door, each with a client of its own protocol, so that a case can be run over all of them.
import { createServer } from "node:http";
import { type AddressInfo, createServer as createNetServer, type Server } from "node:net";
import { type DescService, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type CallOptions, type Client, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { credentials, Client as GrpcClient, Metadata, type ServiceError } from "@grpc/grpc-js";
import {
  type DecideRequest,
  DecideRequestSchema,
  DecideResponseSchema,
  ModerationService,
} from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";
import { createConnectDoor, type HttpHandler } from "../../src/rpc/connect-door.ts";
import { createGrpcDoor, type GrpcDoor } from "../../src/rpc/grpc-door.ts";
import type { ServedService } from "../../src/rpc/implementation.ts";
import type { FinishedCall } from "../../src/rpc/interceptors/telemetry.ts";
import { createInterceptors } from "../../src/rpc/interceptors.ts";
import { createLocalDoor } from "../../src/rpc/local-door.ts";

/** All doors, open. */
export interface OpenDoors {
  localDoor: Transport;
  grpcDoor: GrpcDoor;
  grpcAddress: string;
  connectUrl: string;
  /** A transport to each door in each protocol. */
  transports: Record<DoorName, Transport>;
  /** What the telemetry hook was told. */
  calls: FinishedCall[];
  /** What the log would have been told. */
  internalErrors: unknown[];
  close(): Promise<void>;
}

export const doorNames = ["local", "grpc", "connect-json", "connect-binary", "grpc-web"] as const;
export type DoorName = (typeof doorNames)[number];

export async function openDoors(services: ServedService[], fallback?: HttpHandler): Promise<OpenDoors> {
  const calls: FinishedCall[] = [];
  const internalErrors: unknown[] = [];
  const onInternalError = (error: unknown) => internalErrors.push(error);
  const interceptors = createInterceptors({ onCall: (call) => calls.push(call), onInternalError });
  const localDoor = createLocalDoor({ services, interceptors, onLateError: onInternalError });
  const descs: DescService[] = services.map(({ service }) => service);
  const grpcDoor = createGrpcDoor({ localDoor, services: descs, onInternalError });
  const grpcServer = createNetServer(grpcDoor.accept);
  const connectDoor = createConnectDoor({ localDoor, services: descs, onInternalError, ...(fallback && { fallback }) });
  const httpServer = createServer(connectDoor);
  const connectUrl = `http://127.0.0.1:${await listen(httpServer)}`;
  const grpcAddress = `127.0.0.1:${await listen(grpcServer)}`;
  const http = { baseUrl: connectUrl, httpVersion: "1.1" as const };
  return {
    localDoor,
    grpcDoor,
    grpcAddress,
    connectUrl,
    transports: {
      local: localDoor,
      grpc: createGrpcTransport({ baseUrl: `http://${grpcAddress}` }),
      "connect-json": createConnectTransport({ ...http, useBinaryFormat: false }),
      "connect-binary": createConnectTransport({ ...http, useBinaryFormat: true }),
      "grpc-web": createGrpcWebTransport(http),
    },
    calls,
    internalErrors,
    async close() {
      httpServer.closeAllConnections();
      const servers = [httpServer, grpcServer].map((server) => new Promise((resolve) => server.close(resolve)));
      await Promise.all([grpcDoor.close(0), ...servers]);
    },
  };
}

/** The Decide method through each door, and through grpc-js, which is a client of its own kind. */
export function decideClients(doors: OpenDoors): Record<DoorName | "grpc-js", Client<typeof ModerationService>["decide"]> {
  const client = (name: DoorName) => createClient(ModerationService, doors.transports[name]).decide;
  return {
    local: client("local"),
    grpc: client("grpc"),
    "grpc-js": (request, options) => decideByGrpcJs(doors.grpcAddress, request as DecideRequest, options ?? {}),
    "connect-json": client("connect-json"),
    "connect-binary": client("connect-binary"),
    "grpc-web": client("grpc-web"),
  };
}

function decideByGrpcJs(address: string, request: DecideRequest, { timeoutMs, signal }: CallOptions) {
  const client = new GrpcClient(address, credentials.createInsecure());
  return new Promise<ReturnType<typeof readAnswer>>((resolve, reject) => {
    const call = client.makeUnaryRequest(
      "/gatehouse.v1.ModerationService/Decide",
      (message: DecideRequest) => Buffer.from(toBinary(DecideRequestSchema, message)),
      readAnswer,
      request,
      new Metadata(),
      timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs },
      (error, answer) => {
        client.close();
        if (error) reject(connectErrorOf(error));
        else if (answer) resolve(answer);
      },
    );
    signal?.addEventListener("abort", () => call.cancel());
  });
}

function readAnswer(bytes: Buffer) {
  return fromBinary(DecideResponseSchema, bytes);
}

/** What grpc-js throws, as Connect would. */
export function connectErrorOf(error: ServiceError): ConnectError {
  const result = new ConnectError(error.details, Number(error.code));
  const [bytes] = error.metadata?.get("grpc-status-details-bin") ?? [];
  if (bytes instanceof Buffer) {
    const status = fromBinary(StatusSchema, bytes);
    result.details = status.details.map(({ typeUrl, value }) => ({ type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1), value }));
  }
  return result;
}

/** Resolves when the condition holds. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

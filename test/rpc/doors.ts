// Opens every door over one local door, each with a client of its own protocol, so that a case can be run over all of them.
import { createServer } from "node:http";
import { type AddressInfo, createServer as createNetServer, type Server } from "node:net";
import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { ModerationService } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { createConnectDoor, type HttpHandler } from "../../src/rpc/connect-door.ts";
import { createGrpcDoor, type GrpcDoor } from "../../src/rpc/grpc-door.ts";
import type { ServedService } from "../../src/rpc/implementation.ts";
import type { FinishedCall } from "../../src/rpc/interceptors/telemetry.ts";
import { createInterceptors } from "../../src/rpc/interceptors.ts";
import { createLocalDoor } from "../../src/rpc/local-door.ts";
import { createRemoteDoor } from "../../src/rpc/remote-door.ts";

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

export const doorNames = ["local", "grpc", "connect-json", "connect-binary", "grpc-web", "remote"] as const;
export type DoorName = (typeof doorNames)[number];

export async function openDoors(services: ServedService[], fallback?: HttpHandler, grpcPort = 0): Promise<OpenDoors> {
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
  const grpcAddress = `127.0.0.1:${await listen(grpcServer, grpcPort)}`;
  const remoteDoor = createRemoteDoor({ target: grpcAddress });
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
      remote: remoteDoor.transport,
    },
    calls,
    internalErrors,
    async close() {
      remoteDoor.close();
      httpServer.closeAllConnections();
      const servers = [httpServer, grpcServer].map((server) => new Promise((resolve) => server.close(resolve)));
      await Promise.all([grpcDoor.close(0), ...servers]);
    },
  };
}

/** The Decide method through a door. */
export function decideClient(doors: OpenDoors, name: DoorName): Client<typeof ModerationService>["decide"] {
  return createClient(ModerationService, doors.transports[name]).decide;
}

/** Resolves when the condition holds. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

function listen(server: Server, port = 0): Promise<number> {
  return new Promise((resolve) => {
    server.listen(port, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

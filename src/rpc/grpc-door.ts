// The gRPC door: a grpc-js server, with health and reflection, over the local door.
import type { Socket } from "node:net";
import type { DescService } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { Server, ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { ReflectionService } from "@grpc/reflection";
import { HealthImplementation } from "grpc-health-check";
import { createGrpcHandler } from "./grpc-handlers.ts";
import { healthServiceName, reflectionPackage } from "./grpc-reflection.ts";
import type { MethodOfAnyKind } from "./implementation.ts";
import type { OnInternalError } from "./wire-error.ts";

/** What the gRPC door is made of. */
export interface GrpcDoorOptions {
  /** Where calls go. */
  localDoor: Transport;
  /** The services to serve. */
  services: readonly DescService[];
  /** Told of answers that cannot be sent. Must not throw. */
  onInternalError: OnInternalError;
  /** The largest message to take, in bytes; a larger one is refused with RESOURCE_EXHAUSTED. Default: 4 MiB. */
  maxReceiveBytes?: number;
  /** How many calls one connection may have open. Default: 1000. */
  maxConcurrentCalls?: number;
  /** Whether anyone may ask for the schema by reflection. Default: true. */
  reflection?: boolean;
}

/** A gRPC server. Sockets are handed to it, so that whoever listens has the say over connections and TLS. */
export interface GrpcDoor {
  /** Serves a connection on which the client is about to speak HTTP/2. */
  accept(socket: Socket): void;
  /** Says by grpc.health.v1, for the server and for each service, whether to send calls here. NOT_SERVING until it is told otherwise. */
  setServing(serving: boolean): void;
  /** Says NOT_SERVING, takes no new call, lets open ones end for so long, and cuts those that are left. */
  close(graceMs: number): Promise<void>;
}

/** Makes the door. */
export function createGrpcDoor(options: GrpcDoorOptions): GrpcDoor {
  const server = new Server({
    "grpc.max_receive_message_length": options.maxReceiveBytes ?? 2 ** 22,
    "grpc.max_concurrent_streams": options.maxConcurrentCalls ?? 1000,
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 20_000,
    "grpc.enable_channelz": 0,
  });
  for (const service of options.services) {
    const definition: Record<string, ServiceDefinition[string]> = {};
    const handlers: UntypedServiceImplementation = {};
    for (const method of service.methods) {
      definition[method.name] = {
        path: `/${service.typeName}/${method.name}`,
        requestStream: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
        responseStream: method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming",
        requestSerialize: asItIs,
        requestDeserialize: asItIs,
        responseSerialize: asItIs,
        responseDeserialize: asItIs,
      };
      handlers[method.name] = createGrpcHandler(options.localDoor, method as MethodOfAnyKind, options.onInternalError);
    }
    server.addService(definition, handlers);
  }
  const healthNames = ["", ...options.services.map((service) => service.typeName)];
  const health = new HealthImplementation(Object.fromEntries(healthNames.map((name) => [name, "NOT_SERVING"])));
  health.addToServer(server);
  if (options.reflection ?? true) addReflection(server, options.services);

  const setServing = (serving: boolean) => {
    for (const name of healthNames) health.setStatus(name, serving ? "SERVING" : "NOT_SERVING");
  };
  // TLS, where there is any, has been done by whoever hands over the socket.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  return {
    accept: (socket) => injector.injectConnection(socket),
    setServing,
    close(graceMs) {
      setServing(false);
      // Unlike forceShutdown, drain ends connections whether or not channelz keeps an account of them.
      injector.drain(graceMs);
      return new Promise((resolve) => {
        server.tryShutdown(() => resolve());
      });
    },
  };
}

function addReflection(server: Server, services: readonly DescService[]): void {
  const listed = [...services.map((service) => service.typeName), healthServiceName];
  new ReflectionService(reflectionPackage(services), { services: listed }).addToServer(server);
}

/** Messages pass grpc-js as bytes: bytes that cannot be read then get our error instead of its own. */
function asItIs(bytes: Buffer): Buffer {
  return bytes;
}

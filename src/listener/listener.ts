// One listener from its first connection to its last: bound, capped, its TLS files kept current, closed.
import type { AddressInfo, Server } from "node:net";
import { Server as TlsServer } from "node:tls";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";
import { type ConnectionRefusal, watchConnections } from "./connections.ts";
import type { LoadedTls } from "./load-tls.ts";
import { type AnyHttpServer, tlsContext } from "./servers.ts";
import { type TlsRead, watchTlsFiles } from "./tls-files.ts";

/** Where to listen; port 0 picks a free one. */
export interface Address {
  host: string;
  port: number;
}

/** How to listen. */
export interface ListenerSpec {
  /** What the settings call it: `webhook`, `api` or `grpc`. */
  name: string;
  address: Address;
  /** Connections at a time; further ones are closed at once. */
  maxConnections: number;
  /** What the server was made with, and where that came from; undefined: it speaks plain text. */
  tls: LoadedTls | undefined;
  /**
   * Lets what is in flight end, for at most `graceMs`, and then ends it; `closed` resolves when no connection is left. Called after the server
   * has stopped accepting.
   */
  drain(graceMs: number, closed: Promise<void>): Promise<void>;
  /** Told of each connection that came to nothing. */
  onRefused(why: ConnectionRefusal): void;
  /** Told of each look at changed TLS files; `read` means that new connections get what was read. */
  onTlsRead(read: TlsRead): void;
  /** Milliseconds since 1970. */
  now(): number;
}

/** A listener that is open. */
export interface Listener {
  /** With the port that port 0 picked. */
  address: Address;
  /** How many connections are open. */
  connectionCount(): number;
  /** Stops accepting, drains, cuts the rest. Calling it again does nothing more. */
  close(graceMs: number): Promise<void>;
}

/** How long the last bytes of a drained connection may take to leave, in milliseconds; who is still shaking hands is cut after it too. */
const lastBytesMs = 250;

/** Binds the server. Rejects with an error for people that names the setting when it cannot. */
export async function openListener(server: Server, spec: ListenerSpec): Promise<Listener> {
  const connections = watchConnections(server, spec.maxConnections, spec.onRefused);
  const address = await bind(server, spec);
  const stopRenewal = renewTls(server, spec);
  const close = async (graceMs: number) => {
    stopRenewal();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    await spec.drain(graceMs, closed);
    const force = setTimeout(connections.cut, lastBytesMs);
    await closed;
    clearTimeout(force);
  };
  let closing: Promise<void> | undefined;
  return {
    address,
    connectionCount: connections.count,
    close(graceMs) {
      closing ??= close(graceMs);
      return closing;
    },
  };
}

/** How an HTTP server drains: who keeps a connection open is told to come no more, what is under way may end, and is cut after `graceMs`. */
export function drainHttp(server: AnyHttpServer): ListenerSpec["drain"] {
  return (graceMs, closed) => {
    server.prependListener("request", (_req, res) => res.setHeader("Connection", "close"));
    server.closeIdleConnections();
    return new Promise((resolve) => {
      const force = setTimeout(() => {
        server.closeAllConnections();
        resolve();
      }, graceMs);
      closed.then(() => {
        clearTimeout(force);
        resolve();
      });
    });
  };
}

/** How many connections may wait for being accepted: a burst of new ones is not turned away while the process is busy. */
const backlog = 4096;

function bind(server: Server, { name, address: { host, port } }: ListenerSpec): Promise<Address> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) => {
      const why = error.code === "EADDRINUSE" ? "the port is taken; stop what uses it or choose another" : error.message;
      const message = `${name}.listen: cannot listen on ${host}:${port}: ${why}.`;
      reject(new GatehouseError(ErrorReason.INVALID_REQUEST, message, { cause: error }));
    };
    server.once("error", onError);
    server.listen({ port, host, backlog }, () => {
      server.off("error", onError);
      resolve({ host, port: (server.address() as AddressInfo).port });
    });
  });
}

/** Gives new connections what the files hold, whenever they change to something good. */
function renewTls(server: Server, { tls, now, onTlsRead }: ListenerSpec): () => void {
  if (tls === undefined || !(server instanceof TlsServer)) return () => undefined;
  return watchTlsFiles(tls.files, tls.material, now, (read) => {
    if (read.kind === "read") server.setSecureContext(tlsContext(read.material));
    onTlsRead(read);
  });
}

// The connections of one listener: counted, capped, and cut at the end.
import type { Server, Socket } from "node:net";
import { Server as TlsServer } from "node:tls";

/** Why a connection came to nothing: there were too many, or the TLS handshake failed. */
export type ConnectionRefusal = "limit" | "tls";

/** The open connections of a listener. */
export interface Connections {
  count(): number;
  /** Cuts them all, whatever they are doing. */
  cut(): void;
}

/** Watches a server from its first connection on; connections beyond `maxConnections` are closed as soon as they come. */
export function watchConnections(server: Server, maxConnections: number, onRefused: (why: ConnectionRefusal) => void): Connections {
  const open = new Set<Socket>();
  server.maxConnections = maxConnections;
  server.on("drop", () => onRefused("limit"));
  if (server instanceof TlsServer) server.on("tlsClientError", () => onRefused("tls"));
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
  return {
    count: () => open.size,
    cut() {
      for (const socket of open) socket.destroy();
    },
  };
}

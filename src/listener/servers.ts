// Makes the servers of the listeners, with their limits, in plain text or with TLS.
import { createServer as createHttp, type Server as HttpServer, type RequestListener } from "node:http";
import { createServer as createHttps, type Server as HttpsServer } from "node:https";
import { createServer as createNet, type Server, type Socket } from "node:net";
import { createServer as createTls, type SecureContextOptions, type TLSSocket, type TlsOptions } from "node:tls";
import type { TlsMaterial } from "./tls-files.ts";

/** What one HTTP listener grants to those who connect to it. */
export interface HttpLimits {
  /** Connections at a time; further ones are closed at once. */
  maxConnections: number;
  /** Bytes of a request's line and headers; more get 431. */
  maxHeaderBytes: number;
  /** Milliseconds until a request must have arrived, with its body; else it gets 408. */
  requestTimeoutMs: number;
  /** Milliseconds that a connection may lie idle between requests. */
  keepAliveMs: number;
}

/** An HTTP server, with or without TLS. */
export type AnyHttpServer = HttpServer | HttpsServer;

/** Milliseconds for the headers alone, and how often arrivals are looked at. */
const headersTimeoutMs = 5_000;
const lookIntervalMs = 250;

/** Milliseconds until a TLS handshake must be done. */
const handshakeTimeoutMs = 10_000;

/** A server for HTTP/1.1; nothing listens yet. */
export function createHttpServer(limits: HttpLimits, tls: TlsMaterial | undefined, handler: RequestListener): AnyHttpServer {
  const options = {
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: Math.min(headersTimeoutMs, limits.requestTimeoutMs),
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: lookIntervalMs,
  };
  return tls === undefined ? createHttp(options, handler) : createHttps({ ...options, ...tlsOptions(tls) }, handler);
}

/** A server that hands on sockets on which the client is about to speak HTTP/2; nothing listens yet. */
export function createHttp2SocketServer(tls: TlsMaterial | undefined, onSocket: (socket: Socket) => void): Server {
  if (tls === undefined) return createNet(onSocket);
  return createTls({ ...tlsOptions(tls), ALPNProtocols: ["h2"] }, (socket: TLSSocket) => {
    if (socket.alpnProtocol === "h2") onSocket(socket);
    else socket.destroy();
  });
}

function tlsOptions(material: TlsMaterial): TlsOptions {
  const options: TlsOptions = { ...tlsContext(material), handshakeTimeout: handshakeTimeoutMs };
  return material.ca === undefined ? options : { ...options, requestCert: true, rejectUnauthorized: true };
}

/** What a TLS server serves with, which can be changed while it does. */
export function tlsContext({ cert, key, ca }: TlsMaterial): SecureContextOptions {
  return { cert, key, minVersion: "TLSv1.2", ...(ca !== undefined && { ca }) };
}

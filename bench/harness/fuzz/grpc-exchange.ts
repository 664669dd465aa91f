// Sends gRPC cases, calls over shared HTTP/2 connections and bytes over connections of their own.
import { type ClientHttp2Session, connect as connectHttp2, type IncomingHttpHeaders } from "node:http2";
import { connect } from "node:net";
import type { GrpcCase } from "./grpc-cases.ts";

/** What came of a case. */
export interface GrpcExchange {
  /** The headers of the answer, with those that came after it; undefined when there was none. */
  headers: IncomingHttpHeaders | undefined;
  /** For bytes, all that came back. */
  bytes: Buffer;
  /** True when it had to be cut off. */
  isStuck: boolean;
}

const patienceMs = 15_000;

/** How long a stream of answers is listened to, in milliseconds. */
const streamMs = 50;

/** Sends cases, several at a time if need be. */
export interface GrpcClient {
  send(one: GrpcCase): Promise<GrpcExchange>;
  close(): void;
}

export function createGrpcClient(port: number): GrpcClient {
  let session: ClientHttp2Session | undefined;

  function open(): ClientHttp2Session {
    if (session === undefined || session.destroyed || session.closed) {
      session = connectHttp2(`http://127.0.0.1:${port}`);
      session.on("error", () => undefined);
      session.unref();
    }
    return session;
  }

  function call({ path, headers, body, ending }: Extract<GrpcCase, { kind: "call" }>): Promise<GrpcExchange> {
    const { promise, resolve } = Promise.withResolvers<GrpcExchange>();
    const fixed = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
    const stream = open().request({ ...fixed, ...headers });
    let received: IncomingHttpHeaders | undefined;
    let isStuck = false;
    const cut = (stuck: boolean) => {
      isStuck = stuck;
      stream.close(8);
    };
    const timer = setTimeout(() => cut(true), patienceMs);
    stream.on("error", () => undefined);
    stream.on("response", (found) => {
      received = { ...found };
      // Only what streams has an answer before its end.
      if (!("grpc-status" in found)) setTimeout(() => cut(false), streamMs).unref();
    });
    stream.on("trailers", (found) => {
      received = { ...received, ...found };
    });
    stream.on("close", () => {
      clearTimeout(timer);
      resolve({ headers: received, bytes: Buffer.alloc(0), isStuck });
    });
    stream.resume();
    stream.end(body);
    if (ending === "cancel") setImmediate(() => cut(false));
    return promise;
  }

  function raw({ bytes, ending }: Extract<GrpcCase, { kind: "bytes" }>): Promise<GrpcExchange> {
    return new Promise((resolve) => {
      const parts: Buffer[] = [];
      const socket = connect({ port, host: "127.0.0.1" });
      let isStuck = false;
      const timer = setTimeout(() => {
        isStuck = true;
        socket.destroy();
      }, patienceMs);
      socket.on("error", () => undefined);
      socket.on("data", (chunk: Buffer) => parts.push(chunk));
      socket.on("close", () => {
        clearTimeout(timer);
        resolve({ headers: undefined, bytes: Buffer.concat(parts), isStuck });
      });
      socket.write(bytes, () => {
        if (ending === "end") socket.end();
        else socket.destroy();
      });
    });
  }

  return { send: (one) => (one.kind === "call" ? call(one) : raw(one)), close: () => session?.destroy() };
}

// A load generator for unary gRPC calls, run as a process of its own. Written on bare sockets because grpc-js as a client takes more CPU than
// the server that it asks, and h2load sends the same call again and again.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import {
  clientPreface,
  createFrameReader,
  flagAck,
  flagEndStream,
  frame,
  frameType,
  grpcHeaders,
  setStream,
} from "./harness/http2-frames.ts";
import { type OwnLoad, summarize } from "./harness/own-load.ts";
import { render } from "./harness/requests.ts";

const load = JSON.parse(process.argv[2] ?? "{}") as OwnLoad;
const latencies: number[] = [];
const endMs = performance.now() + load.seconds * 1000;
let next = load.from;

/** A call that is under way. */
interface OpenCall {
  startMs: number;
  /** Bytes of the answer's message; a call without any has failed, whatever its trailers say. */
  answerBytes: number;
}

const headers = grpcHeaders(load.path, `127.0.0.1:${load.port}`);
const message = Buffer.from(render(load.template, 0), "latin1");
const prefixed = Buffer.alloc(5 + message.length);
prefixed.writeUInt32BE(message.length, 1);
const call = Buffer.concat([headers, frame(frameType.data, flagEndStream, 0, prefixed)]);
const messageStart = headers.length + 9 + 5;

/** The next call's bytes. Its few hundred bytes never use up a server's window, which is renewed with every half of it. */
function callBytes(stream: number): Buffer {
  const bytes = Buffer.from(call);
  setStream(bytes, 0, stream);
  setStream(bytes, headers.length, stream);
  bytes.write(render(load.template, next++), messageStart, "latin1");
  return bytes;
}

async function runConnection(): Promise<void> {
  const socket = connect({ host: "127.0.0.1", port: load.port, noDelay: true });
  await once(socket, "connect");
  await new Promise<void>((resolve, reject) => {
    const open = new Map<number, OpenCall>();
    let lastStream = -1;
    const start = () => {
      lastStream += 2;
      open.set(lastStream, { startMs: performance.now(), answerBytes: 0 });
      socket.write(callBytes(lastStream));
    };
    const settle = (stream: number) => {
      const { startMs, answerBytes } = open.get(stream) ?? { startMs: 0, answerBytes: 0 };
      const nowMs = performance.now();
      open.delete(stream);
      if (answerBytes <= 5) throw new Error("a call was answered without a message");
      if (nowMs < endMs) {
        latencies.push(nowMs - startMs);
        start();
      } else if (open.size === 0) {
        resolve();
      }
    };
    const read = createFrameReader(({ type, flags, stream, payload }) => {
      if (type === frameType.data) {
        const opened = open.get(stream);
        if (opened !== undefined) opened.answerBytes += payload.length;
      }
      if ((type === frameType.data || type === frameType.headers) && (flags & flagEndStream) !== 0) settle(stream);
      else if (type === frameType.settings && (flags & flagAck) === 0) socket.write(frame(type, flagAck, 0, Buffer.alloc(0)));
      else if (type === frameType.ping && (flags & flagAck) === 0) socket.write(frame(type, flagAck, 0, payload));
      else if (type === frameType.rstStream || type === frameType.goAway) throw new Error("the server broke off a call");
    });
    socket.on("data", (chunk: Buffer) => {
      // All answers of one read make their next calls go out together.
      socket.cork();
      try {
        read(chunk);
      } catch (error) {
        reject(error);
      }
      socket.uncork();
    });
    socket.on("close", () => reject(new Error("the server closed a connection")));
    socket.on("error", reject);
    socket.write(clientPreface());
    for (let i = 0; i < load.streams; i++) start();
  }).finally(() => release(socket));
}

function release(socket: Socket): void {
  socket.removeAllListeners("close").destroy();
}

await Promise.all(Array.from({ length: load.connections }, runConnection));
process.stdout.write(JSON.stringify(summarize(latencies, load.seconds)));

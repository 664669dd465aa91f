// Sends HTTP cases over bare sockets, and reads answers without believing them.
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import type { HttpCase } from "./http-cases.ts";

/** An answer. */
export interface HttpAnswer {
  status: number;
  /** By lower-case name. */
  headers: ReadonlyMap<string, string>;
  body: Buffer;
}

/** What came of a case. */
export interface HttpExchange {
  answers: HttpAnswer[];
  /** What came that is no whole answer. */
  rest: Buffer;
  /** True when the other side had to be cut off, because it neither answered nor closed. */
  isStuck: boolean;
}

/** How long an answer, or the end of a connection, may take, in milliseconds. */
const patienceMs = 15_000;

/** How long a stream of answers is listened to, in milliseconds. */
const streamMs = 50;

/** Sends cases one after the other, on one connection as long as that lasts. */
export interface HttpClient {
  send(one: HttpCase): Promise<HttpExchange>;
  close(): void;
}

export function createHttpClient(port: number): HttpClient {
  let kept: Socket | undefined;

  async function open(): Promise<Socket> {
    if (kept !== undefined && !kept.destroyed && kept.readable && kept.writable) return kept;
    const socket = connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
    socket.on("error", () => undefined);
    socket.setMaxListeners(0);
    await new Promise<void>((resolve) => {
      socket.once("connect", resolve);
      socket.once("close", () => resolve());
    });
    return socket;
  }

  async function write(socket: Socket, { pieces, pauseMs }: HttpCase): Promise<void> {
    for (const [i, piece] of pieces.entries()) {
      if (i > 0 && pauseMs > 0) await delay(pauseMs);
      if (socket.destroyed) return;
      socket.write(piece);
    }
  }

  return {
    async send(one) {
      const socket = await open();
      kept = undefined;
      let received = Buffer.alloc(0);
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const done = () => {
        if (one.ending !== "answer" && one.ending !== "wait") return false;
        const { answers, streams } = readAnswers(received);
        if (streams) setTimeout(() => resolve(true), streamMs);
        return answers.some(({ status }) => status >= 200);
      };
      const onData = (chunk: Buffer) => {
        received = Buffer.concat([received, chunk]);
        if (done()) resolve(true);
      };
      const onEnd = () => resolve(true);
      socket.on("data", onData).once("end", onEnd).once("close", onEnd);
      const timer = setTimeout(() => resolve(false), patienceMs);
      await write(socket, one);
      if (one.ending === "end") socket.end();
      if (one.ending === "break") {
        // Sent before it is broken off, or nobody ever sees it.
        await new Promise<void>((flushed) => (socket.destroyed ? flushed() : socket.write("", () => flushed())));
        resolve(true);
      }
      const isDone = await promise;
      clearTimeout(timer);
      socket.off("data", onData).off("end", onEnd).off("close", onEnd);
      const { answers, rest, streams } = readAnswers(received);
      const mayStay = one.ending === "answer" && rest.length === 0 && !streams && answers.length === 1 && one.pieces.length === 1;
      if (mayStay && answers[0]?.headers.get("connection") !== "close") kept = socket;
      else socket.destroy();
      return { answers, rest, isStuck: !isDone };
    },
    close: () => kept?.destroy(),
  };
}

const headEnd = Buffer.from("\r\n\r\n");

/** The whole answers at the start of what was received, and the rest; `streams`: the last one has begun and has no end yet. */
function readAnswers(received: Buffer): { answers: HttpAnswer[]; rest: Buffer; streams: boolean } {
  const answers: HttpAnswer[] = [];
  let rest = received;
  for (;;) {
    const end = rest.indexOf(headEnd);
    const [start = "", ...lines] = rest.subarray(0, Math.max(0, end)).toString("latin1").split("\r\n");
    const status = Number(/^HTTP\/1\.1 (\d{3})(?: |$)/.exec(start)?.[1]);
    if (end === -1 || Number.isNaN(status)) return { answers, rest, streams: false };
    const headers = new Map(
      lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
    );
    const after = rest.subarray(end + headEnd.length);
    const read = headers.get("transfer-encoding") === "chunked" ? readChunks(after) : readLength(after, headers.get("content-length"));
    if (read === undefined) return { answers, rest, streams: headers.has("transfer-encoding") };
    answers.push({ status, headers, body: decompressed(read.body, headers.get("content-encoding")) });
    rest = read.rest;
  }
}

function decompressed(body: Buffer, encoding: string | undefined): Buffer {
  if (encoding === "gzip") return gunzipSync(body);
  return encoding === "br" ? brotliDecompressSync(body) : body;
}

function readLength(bytes: Buffer, length: string | undefined): { body: Buffer; rest: Buffer } | undefined {
  const size = length === undefined ? 0 : Number(length);
  return bytes.length < size ? undefined : { body: bytes.subarray(0, size), rest: bytes.subarray(size) };
}

function readChunks(bytes: Buffer): { body: Buffer; rest: Buffer } | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const line = bytes.indexOf("\r\n", at);
    const size = Number.parseInt(bytes.subarray(at, Math.max(at, line)).toString("latin1"), 16);
    if (line === -1 || Number.isNaN(size) || bytes.length < line + 2 + size + 2) return undefined;
    if (size === 0) return { body: Buffer.concat(parts), rest: bytes.subarray(line + 4) };
    parts.push(bytes.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
}

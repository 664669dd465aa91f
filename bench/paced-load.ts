// A load generator for HTTP/1.1 at a fixed rate, run as a process of its own. A request counts from the moment it was due, not from when a
// connection was free for it, so that a server that stalls cannot hide it. Timers are up to a millisecond late, and that is counted too.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type OwnLoad, summarize } from "./harness/own-load.ts";
import { render } from "./harness/requests.ts";

const load = JSON.parse(process.argv[2] ?? "{}") as OwnLoad;
const total = Math.round(load.seconds * load.requestsPerSecond);
const latencies: number[] = [];
const idle: ((dueMs: number) => void)[] = [];
const due: number[] = [];
const headEnd = Buffer.from("\r\n\r\n");
const done = Promise.withResolvers<void>();
let next = load.from;

/** Opens a connection and offers it as an idle one each time it has its answer. */
async function open(): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port: load.port, noDelay: true });
  await once(socket, "connect");
  let sentFor = 0;
  let received: Buffer = Buffer.alloc(0);
  const send = (dueMs: number) => {
    sentFor = dueMs;
    socket.write(render(load.template, next++), "latin1");
  };
  socket.on("data", (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    const end = answerEnd(received);
    if (end === undefined) return;
    received = received.subarray(end);
    latencies.push(performance.now() - sentFor);
    if (latencies.length === total) done.resolve();
    const waiting = due.shift();
    if (waiting === undefined) idle.push(send);
    else send(waiting);
  });
  socket.on("close", () => done.reject(new Error("the server closed a connection")));
  socket.on("error", done.reject);
  idle.push(send);
  return socket;
}

/** Where the first answer ends; undefined when it has not all come yet. Fails the run when it is no success. */
function answerEnd(bytes: Buffer): number | undefined {
  const at = bytes.indexOf(headEnd);
  if (at === -1) return undefined;
  const head = bytes.toString("latin1", 0, at);
  if (!head.startsWith("HTTP/1.1 200 ")) done.reject(new Error(`a request failed: ${head.split("\r\n", 1)[0]}`));
  const end = at + headEnd.length + Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
  return bytes.length < end ? undefined : end;
}

const sockets = await Promise.all(Array.from({ length: load.connections }, open));
const startMs = performance.now();
let asked = 0;
const timer = setInterval(() => {
  const nowMs = performance.now();
  for (; asked < total; asked++) {
    const dueMs = startMs + (asked / load.requestsPerSecond) * 1000;
    if (dueMs > nowMs) return;
    const send = idle.pop();
    if (send === undefined) due.push(dueMs);
    else send(dueMs);
  }
  clearInterval(timer);
}, 1);
await done.promise;
const seconds = (performance.now() - startMs) / 1000;
for (const socket of sockets) socket.removeAllListeners("close").destroy();
process.stdout.write(JSON.stringify(summarize(latencies, seconds)));

// The load of the overload bench, a process of its own: webhooks at a fixed rate, whether or not those before are answered, as far as there are
// connections. Nine of ten are before-webhooks. Every answer is looked at.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { chatPatienceMs, type OverloadResult, type OverloadRun } from "./harness/overload.ts";
import { afterWebhook, createWebhook, render } from "./harness/requests.ts";
import { percentile } from "./harness/statistics.ts";
import { requestTemplate } from "./harness/wrk.ts";

const run = JSON.parse(process.argv[2] ?? "{}") as OverloadRun;
const before = requestTemplate(createWebhook, run.port);
const after = requestTemplate(afterWebhook, run.port);
const okBody = '{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}';
const idle: (() => void)[] = [];
const latencies: number[] = [];
const result: OverloadResult = { sent: 0, notSent: 0, inTime: 0, late: 0, invalid: 0, p50_ms: 0, p99_ms: 0, max_ms: 0, ownLag_ms: 0 };
let isOver = false;
let open = 0;

async function openConnection(): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port: run.port, noDelay: true });
  await once(socket, "connect");
  let sentMs = 0;
  let received = "";
  const send = () => {
    sentMs = performance.now();
    open++;
    result.sent++;
    socket.write(render(result.sent % 10 === 0 ? after : before, result.sent), "latin1");
  };
  const end = (isValid: boolean) => {
    if (sentMs === 0) return;
    const tookMs = performance.now() - sentMs;
    sentMs = 0;
    open--;
    latencies.push(tookMs);
    if (!isValid) result.invalid++;
    else if (tookMs <= chatPatienceMs) result.inTime++;
    else result.late++;
  };
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    received += chunk;
    const bodyAt = received.indexOf("\r\n\r\n") + 4;
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(received)?.[1]);
    if (bodyAt < 4 || received.length < bodyAt + length) return;
    end(received.startsWith("HTTP/1.1 200 ") && isAnswer(received.slice(bodyAt, bodyAt + length)));
    received = "";
    idle.push(send);
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    end(false);
    if (!isOver) openConnection().catch(() => undefined);
  });
  idle.push(send);
  return socket;
}

function isAnswer(body: string): boolean {
  if (body === okBody) return true;
  try {
    const { ActionStatus, ErrorCode, ErrorInfo } = JSON.parse(body) as Record<string, unknown>;
    return (ActionStatus === "OK" || ActionStatus === "FAIL") && Number.isInteger(ErrorCode) && typeof ErrorInfo === "string";
  } catch {
    return false;
  }
}

const sockets: Socket[] = [];
// Some at a time, as a client's pool grows.
while (sockets.length < run.connections) {
  const missing = Math.min(200, run.connections - sockets.length);
  sockets.push(...(await Promise.all(Array.from({ length: missing }, openConnection))));
}
const startMs = performance.now();
let asked = 0;
await new Promise<void>((resolve) => {
  let lookedMs = startMs;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    result.ownLag_ms = Math.max(result.ownLag_ms, nowMs - lookedMs - 1);
    lookedMs = nowMs;
    const elapsed = Math.min(run.seconds, (performance.now() - startMs) / 1000);
    for (const due = elapsed * run.requestsPerSecond; asked < due; asked++) {
      const send = idle.pop();
      if (send === undefined) result.notSent++;
      else send();
    }
    if (elapsed < run.seconds) return;
    clearInterval(timer);
    resolve();
  }, 1);
});
const giveUpMs = performance.now() + 5 * chatPatienceMs;
while (open > 0 && performance.now() < giveUpMs) await new Promise((resolve) => setTimeout(resolve, 10));
isOver = true;
result.invalid += open;
const sorted = Float64Array.from(latencies).sort();
for (const socket of sockets) socket.removeAllListeners("close").destroy();
const found = { ...result, p50_ms: percentile(sorted, 0.5), p99_ms: percentile(sorted, 0.99), max_ms: sorted.at(-1) ?? 0 };
process.stdout.write(JSON.stringify(found), () => process.exit(0));

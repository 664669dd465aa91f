// Another HTTP backend that webhooks are handed to: bounded connections, a time limit, and a rest when it is dead.
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";

/** Where a backend is and what it may take. */
export interface BackendOptions {
  /** Its address; the path is where it takes webhooks, and parameters in it go before those of the webhook. */
  url: URL;
  /** Milliseconds until it must have answered. */
  timeoutMs: number;
  /** Connections at once, and how many requests may wait for one. */
  maxConnections: number;
  maxQueue: number;
}

/** A webhook as it came. */
export interface RawWebhook {
  /** The request target, such as `/hook?SdkAppid=…`. */
  target: string;
  /** Names and values in turn, as Node gives them. */
  rawHeaders: readonly string[];
  body: Buffer;
  /** The address of the peer that sent it. */
  peer: string;
}

/** What became of it. */
export type BackendAnswer =
  | { kind: "answered"; status: number; rawHeaders: string[]; body: Buffer }
  /** `busy`: too many are waiting; `resting`: it failed so often that it is left alone for a while; `rubbish`: no answer that HTTP knows, or too large. */
  | { kind: "failed"; cause: "down" | "timeout" | "busy" | "resting" | "rubbish"; message: string };

/** A backend. */
export interface Backend {
  /** Hands it a webhook. Never rejects. */
  send(webhook: RawWebhook): Promise<BackendAnswer>;
  /** Closes its connections. */
  close(): void;
}

/** How many failures in a row send it to rest, for how long, and how large an answer may be. */
const failuresUntilRest = 5;
const restMs = 5_000;
const maxAnswerBytes = 1024 * 1024;

/** Headers that speak of one connection only. From RFC 9110, 7.6.1. */
const hopByHop = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
]);

/** Creates a backend; `now` gives milliseconds, for its rests. */
export function createBackend({ url, timeoutMs, maxConnections, maxQueue }: BackendOptions, now: () => number): Backend {
  const isHttps = url.protocol === "https:";
  const agentOptions = { keepAlive: true, maxSockets: maxConnections, maxFreeSockets: maxConnections };
  const agent = isHttps ? new HttpsAgent(agentOptions) : new HttpAgent(agentOptions);
  const request = isHttps ? requestHttps : requestHttp;
  let underWay = 0;
  let failuresInARow = 0;
  let restUntilMs = Number.NEGATIVE_INFINITY;

  function attempt(webhook: RawWebhook, deadlineMs: number, mayRepeat: boolean): Promise<BackendAnswer> {
    return new Promise((resolve) => {
      const remainingMs = deadlineMs - performance.now();
      const sent = request(url, {
        agent,
        method: "POST",
        path: pathOf(url, webhook.target),
        headers: headersFor(url, webhook),
        setHost: false,
      });
      const timer = setTimeout(() => {
        resolve({ kind: "failed", cause: "timeout", message: `no answer within ${timeoutMs} ms` });
        sent.destroy();
      }, remainingMs);
      const settle = (answer: BackendAnswer | Promise<BackendAnswer>) => {
        clearTimeout(timer);
        resolve(answer);
      };
      let began = false;
      sent.once("response", (response) => {
        began = true;
        readAnswer(response, settle);
      });
      sent.on("error", (error: NodeJS.ErrnoException) => {
        // A connection that the backend had closed while it was idle: the webhook has not been seen, and goes on a new one.
        if (mayRepeat && !began && sent.reusedSocket && (error.code === "ECONNRESET" || error.code === "EPIPE")) {
          settle(attempt(webhook, deadlineMs, false));
        } else if (error.code?.startsWith("HPE_") === true) {
          settle({ kind: "failed", cause: "rubbish", message: "its answer is not HTTP" });
        } else {
          settle({ kind: "failed", cause: "down", message: error.code ?? "the connection broke" });
        }
      });
      sent.end(webhook.body);
    });
  }

  return {
    async send(webhook) {
      if (now() < restUntilMs)
        return { kind: "failed", cause: "resting", message: "it has failed repeatedly and is left alone for a while" };
      if (underWay >= maxConnections + maxQueue) return { kind: "failed", cause: "busy", message: `${underWay} webhooks wait for it` };
      // One that is sent after a rest must do better at once, or the next rest begins: only that one has waited for it.
      if (failuresInARow >= failuresUntilRest) restUntilMs = now() + restMs;
      underWay += 1;
      const answer = await attempt(webhook, performance.now() + timeoutMs, true);
      underWay -= 1;
      if (answer.kind === "answered") {
        failuresInARow = 0;
        restUntilMs = Number.NEGATIVE_INFINITY;
      } else {
        failuresInARow += 1;
        if (failuresInARow >= failuresUntilRest) restUntilMs = now() + restMs;
      }
      return answer;
    },
    close: () => agent.destroy(),
  };
}

function readAnswer(response: IncomingMessage, settle: (answer: BackendAnswer) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  response.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size <= maxAnswerBytes) {
      chunks.push(chunk);
      return;
    }
    settle({ kind: "failed", cause: "rubbish", message: `its answer has more than ${maxAnswerBytes} bytes` });
    response.destroy();
  });
  response.on("end", () =>
    settle({
      kind: "answered",
      status: response.statusCode ?? 200,
      rawHeaders: endToEnd(response.rawHeaders, "content-length"),
      body: Buffer.concat(chunks),
    }),
  );
  response.on("error", () => settle({ kind: "failed", cause: "down", message: "its answer broke off" }));
  response.on("close", () => {
    if (!response.complete) settle({ kind: "failed", cause: "down", message: "its answer broke off" });
  });
}

/** The backend's own path and parameters, then the webhook's parameters, byte for byte. */
function pathOf(url: URL, target: string): string {
  const mark = target.indexOf("?");
  const query = mark === -1 ? "" : target.slice(mark + 1);
  if (query === "") return url.pathname + url.search;
  return `${url.pathname}${url.search === "" ? "?" : `${url.search}&`}${query}`;
}

function headersFor(url: URL, { rawHeaders, body, peer }: RawWebhook): string[] {
  const headers = endToEnd(rawHeaders, "host", "content-length", "x-forwarded-for");
  const via = rawHeaders.flatMap((name, i) => (i % 2 === 0 && name.toLowerCase() === "x-forwarded-for" ? [rawHeaders[i + 1] ?? ""] : []));
  headers.push("Host", url.host, "Content-Length", String(body.length), "X-Forwarded-For", [...via, peer].join(", "));
  return headers;
}

/** The headers without those of one connection, those that `Connection` names, and those that are given. */
function endToEnd(rawHeaders: readonly string[], ...without: string[]): string[] {
  const dropped = new Set(without);
  for (const [i, name] of rawHeaders.entries()) {
    if (i % 2 !== 0 || name.toLowerCase() !== "connection") continue;
    for (const named of (rawHeaders[i + 1] ?? "").split(",")) dropped.add(named.trim().toLowerCase());
  }
  const kept: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? "";
    const lower = name.toLowerCase();
    if (!hopByHop.has(lower) && !dropped.has(lower)) kept.push(name, rawHeaders[i + 1] ?? "");
  }
  return kept;
}

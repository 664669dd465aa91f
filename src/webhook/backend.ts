// Another HTTP backend that webhooks are handed to: bounded connections, a time limit, and a rest when it is dead.
import { createCircuitBreaker } from "../outbound/circuit-breaker.ts";
import { createHttpExchange, type HttpAnswer } from "../outbound/http-exchange.ts";

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
  | HttpAnswer
  /** `busy`: too many are waiting; `resting`: it failed so often that it is left alone for a while. */
  | { kind: "failed"; cause: "busy" | "resting"; message: string };

/** A backend. */
export interface Backend {
  /** Hands it a webhook. Never rejects. */
  send(webhook: RawWebhook): Promise<BackendAnswer>;
  /** Closes its connections. */
  close(): void;
}

/** How many failures in a row send it to rest, for how long, and how large an answer may be. */
const rest = { failures: 5, restMs: 5_000 };
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
  const exchange = createHttpExchange({ url, maxConnections, maxAnswerBytes });
  const breaker = createCircuitBreaker(rest, now);
  let underWay = 0;
  return {
    async send(webhook) {
      if (underWay >= maxConnections + maxQueue) return { kind: "failed", cause: "busy", message: `${underWay} webhooks wait for it` };
      if (!breaker.mayCall())
        return { kind: "failed", cause: "resting", message: "it has failed repeatedly and is left alone for a while" };
      underWay += 1;
      const answer = await exchange.post({
        path: pathOf(url, webhook.target),
        rawHeaders: headersFor(url, webhook),
        body: webhook.body,
        timeoutMs,
      });
      underWay -= 1;
      breaker.ended(answer.kind === "answered");
      return answer.kind === "answered" ? { ...answer, rawHeaders: endToEnd(answer.rawHeaders, "content-length") } : answer;
    },
    close: exchange.close,
  };
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

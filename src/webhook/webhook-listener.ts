// HTTP around the gateway: methods, sizes, bodies, statuses.
import type { IncomingHttpHeaders, IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { answerJson, denyAnswer, notRecordedAnswer, okAnswer, type WebhookAnswer } from "./answer.ts";
import type { RawWebhook } from "./backend.ts";
import { webhookCommands } from "./commands/index.ts";
import type { Gateway, WebhookOutcome } from "./gateway.ts";
import type { Forward, PassOn } from "./pass-on.ts";
import { readQuery } from "./query.ts";
import type { Verify } from "./verify.ts";

/** How one request on the webhook listener went. */
export interface WebhookReport {
  /** A command of ours, or `other`. */
  command: string;
  outcome: WebhookOutcome | "forwarded" | "forward_failed" | `rejected_${string}`;
  status: number;
  /** Milliseconds from the request's headers to its answer. */
  durationMs: number;
  /** What was wrong, for the log; undefined when nothing was. */
  problem: string | undefined;
  /** Who sent it, as far as is known; undefined when nothing was wrong. */
  client: string | undefined;
}

/** What the listener needs. */
export interface WebhookListenerDeps {
  gateway: Gateway;
  verify: Verify;
  /** Who sent a request, by its connection and headers. */
  clientAddress(peer: string | undefined, headers: IncomingHttpHeaders): string;
  passOn: PassOn;
  /** Milliseconds from a request's headers to its answer at the latest. */
  budgetMs: number;
  /** Bytes that a body may have. */
  maxBodyBytes: number;
  onAnswered(report: WebhookReport): void;
}

const json = "application/json; charset=utf-8";
// Text, not bytes: Node then writes headers and body in one piece.
const okBody = JSON.stringify(okAnswer);
const okHeaders = ["Content-Type", json, "Content-Length", String(okBody.length)];

/**
 * The webhook side: POST on every path is a webhook, GET and HEAD of /healthz say that the process lives, and nothing else is here. What can
 * come from Chat is answered 200 with a valid answer; 401, 403, 405 and 413 are for what cannot.
 */
export function createWebhookListener(deps: WebhookListenerDeps): RequestListener {
  const { gateway, verify, clientAddress, passOn, budgetMs, maxBodyBytes, onAnswered } = deps;
  return (req, res) => {
    const startMs = performance.now();
    const done = (status: number, command: string, outcome: WebhookReport["outcome"], problem?: string) => {
      const client = problem === undefined ? undefined : clientAddress(req.socket.remoteAddress, req.headers);
      onAnswered({ command, outcome, status, durationMs: performance.now() - startMs, problem, client });
    };
    const reject = (status: number, outcome: `rejected_${string}`, message: string) => {
      refuse(res, status, message);
      done(status, "other", outcome, message);
    };

    if (req.method !== "POST") {
      if ((req.method === "GET" || req.method === "HEAD") && req.url?.split("?", 1)[0] === "/healthz") return live(res);
      res.setHeader("Allow", "POST");
      return reject(405, "rejected_method", "Webhooks are sent with POST.");
    }
    const target = req.url ?? "";
    const query = readQuery(target);
    const verified = verify(query, target);
    if (verified.kind === "rejected") return reject(verified.status, `rejected_${verified.cause}`, verified.message);

    readBody(req, maxBodyBytes, (body) => {
      if (body === undefined) return reject(413, "rejected_size", `The body has more than ${maxBodyBytes} bytes.`);
      const isOurs = webhookCommands.has(query.command);
      if (passOn.isTapped(query.command)) passOn.tap(query.command, rawWebhook(req, body));
      const forward = isOurs || verified.kind === "probe" ? undefined : passOn.forwardOf(query.command);
      if (forward !== undefined) {
        forwardTo(forward, query.command, rawWebhook(req, body), res).then((outcome) => done(res.statusCode, "other", outcome));
        return;
      }
      const timeoutMs = Math.max(1, budgetMs - (performance.now() - startMs));
      gateway(verified, query, body.toString("utf8"), timeoutMs).then(
        (reply) => {
          if (reply.status === 200) send(res, reply.answer);
          else refuse(res, reply.status, reply.answer.ErrorInfo);
          done(reply.status, reply.command, reply.outcome, reply.problem);
        },
        (error: Error) => {
          // A mistake in the gateway must not leave Chat without an answer.
          send(res, okAnswer);
          done(200, "other", "fallback_unavailable", error.stack ?? error.message);
        },
      );
    });
  };
}

function rawWebhook(req: IncomingMessage, body: Buffer): RawWebhook {
  return { target: req.url ?? "", rawHeaders: req.rawHeaders, body, peer: req.socket.remoteAddress ?? "" };
}

/** Hands back what the backend answers as it stands; when it does not answer, what the route says. */
async function forwardTo(
  forward: Forward,
  command: string,
  webhook: RawWebhook,
  res: ServerResponse,
): Promise<"forwarded" | "forward_failed"> {
  const answer = await forward.send(webhook);
  if (answer.kind === "answered") {
    res.writeHead(answer.status, [...answer.rawHeaders, "Content-Length", String(answer.body.length)]).end(answer.body);
    return "forwarded";
  }
  // "Before" or "Prev" in a command's name means that it can block; an event that nobody took must not be acknowledged.
  if (!/Before|Prev/.test(command)) send(res, notRecordedAnswer);
  else send(res, forward.fallback === "deny" ? denyAnswer("") : okAnswer);
  return "forward_failed";
}

const noBytes = Buffer.alloc(0);

/**
 * Reads a body; gives undefined when it is too large, and lets the rest of it run dry. A request that ends early is never
 * reported: nobody is there to answer.
 */
function readBody(req: IncomingMessage, maxBytes: number, onBody: (body: Buffer | undefined) => void): void {
  if (Number(req.headers["content-length"]) > maxBytes) {
    onBody(undefined);
    return;
  }
  const chunks: Buffer[] = [];
  let size = 0;
  req.on("data", (chunk: Buffer) => {
    const wasWithin = size <= maxBytes;
    size += chunk.length;
    if (size <= maxBytes) chunks.push(chunk);
    else if (wasWithin) onBody(undefined);
  });
  req.on("end", () => {
    if (size > maxBytes) return;
    const [first] = chunks;
    onBody(first === undefined ? noBytes : chunks.length === 1 ? first : Buffer.concat(chunks));
  });
  req.on("error", () => undefined);
}

function send(res: ServerResponse, answer: WebhookAnswer): void {
  if (answer === okAnswer) {
    res.writeHead(200, okHeaders).end(okBody);
    return;
  }
  const body = answerJson(answer);
  res.writeHead(200, ["Content-Type", json, "Content-Length", String(Buffer.byteLength(body))]).end(body);
}

function refuse(res: ServerResponse, status: number, message: string): void {
  const answer: WebhookAnswer = { ActionStatus: "FAIL", ErrorInfo: message, ErrorCode: 1 };
  const body = Buffer.from(JSON.stringify(answer));
  res.writeHead(status, { "Content-Type": json, "Content-Length": body.length }).end(body);
}

function live(res: ServerResponse): void {
  const body = '{"status":"ok"}\n';
  res.writeHead(200, { "Content-Type": json, "Content-Length": body.length }).end(body);
}

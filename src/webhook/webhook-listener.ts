// HTTP around the gateway: methods, sizes, bodies, statuses, and the time that each webhook has.
import type { IncomingHttpHeaders, IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { answerJson, denyAnswer, notRecordedAnswer, okAnswer, type WebhookAnswer } from "./answer.ts";
import type { RawWebhook } from "./backend.ts";
import { webhookCommands } from "./commands/index.ts";
import type { Deadline, Deadlines } from "./deadlines.ts";
import type { Exchange, Gateway } from "./gateway.ts";
import type { GatewayReply, WebhookOutcome } from "./gateway-reply.ts";
import type { Forward, PassOn } from "./pass-on.ts";
import { readQuery } from "./query.ts";
import { createTurns } from "./turns.ts";
import type { Verify } from "./verify.ts";

/** How one request on the webhook listener went. */
export interface WebhookReport {
  /** A command of ours, or `other`. */
  command: string;
  outcome: WebhookOutcome | "forwarded" | "forward_failed" | `rejected_${string}`;
  status: number;
  /** Milliseconds from the request's arrival to its answer. */
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
  deadlines: Deadlines;
  passOn: PassOn;
  /** Bytes that a body may have. */
  maxBodyBytes: number;
  onAnswered(report: WebhookReport): void;
}

/** How many webhooks are begun in one turn of the event loop: some tens of milliseconds of work. */
const webhooksPerTurn = 1024;

const json = "application/json; charset=utf-8";
// Text, not bytes: Node then writes headers and body in one piece.
const okBody = JSON.stringify(okAnswer);
const okHeaders = ["Content-Type", json, "Content-Length", String(okBody.length)];

/**
 * The webhook side: POST on every path is a webhook, GET and HEAD of /healthz say that the process lives, and nothing else is here. What can
 * come from Chat is answered 200 with a valid answer, also while its body is still arriving when its budget ends; 401, 403, 405 and 413 are for
 * what cannot.
 *
 * A request counts as arrived when its headers have been read, less the time by which the event loop is late: so long may it have waited to be read.
 */
export function createWebhookListener(deps: WebhookListenerDeps): RequestListener {
  const { gateway, verify, clientAddress, passOn, deadlines, maxBodyBytes, onAnswered } = deps;
  const turns = createTurns(webhooksPerTurn);
  return (req, res) => {
    const startMs = performance.now() - deadlines.lagMs();
    turns.run(() => handle(req, res, startMs));
  };

  function handle(req: IncomingMessage, res: ServerResponse, startMs: number): void {
    const done = (status: number, command: string, outcome: WebhookReport["outcome"], problem?: string) => {
      const client = problem === undefined ? undefined : clientAddress(req.socket.remoteAddress, req.headers);
      onAnswered({ command, outcome, status, durationMs: performance.now() - startMs, problem, client });
    };
    const reject = (status: number, outcome: `rejected_${string}`, message: string) => {
      refuse(res, status, message);
      done(status, "other", outcome, message);
    };

    if (req.method !== "POST") {
      if ((req.method === "GET" || req.method === "HEAD") && req.url?.split("?", 1)[0] === "/healthz") {
        live(res);
        return;
      }
      res.setHeader("Allow", "POST");
      reject(405, "rejected_method", "Webhooks are sent with POST.");
      return;
    }
    const target = req.url ?? "";
    const query = readQuery(target);
    const verified = verify(query, target);
    if (verified.kind === "rejected") {
      reject(verified.status, `rejected_${verified.cause}`, verified.message);
      return;
    }

    const isOurs = webhookCommands.has(query.command);
    const forward = isOurs || verified.kind === "probe" ? undefined : passOn.forwardOf(query.command);
    const exchange: Exchange & Deadline = {
      arrivalMs: startMs,
      deadlineMs: startMs + gateway.budgetMs(query.command),
      command: query.command,
      overdue: undefined,
      place: -1,
      onOver: () => {
        const overdue = gateway.overdue(exchange);
        reply(forward === undefined ? overdue : { ...overdue, answer: forwardFallback(forward, query.command) });
      },
    };
    deadlines.add(exchange);
    const end = () => deadlines.remove(exchange);
    const reply = ({ status, answer, command, outcome, problem }: GatewayReply) => {
      if (status === 200) send(res, answer);
      else refuse(res, status, answer.ErrorInfo);
      done(status, command, outcome, problem);
    };
    /** What comes after the budget's end has been answered already. */
    const replyInTime = (answered: GatewayReply) => {
      end();
      if (exchange.overdue === undefined) reply(answered);
    };
    // A mistake in the gateway must not leave Chat without an answer.
    const replyToMistake = ({ stack, message }: Error) =>
      replyInTime({ status: 200, answer: okAnswer, command: "other", outcome: "fallback_unavailable", problem: stack ?? message });

    const onBody = (body: Buffer | undefined) => {
      if (body === undefined) {
        end();
        if (exchange.overdue === undefined) reject(413, "rejected_size", `The body has more than ${maxBodyBytes} bytes.`);
        return;
      }
      if (passOn.isTapped(query.command)) passOn.tap(query.command, rawWebhook(req, body));
      if (forward !== undefined) {
        // A backend has a time limit of its own.
        end();
        forwardTo(forward, query.command, rawWebhook(req, body), exchange.overdue === undefined ? res : undefined).then((outcome) => {
          if (exchange.overdue === undefined) done(res.statusCode, "other", outcome);
        });
        return;
      }
      try {
        const answered = gateway.answer(verified, query, body.toString("utf8"), exchange);
        if (answered instanceof Promise) answered.then(replyInTime, replyToMistake);
        else replyInTime(answered);
      } catch (error) {
        replyToMistake(error as Error);
      }
    };
    readBody(req, maxBodyBytes, onBody, end);
  }
}

function rawWebhook(req: IncomingMessage, body: Buffer): RawWebhook {
  return { target: req.url ?? "", rawHeaders: req.rawHeaders, body, peer: req.socket.remoteAddress ?? "" };
}

/**
 * Hands back what the backend answers as it stands; when it does not answer, what the route says. To nobody, when `res` is undefined: it has been
 * answered already.
 */
async function forwardTo(
  forward: Forward,
  command: string,
  webhook: RawWebhook,
  res: ServerResponse | undefined,
): Promise<"forwarded" | "forward_failed"> {
  const answer = await forward.send(webhook);
  if (answer.kind === "answered") {
    res?.writeHead(answer.status, [...answer.rawHeaders, "Content-Length", String(answer.body.length)]).end(answer.body);
    return "forwarded";
  }
  if (res !== undefined) send(res, forwardFallback(forward, command));
  return "forward_failed";
}

/** "Before" or "Prev" in a command's name means that it can block; an event that nobody took must not be acknowledged. */
function forwardFallback(forward: Forward, command: string): WebhookAnswer {
  if (!/Before|Prev/.test(command)) return notRecordedAnswer;
  return forward.fallback === "deny" ? denyAnswer("") : okAnswer;
}

const noBytes = Buffer.alloc(0);

/**
 * Reads a body; gives undefined when it is too large, and lets the rest of it run dry. Of a request that ends early it only tells that:
 * nobody is there to answer.
 */
function readBody(req: IncomingMessage, maxBytes: number, onBody: (body: Buffer | undefined) => void, onBroken: () => void): void {
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
  req.on("error", onBroken);
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

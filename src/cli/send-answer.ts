// Sends a webhook as Chat does and judges the answer as Chat would.
import { once } from "node:events";
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { text as textOf } from "node:stream/consumers";
import { isDeepStrictEqual } from "node:util";
import { type ClientTls, isUntrusted, untrustedHint } from "./client-tls.ts";
import { CommandError } from "./command.ts";
import type { JsonObject } from "./samples.ts";
import type { WebhookRequest } from "./send-request.ts";

/** How long Chat waits for an answer. */
const chatBudgetMs = 2000;

/** An answer to a webhook. */
export interface Answer {
  status: number;
  statusText: string;
  /** From the first byte sent to the last byte received. */
  durationMs: number;
  text: string;
  /** The text as JSON; undefined when it is not a JSON object. */
  body?: JsonObject;
}

/** Posts the request. Throws a CommandError that says where and what to do when no answer comes within `timeoutMs`. */
export async function post(request: WebhookRequest, timeoutMs: number, tls: ClientTls): Promise<Answer> {
  const begin = performance.now();
  try {
    const options = { ...tls, method: "POST", signal: AbortSignal.timeout(timeoutMs) };
    const sent = request.url.protocol === "https:" ? requestHttps(request.url, options) : requestHttp(request.url, options);
    sent.setHeader("Content-Type", "application/json");
    sent.end(request.body);
    const [response]: [IncomingMessage] = (await once(sent, "response")) as [IncomingMessage];
    const text = await textOf(response);
    const durationMs = Math.round((performance.now() - begin) * 10) / 10;
    const body = parseObject(text);
    const { statusCode: status = 0, statusMessage: statusText = "" } = response;
    return { status, statusText, durationMs, text, ...(body !== undefined && { body }) };
  } catch (error) {
    throw new CommandError(explain(error, request.url, timeoutMs));
  }
}

/** Why Chat would count the webhook as failed; empty when it would take the answer. */
export function findFaults(answer: Answer): string[] {
  const faults: string[] = [];
  if (answer.status !== 200) faults.push(`the status is ${answer.status}, not 200`);
  if (answer.durationMs > chatBudgetMs) faults.push(`it took longer than the ${chatBudgetMs} ms that Chat waits`);
  if (answer.body === undefined) return [...faults, "the answer is not a JSON object"];
  const { ActionStatus: status, ErrorCode: code, ErrorInfo: info } = answer.body;
  if (status === "FAIL") faults.push(`ActionStatus is FAIL: ${String(info)}`);
  else if (status !== "OK") faults.push('ActionStatus is not "OK"');
  if (!Number.isInteger(code)) faults.push("ErrorCode is not an integer");
  if (typeof info !== "string") faults.push("ErrorInfo is not a string");
  return faults;
}

/** Where the answer is not the wanted one, member by member; empty when it is. */
export function findDifferences(answer: Answer, want: JsonObject): string[] {
  const body = answer.body ?? {};
  return [...new Set([...Object.keys(want), ...Object.keys(body)])]
    .filter((key) => !isDeepStrictEqual(body[key], want[key]))
    .map((key) => `${key} is ${show(body[key])}, wanted ${show(want[key])}`);
}

/** What the answer means to Chat, in words, for the command it answers. */
export function interpret(command: string, body: JsonObject): string {
  if (!/Callback(Before|Prev)/.test(command)) return "taken note of";
  const { ErrorCode: code, ErrorInfo: info, RefusedSubscribers_Account: refused } = body;
  if (code === 2) return "to be dropped in silence";
  if (code !== 0) return `denied with code ${String(code)}${info === "" ? "" : `: ${String(info)}`}`;
  if (body.MsgBody !== undefined || body.CloudCustomData !== undefined) return "allowed, rewritten";
  return Array.isArray(refused) && refused.length > 0 ? `allowed without ${refused.join(", ")}` : "allowed";
}

function show(value: unknown): string {
  return value === undefined ? "absent" : JSON.stringify(value);
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function explain(error: unknown, url: URL, timeoutMs: number): string {
  if (!(error instanceof Error)) return `no answer from ${url.origin}: ${String(error)}.`;
  const hasTimedOut = error.name === "AbortError" || error.name === "TimeoutError";
  if (hasTimedOut) return `no answer from ${url.origin} in ${timeoutMs} ms.`;
  const code = "code" in error ? String(error.code) : "";
  const hint = "Start it with `npm start`, or say where it is with --url or GATEHOUSE_WEBHOOK_URL.";
  if (code === "ECONNREFUSED") return `nothing listens on ${url.origin} (connection refused). ${hint}`;
  const reason = error.message === "" ? code : error.message;
  return `no answer from ${url.origin}: ${reason}. ${isUntrusted(code) ? untrustedHint : hint}`;
}

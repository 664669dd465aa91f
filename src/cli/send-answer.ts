// Sends a webhook as Chat does and judges the answer as Chat would.
import { isDeepStrictEqual } from "node:util";
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
export async function post(request: WebhookRequest, timeoutMs: number): Promise<Answer> {
  const begin = performance.now();
  try {
    const response = await fetch(request.url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: request.body,
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    const durationMs = Math.round((performance.now() - begin) * 10) / 10;
    const body = parseObject(text);
    return { status: response.status, statusText: response.statusText, durationMs, text, ...(body !== undefined && { body }) };
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
  if (error instanceof Error && error.name === "TimeoutError") return `no answer from ${url.origin} in ${timeoutMs} ms.`;
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const hint = "Start it with `npm start`, or say where it is with --url or GATEHOUSE_WEBHOOK_URL.";
  if (code === "ECONNREFUSED") return `nothing listens on ${url.origin} (connection refused). ${hint}`;
  const reason = cause instanceof Error ? cause.message : error instanceof Error ? error.message : String(error);
  return `no answer from ${url.origin}: ${reason === "" ? code : reason}. ${hint}`;
}

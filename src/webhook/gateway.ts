// The gateway: verify, decode, call the moderation service, encode. Knows nothing of HTTP.
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import type { DecideRequest, ModerationService, RecordRequest } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import type { Origin } from "../../gen/gatehouse/v1/origin_pb.ts";
import type { WholeMessage } from "../whole-message.ts";
import type { Admission } from "./admission.ts";
import { discardAnswer, notRecordedAnswer, okAnswer, type WebhookAnswer } from "./answer.ts";
import { eventTime, MalformedBody, optionalText, parseBody, type WebhookBody } from "./body.ts";
import type { Action, WebhookCommand } from "./commands/command.ts";
import { webhookCommands } from "./commands/index.ts";
import { type AnsweredFallback, type Fallbacks, fallbackAnswer, fallbackRequest } from "./fallback.ts";
import { type DegradedCause, type FailureCause, type GatewayReply, rejected, type WebhookOutcome } from "./gateway-reply.ts";
import type { WebhookQuery } from "./query.ts";
import type { Unrecorded } from "./unrecorded.ts";
import type { Verified } from "./verify.ts";

type BeforeCommand = Extract<WebhookCommand, { kind: "before" }>;

/** Milliseconds from a webhook's first byte to its answer at the latest: for each action, and for all events. */
export type Budgets = Readonly<Record<Action["case"] | "events", number>>;

/** A webhook on its way to its answer. */
export interface Exchange {
  /** When it arrived, on the clock of `performance.now()`. */
  readonly arrivalMs: number;
  /** When its budget ends, on the clock of `performance.now()`. */
  readonly deadlineMs: number;
  /** Its command, as far as that is known; empty: it is not. */
  command: string;
  /** What it was answered when its budget ended; undefined while it was not. */
  overdue: AnsweredFallback | undefined;
}

/** What the gateway needs. */
export interface GatewayDeps {
  client: Pick<Client<typeof ModerationService>, "decide" | "record">;
  fallbacks: Fallbacks;
  budgets: Budgets;
  admission: Admission;
  unrecorded: Unrecorded;
  /** How long an app has to wait before it may ask again, in milliseconds; 0: it may ask now. */
  appLimit(appId: number): number;
  /**
   * Gives every Decide a request_id, by which a decision whose answer was lost is found again; each must be another one. The budget is then handed
   * down as the deadline of the call. Undefined for a service in this process: its answer always comes, and one that comes late is marked.
   */
  newRequestId: (() => string) | undefined;
  /** Whether a service in this process wants to know how much of the budget is left, because it asks others before it answers. */
  tellsBudget: boolean;
  /** Milliseconds since 1970. */
  now(): number;
}

/** Answers webhooks. */
export interface Gateway {
  /** The budget of a command, by the name that the URL gives; of others the largest. */
  budgetMs(command: string): number;
  /**
   * Answers a verified webhook, at once when nobody has to be asked. When the exchange has become overdue before, the reply is not to be sent: what was answered instead
   * is recorded as soon as that is possible.
   */
  answer(
    verified: Exclude<Verified, { kind: "rejected" }>,
    query: WebhookQuery,
    bodyText: string,
    exchange: Exchange,
  ): GatewayReply | Promise<GatewayReply>;
  /** Makes an exchange overdue, and gives the reply to send. */
  overdue(exchange: Exchange): GatewayReply;
}

export function createGateway(deps: GatewayDeps): Gateway {
  const { client, fallbacks, budgets, admission, unrecorded, appLimit, newRequestId, tellsBudget, now } = deps;
  const longestBudgetMs = Math.max(...Object.values(budgets));

  /** What a call is given: across processes the time that is left, less what is needed to keep an event. */
  function callOptions({ deadlineMs }: Exchange, reservedMs: number): { timeoutMs?: number; headers?: [string, string][] } {
    if (newRequestId === undefined && !tellsBudget) return waitForEver;
    const leftMs = Math.max(1, deadlineMs - performance.now() - reservedMs);
    return newRequestId === undefined ? { headers: [["gatehouse-budget-ms", String(Math.ceil(leftMs))]] } : { timeoutMs: leftMs };
  }

  function failed(name: string, command: WebhookCommand, cause: FailureCause, problem: string): GatewayReply {
    if (command.kind === "after")
      return { status: 200, answer: notRecordedAnswer, command: name, outcome: `not_recorded_${cause}`, problem };
    return { status: 200, answer: fallbackAnswer(fallbacks[command.action]), command: name, outcome: `fallback_${cause}`, problem };
  }

  /** Sees to it that a fallback is recorded: the one of now, or the one that answered an overdue exchange. */
  function keepFallback(request: DecideRequest, { overdue }: Exchange, now: AnsweredFallback, sizeBytes: number, decisionId = ""): void {
    unrecorded.keepFallback(fallbackRequest(request, overdue ?? now, decisionId), sizeBytes);
  }

  function decide(
    name: string,
    command: BeforeCommand,
    request: DecideRequest,
    exchange: Exchange,
    sizeBytes: number,
  ): GatewayReply | Promise<GatewayReply> {
    const isOverLimit = appLimit(request.appId) > 0;
    const refusal = isOverLimit ? `app ${request.appId} asks more often than its max_per_second` : admission.enter("before", exchange);
    if (refusal === undefined) return decideAdmitted(name, command, request, exchange, sizeBytes);
    keepFallback(request, exchange, answered(command, "overload"), sizeBytes);
    return failed(name, command, "overload", refusal);
  }

  async function decideAdmitted(
    name: string,
    command: BeforeCommand,
    request: DecideRequest,
    exchange: Exchange,
    sizeBytes: number,
  ): Promise<GatewayReply> {
    try {
      const { decision } = await client.decide(request, callOptions(exchange, 0));
      if (decision === undefined) throw new ConnectError("the service answered without a decision", Code.Internal);
      if (exchange.overdue !== undefined) keepFallback(request, exchange, exchange.overdue, sizeBytes, decision.decisionId);
      const answer = command.encode(decision);
      return { status: 200, answer, command: name, outcome: outcomeOf(answer) };
    } catch (error) {
      const { cause, problem } = failureOf(error);
      if (cause !== "invalid") keepFallback(request, exchange, answered(command, cause), sizeBytes);
      return failed(name, command, cause, problem);
    } finally {
      admission.leave();
    }
  }

  function answered({ action }: BeforeCommand, cause: DegradedCause): AnsweredFallback {
    return { verdict: fallbacks[action], cause, timeMs: now() };
  }

  async function record(name: string, command: WebhookCommand, request: RecordRequest, exchange: Exchange): Promise<GatewayReply> {
    const refusal = admission.enter("after", exchange);
    let failure: { cause: "invalid" | DegradedCause; problem: string };
    if (refusal === undefined) {
      try {
        const { duplicate } = await client.record(request, callOptions(exchange, unrecorded.keepEventMs));
        return { status: 200, answer: okAnswer, command: name, outcome: duplicate ? "duplicate" : "recorded" };
      } catch (error) {
        failure = failureOf(error);
      } finally {
        admission.leave();
      }
    } else {
      failure = { cause: "overload", problem: refusal };
    }
    if (failure.cause !== "invalid" && (await unrecorded.keepEvent(request))) {
      return { status: 200, answer: okAnswer, command: name, outcome: "kept", problem: failure.problem };
    }
    return failed(name, command, failure.cause, failure.problem);
  }

  return {
    budgetMs(commandName) {
      const command = webhookCommands.get(commandName);
      if (command === undefined) return longestBudgetMs;
      return command.kind === "before" ? budgets[command.action] : budgets.events;
    },

    overdue(exchange) {
      const command = webhookCommands.get(exchange.command);
      const verdict = command?.kind === "before" ? fallbacks[command.action] : "allow";
      exchange.overdue = { verdict, cause: "deadline", timeMs: now() };
      const problem = "no answer was there when the time for it had passed";
      if (command !== undefined) return failed(exchange.command, command, "deadline", problem);
      return { status: 200, answer: okAnswer, command: "other", outcome: "fallback_deadline", problem };
    },

    answer(verified, query, bodyText, exchange) {
      let body: WebhookBody | undefined;
      let bodyCommand = "";
      let malformed = "";
      try {
        body = parseBody(bodyText);
        bodyCommand = optionalText(body, "CallbackCommand") ?? "";
      } catch (error) {
        if (!(error instanceof MalformedBody)) throw error;
        malformed = error.message;
      }
      const name = query.command || bodyCommand;
      const command = webhookCommands.get(name);
      exchange.command = name;
      if (query.command !== "" && bodyCommand !== "" && query.command !== bodyCommand) {
        return rejected("rejected_command_mismatch", "CallbackCommand in the URL and in the body differ.");
      }
      const isProbe = name === "" || (verified.kind === "probe" && (command === undefined || bodyText === ""));
      if (command === undefined || isProbe) {
        return { status: 200, answer: okAnswer, command: "other", outcome: isProbe ? "probe" : "ignored" };
      }
      if (verified.kind === "probe") return rejected("rejected_no_app", "SdkAppid is missing.");
      if (malformed !== "" || body === undefined) return failed(name, command, "malformed", malformed);

      const { appId } = verified;
      const origin: WholeMessage<Origin> = {
        $typeName: "gatehouse.v1.Origin",
        clientIp: cut(query.clientIp, 64),
        platform: cut(query.platform, 64),
        source: "webhook",
        traceId: cut(query.requestId, 128),
      };
      try {
        if (command.kind === "after") {
          const request: WholeMessage<RecordRequest> = {
            $typeName: "gatehouse.v1.RecordRequest",
            appId,
            requestId: "",
            origin,
            eventTime: eventTime(body),
            receiveTime: undefined,
            event: command.decode(body, bodyText),
          };
          return record(name, command, request, exchange);
        }
        const request: WholeMessage<DecideRequest> = {
          $typeName: "gatehouse.v1.DecideRequest",
          appId,
          requestId: newRequestId?.() ?? "",
          origin,
          eventTime: eventTime(body),
          preview: false,
          action: { case: command.action, value: command.decode(body, bodyText) } as Action,
        };
        return decide(name, command, request, exchange, bodyText.length);
      } catch (error) {
        if (error instanceof MalformedBody) return failed(name, command, "malformed", error.message);
        throw error;
      }
    },
  };
}

/** How a decision was answered. */
function outcomeOf(answer: WebhookAnswer): WebhookOutcome {
  if (answer === okAnswer) return "allow";
  if (answer === discardAnswer) return "discard";
  if (answer.ErrorCode !== 0) return "deny";
  return answer.RefusedSubscribers_Account === undefined ? "rewrite" : "refuse_some";
}

const waitForEver = {};

/** What a failed call means for a webhook, and its words for the log. */
function failureOf(error: unknown): { cause: "invalid" | DegradedCause; problem: string } {
  const { code, rawMessage } = ConnectError.from(error);
  switch (code) {
    case Code.InvalidArgument:
      return { cause: "invalid", problem: rawMessage };
    case Code.DeadlineExceeded:
      return { cause: "deadline", problem: rawMessage };
    case Code.ResourceExhausted:
      return { cause: "overload", problem: rawMessage };
    default:
      return { cause: "unavailable", problem: rawMessage };
  }
}

/** What Chat says of the origin must never be the reason to refuse a webhook: too much of it is cut off. */
function cut(value: string, maxBytes: number): string {
  if (value.length <= maxBytes / 3) return value.toWellFormed();
  return Buffer.from(value)
    .subarray(0, maxBytes)
    .toString()
    .replace(/\uFFFD+$/, "");
}

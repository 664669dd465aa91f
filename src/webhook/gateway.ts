// The gateway: verify, decode, call the moderation service, encode. Knows nothing of HTTP.
import { create } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { DecideRequestSchema, type ModerationService, RecordRequestSchema } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { OriginSchema } from "../../gen/gatehouse/v1/origin_pb.ts";
import { denyAnswer, discardAnswer, notRecordedAnswer, okAnswer, type WebhookAnswer } from "./answer.ts";
import { eventTime, MalformedBody, optionalText, parseBody, type WebhookBody } from "./body.ts";
import type { Action, AfterCommand, BeforeCommand } from "./commands/command.ts";
import { webhookCommands } from "./commands/index.ts";
import type { WebhookQuery } from "./query.ts";
import type { Verified } from "./verify.ts";

/** How a webhook was answered, for counting. */
export type WebhookOutcome =
  /** By a decision. */
  | "allow"
  | "refuse_some"
  | "rewrite"
  | "discard"
  | "deny"
  /** An event was recorded, or was on disk before. */
  | "recorded"
  | "duplicate"
  /** A command that is none of ours, or the console's probe. */
  | "ignored"
  | "probe"
  /** No verdict could be had, and the configured fallback answered. */
  | "fallback_malformed"
  | "fallback_invalid"
  | "fallback_deadline"
  | "fallback_unavailable"
  /** An event could not be recorded. */
  | "not_recorded_malformed"
  | "not_recorded_invalid"
  | "not_recorded_deadline"
  | "not_recorded_unavailable"
  /** It cannot have come from Chat. */
  | "rejected_command_mismatch"
  | "rejected_no_app";

/** An answer: 200 with what Chat understands, or 403 for what cannot have come from Chat. */
export interface GatewayReply {
  status: 200 | 403;
  answer: WebhookAnswer;
  /** A command of ours, or `other`: a name for a metric, not what the request said. */
  command: string;
  outcome: WebhookOutcome;
  /** Why there was no verdict or nothing was recorded, for the log. */
  problem?: string;
}

/** What answers a before-webhook when no verdict can be had, for each action. */
export type Fallbacks = Readonly<Record<Exclude<Action["case"], "sendMessage">, "allow" | "deny"> & { sendMessage: Fallback }>;

/** An answer without a verdict. */
type Fallback = keyof typeof fallbackAnswers;

const fallbackAnswers = { allow: okAnswer, deny: denyAnswer(""), discard: discardAnswer } as const;

/** What the gateway needs. */
export interface GatewayDeps {
  client: Client<typeof ModerationService>;
  fallbacks: Fallbacks;
}

/** Answers a verified webhook; must be called with the time that is left for it, in milliseconds. Never throws. */
export type Gateway = (
  verified: Exclude<Verified, { kind: "rejected" }>,
  query: WebhookQuery,
  bodyText: string,
  timeoutMs: number,
) => Promise<GatewayReply>;

export function createGateway({ client, fallbacks }: GatewayDeps): Gateway {
  return async (verified, query, bodyText, timeoutMs) => {
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
    const origin = create(OriginSchema, {
      clientIp: cut(query.clientIp, 64),
      platform: cut(query.platform, 64),
      source: "webhook",
      traceId: cut(query.requestId, 128),
    });
    const time = eventTime(body);
    const envelope = time === undefined ? { appId, origin } : { appId, origin, eventTime: time };
    try {
      if (command.kind === "after") {
        const { duplicate } = await client.record(create(RecordRequestSchema, { ...envelope, event: command.decode(body, bodyText) }), {
          timeoutMs,
        });
        return { status: 200, answer: okAnswer, command: name, outcome: duplicate ? "duplicate" : "recorded" };
      }
      const action = { case: command.action, value: command.decode(body, bodyText) } as Action;
      const { decision } = await client.decide(create(DecideRequestSchema, { ...envelope, action }), { timeoutMs });
      if (decision === undefined) throw new ConnectError("the service answered without a decision", Code.Internal);
      const answer = command.encode(decision);
      return { status: 200, answer, command: name, outcome: outcomeOf(answer) };
    } catch (error) {
      if (error instanceof MalformedBody) return failed(name, command, "malformed", error.message);
      const { code, rawMessage } = ConnectError.from(error);
      const cause = code === Code.InvalidArgument ? "invalid" : code === Code.DeadlineExceeded ? "deadline" : "unavailable";
      return failed(name, command, cause, rawMessage);
    }
  };

  function failed(
    name: string,
    command: BeforeCommand | AfterCommand,
    cause: "malformed" | "invalid" | "deadline" | "unavailable",
    problem: string,
  ): GatewayReply {
    if (command.kind === "after")
      return { status: 200, answer: notRecordedAnswer, command: name, outcome: `not_recorded_${cause}`, problem };
    const answer = fallbackAnswers[fallbacks[command.action]];
    return { status: 200, answer, command: name, outcome: `fallback_${cause}`, problem };
  }
}

/** How a decision was answered. */
function outcomeOf(answer: WebhookAnswer): WebhookOutcome {
  if (answer === okAnswer) return "allow";
  if (answer === discardAnswer) return "discard";
  if (answer.ErrorCode !== 0) return "deny";
  return answer.RefusedSubscribers_Account === undefined ? "rewrite" : "refuse_some";
}

function rejected(outcome: WebhookOutcome, message: string): GatewayReply {
  return { status: 403, answer: { ActionStatus: "FAIL", ErrorInfo: message, ErrorCode: 1 }, command: "other", outcome, problem: message };
}

/** What Chat says of the origin must never be the reason to refuse a webhook: too much of it is cut off. */
function cut(value: string, maxBytes: number): string {
  if (value.length <= maxBytes / 3) return value.toWellFormed();
  return Buffer.from(value)
    .subarray(0, maxBytes)
    .toString()
    .replace(/\uFFFD+$/, "");
}

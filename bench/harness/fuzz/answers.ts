// What is wrong with an answer: a server error, a form that its caller cannot read, or a text from inside.
import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { ErrorReasonSchema } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../../gen/google/rpc/status_pb.ts";
import type { GrpcCase } from "./grpc-cases.ts";
import type { GrpcExchange } from "./grpc-exchange.ts";
import type { HttpCase } from "./http-cases.ts";
import type { HttpAnswer, HttpExchange } from "./http-exchange.ts";

/** How an exchange ended, for counting, and what was wrong with it; undefined: nothing. */
export interface Judged {
  outcome: string;
  problem: string | undefined;
}

/** Text by which a stack trace, a driver or Node itself gives itself away. */
const internals =
  /\bat \S+:\d+|node:|\.ts:\d|SQLITE|ERR_[A-Z]|HPE_|better-sqlite|llhttp|TypeError|RangeError|\bundefined is|Cannot read prop/;

/** Reasons that a server under attack alone must not give. */
const mistakes = new Set(["INTERNAL", "UNSPECIFIED"]);
const reasons = new Set(ErrorReasonSchema.values.map(({ localName }) => localName));

/** Judges what came from the webhook listener. */
export function judgeWebhook(one: HttpCase, exchange: HttpExchange): Judged {
  return judgeHttp(one, exchange, (answer) => {
    const text = answer.body.toString();
    const fields = parseObject(text);
    const isAnswer =
      fields !== undefined &&
      (fields.ActionStatus === "OK" || fields.ActionStatus === "FAIL") &&
      Number.isInteger(fields.ErrorCode) &&
      typeof fields.ErrorInfo === "string";
    if (answer.status >= 500) return `${answer.status}: ${text.slice(0, 200)}`;
    if (one.due && answer.status !== 200) return `${answer.status} to what can come from Chat: ${text.slice(0, 200)}`;
    if (answer.status === 200 && !isAnswer && text !== '{"status":"ok"}\n') return `no answer of a webhook: ${text.slice(0, 200)}`;
    return undefined;
  });
}

/** Judges what came from the api listener. */
export function judgeApi(one: HttpCase, exchange: HttpExchange): Judged {
  return judgeHttp(one, exchange, (answer) => {
    const type = answer.headers.get("content-type") ?? "";
    const grpcStatus = answer.headers.get("grpc-status");
    if (answer.status >= 400 && type === "application/json") return problemOfJson(answer);
    if (grpcStatus !== undefined && serverFaults.has(grpcStatus)) return `grpc-status ${grpcStatus}: ${answer.headers.get("grpc-message")}`;
    if (/^application\/(?:connect\+|grpc-web)/.test(type)) return problemOfStream(answer.body);
    return undefined;
  });
}

/** A stream says at its end, under a flag, how it went: Connect in JSON, gRPC-Web as lines of headers. */
function problemOfStream(body: Buffer): string | undefined {
  for (let at = 0; at + 5 <= body.length; at += 5 + body.readUInt32BE(at + 1)) {
    const flags = body[at] ?? 0;
    const text = body.subarray(at + 5, at + 5 + body.readUInt32BE(at + 1)).toString();
    const code = flags === 2 ? /"code":"(\w+)"/.exec(text)?.[1] : flags === 128 ? /grpc-status: ?(\d+)/.exec(text)?.[1] : undefined;
    if (code !== undefined && serverFaults.has(code)) return `a stream ends with ${text.slice(0, 300)}`;
    if (flags === 2 && code !== undefined && !text.includes(ErrorInfoSchema.typeName))
      return `a stream ends without a reason: ${text.slice(0, 300)}`;
  }
  return undefined;
}

/** The codes INTERNAL, UNKNOWN and DATA_LOSS in both spellings. */
const serverFaults = new Set(["internal", "unknown", "data_loss", "13", "2", "15"]);

function judgeHttp(one: HttpCase, { answers, rest, isStuck }: HttpExchange, problemOf: (answer: HttpAnswer) => string | undefined): Judged {
  const outcome = answers.length === 0 ? (rest.length > 0 ? "stream" : "none") : answers.map(({ status }) => status).join(" ");
  const all = Buffer.concat([...answers.map(({ body }) => body), rest]).toString("latin1");
  const judge = () => {
    if (isStuck) return "neither answered nor closed";
    if (one.due && answers.length === 0 && rest.length === 0) return "no answer";
    const server = answers.find(({ status }) => status >= 500 && !expectedServerErrors.has(status));
    if (server !== undefined) return `${server.status}: ${server.body.toString().slice(0, 200)}`;
    if (internals.test(all)) return `it tells of its inside: ${internals.exec(all)?.[0]} in ${all.slice(0, 300)}`;
    for (const answer of answers) {
      const problem = problemOf(answer);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
  return { outcome, problem: judge() };
}

/** Of the api: a method that there is not, and a deadline that the caller has set. */
const expectedServerErrors = new Set([501, 504]);

function problemOfJson({ status, body }: HttpAnswer): string | undefined {
  const error = parseObject(body.toString());
  const details = Array.isArray(error?.details) ? (error.details as { type?: unknown; value?: unknown }[]) : [];
  const info = details.find(({ type }) => type === ErrorInfoSchema.typeName);
  if (typeof error?.code !== "string" || info === undefined) return `${status} without a reason: ${body.toString().slice(0, 300)}`;
  const { reason } = fromBinary(ErrorInfoSchema, Buffer.from(String(info.value), "base64"));
  return reasons.has(reason) && !mistakes.has(reason) ? undefined : `the reason ${reason}: ${body.toString().slice(0, 300)}`;
}

/** What grpc-js says by itself of calls that never reach Gatehouse: it carries no reason, and some of it is called INTERNAL. */
const ownWordsOfGrpc =
  /^Invalid grpc-timeout value|compress|max|Received|deadline|Method not found|does not implement|metadata|message header|Unimplemented/i;

/** Judges what came from the grpc listener. */
export function judgeGrpc(one: GrpcCase, { headers, bytes, isStuck }: GrpcExchange): Judged {
  if (isStuck) return { outcome: "stuck", problem: "neither answered nor closed" };
  if (one.kind === "bytes") {
    const text = bytes.toString("latin1");
    return { outcome: "bytes", problem: internals.test(text) ? `it tells of its inside: ${text.slice(0, 300)}` : undefined };
  }
  if (headers === undefined) return { outcome: "none", problem: undefined };
  const status = headers["grpc-status"];
  const sent = String(headers["grpc-message"] ?? "");
  const message = percentDecoded(sent);
  const outcome = status === undefined ? `HTTP ${headers[":status"]}` : `grpc ${status}`;
  const judge = () => {
    if (internals.test(message)) return `it tells of its inside: ${message}`;
    if (status === undefined || status === "0") return undefined;
    const details = headers["grpc-status-details-bin"];
    if (details === undefined) return ownWordsOfGrpc.test(message) ? undefined : `status ${status} without a reason: ${message}`;
    const found = fromBinary(StatusSchema, Buffer.from(String(details), "base64"));
    const reason = found.details.map((detail) => anyUnpack(detail, ErrorInfoSchema)?.reason).find((word) => word !== undefined);
    if (reason === undefined || !reasons.has(reason) || mistakes.has(reason)) return `the reason ${reason}: ${message}`;
    return undefined;
  };
  return { outcome, problem: judge() };
}

/** What grpc-js says of a path that is none has it as it came. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

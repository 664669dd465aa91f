// Decisions as rows: the columns that queries ask, and a body in protobuf JSON with all the rest.
import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { type Timestamp, timestampDate, timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { AddSubscribers, CreateAccount, SendMessage } from "../../gen/gatehouse/v1/action_pb.ts";
import {
  type Decision,
  DecisionSchema,
  type Fact,
  type Match,
  type MessageRewrite,
  type Refusal,
  type ShadowOutcome,
  ShadowOutcomeSchema,
  type Verdict,
} from "../../gen/gatehouse/v1/decision_pb.ts";
import { degradedDecision } from "./degraded-decision.ts";
import { completeStored, elementsJson } from "./element-codec.ts";
import { createdJson, messageSentJson, profileChangedJson } from "./event-codec.ts";
import { type EveryField, originJson, timeColumn, unlessEmpty, unlessNone, unlessZero } from "./message-json.ts";
import type { FallbackAnswer } from "./storage.ts";

/** A decision without its id, its shadow outcome and its follow-up. */
export interface DecisionRow extends ActionColumns {
  appId: number;
  /** Null when the request had none. */
  requestId: string | null;
  verdict: Verdict;
  /** Null when no policy was asked. */
  policyVersion: string | null;
  /** Null when it is about an action. */
  eventId: string | null;
  eventTimeMs: number | null;
  decideTimeMs: number | null;
  /** The fields that are no columns. Read with unknown fields ignored, so that rows of a newer schema can be read. */
  body: string;
}

/** What a shadow policy said of a decision, when that differs. */
export interface ShadowRow {
  policyVersion: string;
  /** The other fields. Read with unknown fields ignored. */
  body: string;
}

/** What queries ask of an action; null where the action has no such field, or has it empty. */
interface ActionColumns {
  accountId: string | null;
  operator: string | null;
  /** Null also when it is the same as the operator. */
  owner: string | null;
}

type ActionCase = NonNullable<Decision["action"]["case"]>;
type ColumnField = "decisionId" | "appId" | "requestId" | "verdict" | "policyVersion" | "eventId" | "eventTime" | "decideTime";
/** What becomes known of a decision later, and has rows of its own. */
type LaterField = "shadow" | "followUp" | "followUpEventId" | "followUpTime" | "subscriberFollowUps";
/** A preview is never stored. */
type Body = EveryField<Omit<Decision, ColumnField | LaterField | "action" | "preview">> & Record<ActionCase, unknown>;

const noColumns: ActionColumns = { accountId: null, operator: null, owner: null };

/** A decision as a row. Its id and what becomes known later are left out. */
export function encodeDecision(decision: Decision): DecisionRow {
  const { accountId, operator, owner } = actionColumns(decision.action);
  const body: Body = {
    createAccount: decision.action.case === "createAccount" ? createAccountJson(decision.action.value) : undefined,
    addSubscribers: decision.action.case === "addSubscribers" ? addSubscribersJson(decision.action.value) : undefined,
    accountCreated: decision.action.case === "accountCreated" ? createdJson(decision.action.value) : undefined,
    accountProfileChanged: decision.action.case === "accountProfileChanged" ? profileChangedJson(decision.action.value) : undefined,
    sendMessage: decision.action.case === "sendMessage" ? sendMessageJson(decision.action.value) : undefined,
    messageSent: decision.action.case === "messageSent" ? messageSentJson(decision.action.value) : undefined,
    origin: originJson(decision.origin),
    code: unlessZero(decision.code),
    message: unlessZero(decision.message),
    refused: unlessNone(decision.refused)?.map(refusalJson),
    matches: unlessNone(decision.matches)?.map(matchJson),
    degraded: unlessZero(decision.degraded),
    degradedCause: unlessZero(decision.degradedCause),
    lateVerdict: unlessZero(decision.lateVerdict),
    lateRefused: unlessNone(decision.lateRefused)?.map(refusalJson),
    lateRewrite: decision.lateRewrite && rewriteJson(decision.lateRewrite),
    answerTime: timeJson(decision.answerTime),
    facts: unlessNone(decision.facts)?.map(factJson),
    rewrite: decision.rewrite && rewriteJson(decision.rewrite),
  };
  return {
    appId: decision.appId,
    requestId: decision.requestId === "" ? null : decision.requestId,
    accountId,
    operator,
    owner,
    verdict: decision.verdict,
    policyVersion: decision.policyVersion === "" ? null : decision.policyVersion,
    eventId: decision.eventId === "" ? null : decision.eventId,
    eventTimeMs: timeColumn(decision.eventTime),
    decideTimeMs: timeColumn(decision.decideTime),
    body: JSON.stringify(body),
  };
}

/** The decision of a row, with what the shadow policy said of it, and with what a fallback answered instead. */
export function decodeDecision(
  decisionId: string,
  row: Omit<DecisionRow, keyof ActionColumns>,
  shadow?: ShadowRow,
  answer?: FallbackAnswer,
): Decision {
  const decision = fromJson(DecisionSchema, JSON.parse(row.body) as JsonValue, { ignoreUnknownFields: true });
  decision.decisionId = decisionId;
  decision.appId = row.appId;
  decision.requestId = row.requestId ?? "";
  decision.verdict = row.verdict;
  decision.policyVersion = row.policyVersion ?? "";
  decision.eventId = row.eventId ?? "";
  if (row.eventTimeMs !== null) decision.eventTime = timestampFromMs(row.eventTimeMs);
  if (row.decideTimeMs !== null) decision.decideTime = timestampFromMs(row.decideTimeMs);
  if (decision.action.case === "sendMessage" || decision.action.case === "messageSent") completeStored(decision.action.value);
  if (shadow !== undefined) decision.shadow = decodeShadow(shadow);
  return answer === undefined ? decision : degradedDecision(decision, answer);
}

/** The body of a shadow outcome's row. */
export function encodeShadow(outcome: ShadowOutcome): string {
  const body: EveryField<Omit<ShadowOutcome, "policyVersion">> = {
    verdict: outcome.verdict,
    code: unlessZero(outcome.code),
    refused: unlessNone(outcome.refused)?.map(refusalJson),
    matches: unlessNone(outcome.matches)?.map(matchJson),
    rewrite: outcome.rewrite && rewriteJson(outcome.rewrite),
  };
  return JSON.stringify(body);
}

/** The shadow outcome of a row. */
export function decodeShadow({ policyVersion, body }: ShadowRow): ShadowOutcome {
  const outcome = fromJson(ShadowOutcomeSchema, JSON.parse(body) as JsonValue, { ignoreUnknownFields: true });
  outcome.policyVersion = policyVersion;
  return outcome;
}

function actionColumns(action: Decision["action"]): ActionColumns {
  switch (action.case) {
    case "createAccount":
      return columnsOf("", action.value.operator, action.value.owner);
    case "accountCreated":
      return columnsOf(action.value.accountId, action.value.operator, action.value.owner);
    case "messageSent":
      return columnsOf(action.value.accountId, "", "");
    case "addSubscribers":
    case "accountProfileChanged":
    case "sendMessage":
      return columnsOf(action.value.accountId, action.value.operator, "");
    case undefined:
      return noColumns;
  }
}

function columnsOf(accountId: string, operator: string, owner: string): ActionColumns {
  return { accountId: accountId || null, operator: operator || null, owner: owner === operator ? null : owner || null };
}

function createAccountJson(action: CreateAccount): EveryField<CreateAccount> {
  return { operator: unlessZero(action.operator), owner: unlessZero(action.owner), name: unlessZero(action.name) };
}

function addSubscribersJson(action: AddSubscribers): EveryField<AddSubscribers> {
  return { accountId: unlessZero(action.accountId), operator: unlessZero(action.operator), subscribers: unlessNone(action.subscribers) };
}

function sendMessageJson(action: SendMessage): EveryField<SendMessage> {
  return {
    accountId: unlessZero(action.accountId),
    operator: unlessZero(action.operator),
    onlineOnly: unlessZero(action.onlineOnly),
    elements: elementsJson(action.elements),
    customData: unlessZero(action.customData),
  };
}

function rewriteJson(rewrite: MessageRewrite): EveryField<MessageRewrite> {
  return { elements: unlessNone(rewrite.elements)?.map(({ change, rawJson }) => ({ change, rawJson })), customData: rewrite.customData };
}

function refusalJson(refusal: Refusal): EveryField<Refusal> {
  return { subscriber: refusal.subscriber, rule: refusal.rule, message: unlessZero(refusal.message) };
}

function matchJson(match: Match): EveryField<Match> {
  return {
    rule: match.rule,
    effect: match.effect,
    mode: unlessZero(match.mode),
    subscriber: unlessZero(match.subscriber),
    error: unlessZero(match.error),
    skipped: unlessZero(match.skipped),
    severity: unlessZero(match.severity),
    labels: unlessEmpty(match.labels),
    message: unlessZero(match.message),
  };
}

function timeJson(time: Timestamp | undefined): string | undefined {
  return time && timestampDate(time).toISOString();
}

function factJson(fact: Fact): EveryField<Fact> {
  return {
    function: fact.function,
    arguments: unlessNone(fact.arguments),
    value: unlessZero(fact.value),
    failure: unlessZero(fact.failure),
  };
}

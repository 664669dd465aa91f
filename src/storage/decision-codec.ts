// Decisions as rows: the columns that queries ask, and a body in protobuf JSON with all the rest.
import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { AddSubscribers, CreateAccount } from "../../gen/gatehouse/v1/action_pb.ts";
import { type Decision, DecisionSchema, type Match, type Refusal, type Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { type EveryField, originJson, timeColumn, unlessNone, unlessZero } from "./message-json.ts";

/** A decision without its id. */
export interface DecisionRow extends ActionColumns {
  appId: number;
  /** Null when the request had none. */
  requestId: string | null;
  verdict: Verdict;
  /** Null when no policy was asked. */
  policyVersion: string | null;
  eventTimeMs: number | null;
  decideTimeMs: number | null;
  /** The fields that are no columns. Read with unknown fields ignored, so that rows of a newer schema can be read. */
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
type ColumnField = "decisionId" | "appId" | "requestId" | "verdict" | "policyVersion" | "eventTime" | "decideTime";
/** A preview is never stored. */
type Body = EveryField<Omit<Decision, ColumnField | "action" | "preview">> & Record<ActionCase, unknown>;

const noColumns: ActionColumns = { accountId: null, operator: null, owner: null };

/** A decision as a row. Its id is left out. */
export function encodeDecision(decision: Decision): DecisionRow {
  const { accountId, operator, owner } = actionColumns(decision.action);
  const body: Body = {
    createAccount: decision.action.case === "createAccount" ? createAccountJson(decision.action.value) : undefined,
    addSubscribers: decision.action.case === "addSubscribers" ? addSubscribersJson(decision.action.value) : undefined,
    origin: originJson(decision.origin),
    code: unlessZero(decision.code),
    message: unlessZero(decision.message),
    refused: unlessNone(decision.refused)?.map(refusalJson),
    matches: unlessNone(decision.matches)?.map(matchJson),
    degraded: unlessZero(decision.degraded),
  };
  return {
    appId: decision.appId,
    requestId: decision.requestId === "" ? null : decision.requestId,
    accountId,
    operator,
    owner,
    verdict: decision.verdict,
    policyVersion: decision.policyVersion === "" ? null : decision.policyVersion,
    eventTimeMs: timeColumn(decision.eventTime),
    decideTimeMs: timeColumn(decision.decideTime),
    body: JSON.stringify(body),
  };
}

/** The decision of a row. */
export function decodeDecision(decisionId: string, row: Omit<DecisionRow, keyof ActionColumns>): Decision {
  const decision = fromJson(DecisionSchema, JSON.parse(row.body) as JsonValue, { ignoreUnknownFields: true });
  decision.decisionId = decisionId;
  decision.appId = row.appId;
  decision.requestId = row.requestId ?? "";
  decision.verdict = row.verdict;
  decision.policyVersion = row.policyVersion ?? "";
  if (row.eventTimeMs !== null) decision.eventTime = timestampFromMs(row.eventTimeMs);
  if (row.decideTimeMs !== null) decision.decideTime = timestampFromMs(row.decideTimeMs);
  return decision;
}

function actionColumns(action: Decision["action"]): ActionColumns {
  switch (action.case) {
    case "createAccount": {
      const { operator, owner } = action.value;
      return { accountId: null, operator: operator || null, owner: owner === operator ? null : owner || null };
    }
    case "addSubscribers":
      return { accountId: action.value.accountId || null, operator: action.value.operator || null, owner: null };
    case undefined:
      return noColumns;
  }
}

function createAccountJson(action: CreateAccount): EveryField<CreateAccount> {
  return { operator: unlessZero(action.operator), owner: unlessZero(action.owner), name: unlessZero(action.name) };
}

function addSubscribersJson(action: AddSubscribers): EveryField<AddSubscribers> {
  return { accountId: unlessZero(action.accountId), operator: unlessZero(action.operator), subscribers: unlessNone(action.subscribers) };
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
    labels: match.labels,
  };
}

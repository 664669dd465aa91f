// Decides on an action: one policy, one moment's facts, and the decision on disk before anyone hears of it.
import { AddSubscribersSchema, CreateAccountSchema, SendMessageSchema } from "../../gen/gatehouse/v1/action_pb.ts";
import type { Decision, Fact } from "../../gen/gatehouse/v1/decision_pb.ts";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import type { DecideRequest } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { GatehouseError } from "../errors.ts";
import type { CompiledPolicy } from "../policy/compile.ts";
import { evaluate, type Question } from "../policy/evaluate.ts";
import { noSignals, type SignalAnswers } from "../policy/signal-answers.ts";
import { createLiveWorld } from "../policy/world.ts";
import type { FollowUpRules, NewDecision, Store, StoredFacts } from "../storage/storage.ts";
import type { CheckApp } from "./apps.ts";
import type { CallTime, SignalsFor } from "./ask-signals.ts";
import { askedCreation } from "./asked-creation.ts";
import { contentDigest } from "./digest.ts";
import type { FactsOf } from "./facts.ts";
import type { OnFollowedUp } from "./follow-up-report.ts";
import { completeMessage } from "./messages.ts";
import { newDecision } from "./new-decision.ts";
import type { PoliciesInForce } from "./policies-in-force.ts";
import { rateCounts } from "./rate-counts.ts";
import type { ShadowTrial } from "./shadow-trial.ts";

/** What deciding needs. */
export interface DecideDeps {
  store: Store;
  policies: PoliciesInForce;
  factsOf: FactsOf;
  signalsFor: SignalsFor;
  shadowTrial: ShadowTrial;
  checkApp: CheckApp;
  /** The language of an app's messages. */
  localeOf(appId: number): string;
  /** How long an allowed creation takes room and name when no event confirms it. */
  reservationMs: number;
  /** How long a creation waits for an event that comes late. */
  followUpMs: number;
  /** How subscriptions and messages are followed up. */
  followUp: FollowUpRules;
  /** Told what became known by a decision that came after its event. */
  onFollowedUp: OnFollowedUp;
  /** Milliseconds since 1970. */
  now(): number;
}

/**
 * Decides and records. What the rules ask of signals is asked before, as long as the answer is of use. A request_id that was used for the same action gets the decision of the first time; for another action,
 * REQUEST_ID_REUSED. A preview is recorded nowhere and has no id.
 */
export type Decide = (request: DecideRequest, time?: CallTime) => Promise<Decision>;

/** An action of a request. */
export type Action = Exclude<DecideRequest["action"], { case: undefined }>;

/** The message of each action, for its digest. */
const actionSchemas = {
  createAccount: CreateAccountSchema,
  addSubscribers: AddSubscribersSchema,
  sendMessage: SendMessageSchema,
} satisfies Record<Action["case"], unknown>;

/** For an action whose request has no id. */
export const noDigest = new Uint8Array(0);

export function createDecide(deps: DecideDeps): Decide {
  const { store, policies, factsOf, signalsFor, shadowTrial, checkApp, localeOf, followUp, onFollowedUp, now } = deps;
  return (request, time) => policies.upToDate(() => decide(request, time));

  async function decide(request: DecideRequest, time: CallTime | undefined): Promise<Decision> {
    checkApp(request.appId);
    const usefulUntilMs = time?.usefulUntilMs;
    const { subject, told } = readAction(request.action as Action);
    const policy = policies.live();
    const nowMs = now();
    const question: Question = {
      appId: request.appId,
      locale: localeOf(request.appId),
      origin: request.origin,
      subject,
      nowMs,
    };
    const { asksSignals } = policy.programs[subject.case];
    const createFacts = (stored: StoredFacts) => {
      policies.assertLive(policy, stored);
      return factsOf(stored, request.appId, policy);
    };
    if (request.preview) {
      const signals = asksSignals ? await signalsFor(policy, question, time) : undefined;
      return store.withFacts(nowMs, (stored) => decisionOf(request, policy, question, createFacts(stored), signals), usefulUntilMs);
    }

    const actionDigest = request.requestId === "" ? noDigest : digestOf(told, request.appId);
    if (actionDigest !== noDigest) {
      const earlier = await store.findDecisionByRequestId(request.appId, request.requestId);
      if (earlier !== undefined) {
        if (Buffer.compare(earlier.actionDigest, actionDigest) === 0) return earlier.decision;
        throw reused(request.requestId, earlier.decision.decisionId);
      }
    }
    const signals = asksSignals ? await signalsFor(policy, question, time) : undefined;
    const trial = shadowTrial.begin(question, signals);
    const make = (stored: StoredFacts): NewDecision => {
      const decision = decisionOf(request, policy, question, createFacts(stored), signals);
      trial?.observe(stored, decision);
      const asking = [policy, policies.shadow(stored)];
      const creation = askedCreation({ decision, nowMs }, asking, deps);
      const counts = rateCounts(question, asking);
      return creation === undefined ? { decision, actionDigest, counts, followUp } : { decision, actionDigest, counts, creation };
    };
    const appended = await store.appendDecision(nowMs, make, usefulUntilMs);
    switch (appended.kind) {
      case "appended":
        trial?.keep(appended.decision);
        if (appended.followedUp !== undefined) onFollowedUp(subject.case, appended.followedUp);
        return appended.decision;
      case "repeat":
        return appended.decision;
      case "reused":
        throw reused(request.requestId, appended.decisionId);
    }
  }
}

/** The action as rules are asked about it, and as it is told from others. Throws INVALID_REQUEST. */
export function readAction(action: Action): { subject: Action; told: Action } {
  if (action.case !== "sendMessage") return { subject: action, told: action };
  const { complete, bare } = completeMessage("send_message", action.value);
  return { subject: { case: action.case, value: complete }, told: { case: action.case, value: bare } };
}

/** What the policy says, as a decision without an id. */
export function decisionOf(
  request: DecideRequest,
  policy: CompiledPolicy,
  question: Question,
  facts: ReturnType<FactsOf>,
  signals: SignalAnswers = noSignals,
): Decision {
  const noted: Fact[] = [];
  const outcome = evaluate(policy, question, createLiveWorld(facts, noted, signals));
  const { preview, requestId, origin, eventTime } = request;
  return newDecision({
    request: { requestId: preview ? "" : requestId, origin, eventTime },
    question,
    policyVersion: policy.version,
    outcome,
    facts: noted,
    preview,
  });
}

/** Recognises the same action of an app. */
export function digestOf(action: Action, appId: number): Uint8Array {
  return contentDigest(actionSchemas[action.case] as typeof CreateAccountSchema, action.value as never, appId, undefined);
}

/** The error for a request_id that was used for another action. */
export function reused(requestId: string, decisionId: string): GatehouseError {
  return new GatehouseError(
    ErrorReason.REQUEST_ID_REUSED,
    `The request_id "${requestId}" was used before for another action, in ${decisionId}. Use a new one for a new action.`,
    { metadata: { request_id: requestId, decision_id: decisionId } },
  );
}

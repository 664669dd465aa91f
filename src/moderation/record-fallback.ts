// Records that a caller answered an action by a fallback of its own: marks the decision that came too late, or makes it now.
import { CaseKind } from "../../gen/gatehouse/v1/case_service_pb.ts";
import type { Decision } from "../../gen/gatehouse/v1/decision_pb.ts";
import { Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import type { DecideRequest, RecordFallbackRequest } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { GatehouseError } from "../errors.ts";
import type { Question } from "../policy/evaluate.ts";
import type { FallbackAnswer, NewDecision } from "../storage/storage.ts";
import { askedCreation } from "./asked-creation.ts";
import { type Action, type DecideDeps, decisionOf, digestOf, noDigest, readAction, reused } from "./decide.ts";
import { rateCounts } from "./rate-counts.ts";
import { msOf } from "./times.ts";

/** What recording a fallback needs. No policy is tried on what was answered without one. */
export interface RecordFallbackDeps extends Omit<DecideDeps, "shadowTrial"> {
  /** Told of every decision that became degraded by a call. Must not throw. */
  onRecorded(decision: Decision): void;
}

/** Records a fallback. Repeating it changes nothing when the decision or the request has an id. */
export type RecordFallback = (request: RecordFallbackRequest) => Promise<Decision>;

export function createRecordFallback(deps: RecordFallbackDeps): RecordFallback {
  const { store, policies, factsOf, signalsFor, checkApp, localeOf, followUp, onFollowedUp, now, onRecorded } = deps;

  return async ({ request, answered, cause, decisionId, answerTime }) => {
    if (request === undefined || request.preview) throw invalid("request.preview", "must be false: a preview is not answered to anybody");
    checkApp(request.appId);
    const nowMs = now();
    const answer = { cause, verdict: answered, code: codeOf(answered), answerTimeMs: msOf(answerTime) ?? nowMs };
    const recorded = (await recordedAs(decisionId, request)) ?? (await recordedFor(request));
    const degraded = recorded === undefined ? await decideLate(request, answer, nowMs) : await mark(recorded, answer);
    if (isLateDeny(degraded)) await openCase(degraded, nowMs);
    return degraded;
  };

  /** What was let pass and should not have been is for a person to look at. Repeated with the call: a case is opened once. */
  async function openCase({ appId, decisionId, action }: Decision, timeMs: number): Promise<void> {
    const value: { accountId?: string; owner?: string; operator?: string } = action.value ?? {};
    const { accountId = "", owner = "", operator = "" } = value;
    await store.openCase({ kind: CaseKind.LATE_DENY, appId, decisionId, accountId, user: operator || owner, timeMs });
  }

  /** The decision that came too late, by its id; undefined when it is not there. */
  async function recordedAs(decisionId: string, request: DecideRequest): Promise<Decision | undefined> {
    const decision = decisionId === "" ? undefined : await store.getDecision(decisionId);
    // What belongs to another app is for the caller as if it were not there.
    if (decision === undefined || decision.appId !== request.appId) return undefined;
    if (isAbout(decision, request)) return decision;
    throw invalid("decision_id", `must name a decision on this action, and ${decisionId} is on another`);
  }

  /** The decision that came too late, by the id of its request; undefined when it is not there. */
  async function recordedFor({ appId, requestId, action }: DecideRequest): Promise<Decision | undefined> {
    const earlier = requestId === "" ? undefined : await store.findDecisionByRequestId(appId, requestId);
    if (earlier === undefined) return undefined;
    if (Buffer.compare(earlier.actionDigest, digestOf(readAction(action as Action).told, appId)) !== 0)
      throw reused(requestId, earlier.decision.decisionId);
    return earlier.decision;
  }

  async function mark(decision: Decision, answer: FallbackAnswer): Promise<Decision> {
    if (decision.degraded) return decision;
    const answered = { decision, instead: answer.verdict, nowMs: answer.answerTimeMs };
    const creation = askedCreation(answered, [policies.live(), policies.shadow()], deps);
    const result = await store.markDegraded(decision.decisionId, answer, creation, followUp);
    if (result?.marked) onRecorded(result.decision);
    if (result?.followedUp !== undefined) onFollowedUp(decision.action.case as Action["case"], result.followedUp);
    return result?.decision ?? decision;
  }

  /** Asks the policy as it is now, and records what it says beside what was answered. */
  function decideLate(request: DecideRequest, answer: FallbackAnswer, nowMs: number): Promise<Decision> {
    return policies.upToDate(() => decideLateOnce(request, answer, nowMs));
  }

  async function decideLateOnce(request: DecideRequest, answer: FallbackAnswer, nowMs: number): Promise<Decision> {
    const { appId, requestId, origin } = request;
    const policy = policies.live();
    const { subject, told } = readAction(request.action as Action);
    const question: Question = { appId, locale: localeOf(appId), origin, subject, nowMs };
    const actionDigest = requestId === "" ? noDigest : digestOf(told, appId);
    const signals = policy.programs[subject.case].asksSignals ? await signalsFor(policy, question) : undefined;
    const appended = await store.appendDecision(nowMs, (stored): NewDecision => {
      policies.assertLive(policy, stored);
      const decision = decisionOf(request, policy, question, factsOf(stored, appId, policy), signals);
      const asking = [policy, policies.shadow(stored)];
      // It stands from the answer on, which may be long ago.
      const creation = askedCreation({ decision, instead: answer.verdict, nowMs: answer.answerTimeMs }, asking, deps);
      const made = { decision, answer, actionDigest, counts: rateCounts(question, asking), followUp };
      return creation === undefined ? made : { ...made, creation };
    });
    switch (appended.kind) {
      case "appended":
        if (appended.followedUp !== undefined) onFollowedUp(subject.case, appended.followedUp);
        onRecorded(appended.decision);
        return appended.decision;
      case "repeat":
        return mark(appended.decision, answer);
      case "reused":
        throw reused(requestId, appended.decisionId);
    }
  }
}

/** Whether a degraded decision let something pass that the policy would have stopped, wholly, for some, or in the words that it had. */
export function isLateDeny({ degraded, verdict, lateVerdict, lateRefused, lateRewrite }: Decision): boolean {
  if (!degraded || verdict !== Verdict.ALLOW) return false;
  return lateVerdict !== Verdict.ALLOW || lateRefused.length > 0 || lateRewrite !== undefined;
}

/** The code of an answer that no rule has given. */
function codeOf(answered: Verdict): number {
  if (answered === Verdict.ALLOW) return 0;
  return answered === Verdict.DISCARD ? 2 : 1;
}

function isAbout(decision: Decision, { appId, action }: DecideRequest): boolean {
  if (decision.action.case !== action.case) return false;
  const digest = (of: Action) => digestOf(readAction(of).told, appId);
  return Buffer.compare(digest(decision.action as Action), digest(action as Action)) === 0;
}

function invalid(field: string, description: string): GatehouseError {
  return new GatehouseError(ErrorReason.INVALID_REQUEST, `The request has 1 problem: ${field}: ${description}`, {
    fields: [{ field, description }],
  });
}

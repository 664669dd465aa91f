// Decides on an action: one policy, one moment's facts, and the decision on disk before anyone hears of it.
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { AddSubscribersSchema, CreateAccountSchema } from "../../gen/gatehouse/v1/action_pb.ts";
import { type Decision, DecisionSchema } from "../../gen/gatehouse/v1/decision_pb.ts";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import type { DecideRequest } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { GatehouseError } from "../errors.ts";
import type { CompiledPolicy } from "../policy/compile.ts";
import { evaluate } from "../policy/evaluate.ts";
import type { Action, ActionCase } from "../policy/vocabulary.ts";
import type { Store } from "../storage/storage.ts";
import type { CheckApp } from "./apps.ts";
import { contentDigest } from "./digest.ts";
import { toWholeMs } from "./times.ts";

/** What deciding needs. */
export interface DecideDeps {
  store: Store;
  /** The policy that is live just now. */
  livePolicy(): CompiledPolicy;
  checkApp: CheckApp;
  /** Milliseconds since 1970. */
  now(): number;
}

/**
 * Decides and records. A request_id that was used for the same action gets the decision of the first time; for another action,
 * REQUEST_ID_REUSED. A preview is recorded nowhere and has no id.
 */
export type Decide = (request: DecideRequest) => Promise<Decision>;

/** The message of each action, for its digest. */
const actionSchemas = { createAccount: CreateAccountSchema, addSubscribers: AddSubscribersSchema } satisfies Record<ActionCase, unknown>;

const noDigest = new Uint8Array(0);

export function createDecide({ store, livePolicy, checkApp, now }: DecideDeps): Decide {
  return async (request) => {
    checkApp(request.appId);
    const action = request.action as Action;
    const isRecorded = !request.preview;
    const digest = isRecorded && request.requestId !== "" ? digestOf(action, request.appId) : noDigest;
    if (digest !== noDigest) {
      const earlier = await store.findDecisionByRequestId(request.appId, request.requestId);
      if (earlier !== undefined) {
        if (Buffer.compare(earlier.actionDigest, digest) === 0) return earlier.decision;
        throw reused(request.requestId, earlier.decision.decisionId);
      }
    }

    const nowMs = now();
    const policy = livePolicy();
    const evaluated = store.withFacts((facts) => evaluate(policy, { appId: request.appId, origin: request.origin, action, nowMs }, facts));
    const outcome = evaluated instanceof Promise ? await evaluated : evaluated;
    const decision = create(DecisionSchema, {
      appId: request.appId,
      requestId: isRecorded ? request.requestId : "",
      action,
      ...outcome,
      policyVersion: policy.version,
      decideTime: timestampFromMs(nowMs),
      preview: request.preview,
    });
    if (request.origin !== undefined) decision.origin = request.origin;
    const eventTime = toWholeMs(request.eventTime);
    if (eventTime !== undefined) decision.eventTime = eventTime;
    if (!isRecorded) return decision;

    const appended = await store.appendDecision(decision, digest);
    switch (appended.kind) {
      case "appended":
        decision.decisionId = appended.decisionId;
        return decision;
      case "repeat":
        return appended.decision;
      case "reused":
        throw reused(request.requestId, appended.decisionId);
    }
  };
}

function digestOf(action: Action, appId: number): Uint8Array {
  return contentDigest(actionSchemas[action.case] as typeof CreateAccountSchema, action.value as never, appId, undefined);
}

function reused(requestId: string, decisionId: string): GatehouseError {
  return new GatehouseError(
    ErrorReason.REQUEST_ID_REUSED,
    `The request_id "${requestId}" was used before for another action, in ${decisionId}. Use a new one for a new action.`,
    { metadata: { request_id: requestId, decision_id: decisionId } },
  );
}

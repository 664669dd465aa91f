// Tells a recorded decision again, from what was recorded with it.
import { create } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type ExplainDecisionResponse, ExplainDecisionResponseSchema } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";
import { explain } from "../policy/explain.ts";
import type { Subject } from "../policy/vocabulary.ts";
import type { Decisions, Policies } from "../storage/storage.ts";
import type { CompileInTurns } from "./compile-in-turns.ts";
import { compileStored } from "./policies-in-force.ts";

/** Explains the decision with this id. */
export type ExplainDecision = (decisionId: string) => Promise<ExplainDecisionResponse>;

export function createExplainDecision({ store, compile }: { store: Decisions & Policies; compile: CompileInTurns }): ExplainDecision {
  return async (decisionId) => {
    const decision = await store.getDecision(decisionId);
    if (decision === undefined) throw decisionNotFound(decisionId);
    const { policyVersion, appId, action, origin, decideTime, facts } = decision;
    const stored = policyVersion === "" ? undefined : await store.getPolicy(policyVersion);
    if (stored === undefined || action.case === undefined) {
      throw new GatehouseError(
        ErrorReason.POLICY_NOT_FOUND,
        `The policy that made ${decisionId} is not kept, so it cannot be told again.`,
        {
          metadata: { version: policyVersion },
        },
      );
    }
    const nowMs = decideTime === undefined ? 0 : timestampMs(decideTime);
    const question = { appId, locale: "", origin, subject: action as Subject, nowMs };
    const { rules, conclusion } = explain(await compileStored(compile, policyVersion, stored.text), question, facts);
    return create(ExplainDecisionResponseSchema, { decision, rules, conclusion, policyText: stored.text });
  };
}

/** The error for a decision that is not there. */
export function decisionNotFound(decisionId: string): GatehouseError {
  return new GatehouseError(ErrorReason.DECISION_NOT_FOUND, `There is no decision "${decisionId}".`, {
    metadata: { decision_id: decisionId },
  });
}

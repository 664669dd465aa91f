// DecisionService over the store and the use case that explains.
import { create } from "@bufbuild/protobuf";
import { Verdict } from "../../gen/gatehouse/v1/decision_pb.ts";
import {
  type ExplainDecisionRequest,
  type ExplainDecisionResponse,
  type GetDecisionRequest,
  type GetDecisionResponse,
  GetDecisionResponseSchema,
  type ListDecisionsRequest,
  ListDecisionsRequestSchema,
  type ListDecisionsResponse,
  ListDecisionsResponseSchema,
} from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { FollowUp } from "../../gen/gatehouse/v1/follow_up_pb.ts";
import { decisionNotFound, type ExplainDecision } from "../moderation/explain-decision.ts";
import type { DecisionFilter, Decisions } from "../storage/storage.ts";
import { nextPageToken, pageRequest } from "./page-token.ts";

export function createDecisionService({ store, explainDecision }: { store: Decisions; explainDecision: ExplainDecision }) {
  return {
    async explainDecision({ decisionId }: ExplainDecisionRequest): Promise<ExplainDecisionResponse> {
      return explainDecision(decisionId);
    },

    async getDecision({ decisionId }: GetDecisionRequest): Promise<GetDecisionResponse> {
      const decision = await store.getDecision(decisionId);
      if (decision === undefined) throw decisionNotFound(decisionId);
      return create(GetDecisionResponseSchema, { decision });
    },

    async listDecisions(request: ListDecisionsRequest): Promise<ListDecisionsResponse> {
      const filter: DecisionFilter = {};
      if (request.appId !== 0) filter.appId = request.appId;
      if (request.accountId !== "") filter.accountId = request.accountId;
      if (request.user !== "") filter.user = request.user;
      if (request.verdict !== Verdict.UNSPECIFIED) filter.verdict = request.verdict;
      if (request.followUp !== FollowUp.UNSPECIFIED) filter.followUp = request.followUp;
      const page = await store.listDecisions(filter, pageRequest(ListDecisionsRequestSchema, request));
      return create(ListDecisionsResponseSchema, {
        decisions: page.items,
        nextPageToken: nextPageToken(ListDecisionsRequestSchema, request, page),
      });
    },
  };
}

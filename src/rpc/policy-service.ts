// PolicyService over the use cases.
import { create } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import {
  type ActivatePolicyRequest,
  type ActivatePolicyResponse,
  ActivatePolicyResponseSchema,
  type CheckPolicyRequest,
  type CheckPolicyResponse,
  CheckPolicyResponseSchema,
  type ClearShadowPolicyRequest,
  type ClearShadowPolicyResponse,
  ClearShadowPolicyResponseSchema,
  type DiffPoliciesRequest,
  type DiffPoliciesResponse,
  DiffPoliciesResponseSchema,
  type GetPolicyRequest,
  type GetPolicyResponse,
  GetPolicyResponseSchema,
  type ListActivationsRequest,
  ListActivationsRequestSchema,
  type ListActivationsResponse,
  ListActivationsResponseSchema,
  type ListPoliciesRequest,
  ListPoliciesRequestSchema,
  type ListPoliciesResponse,
  ListPoliciesResponseSchema,
  PolicyPointer,
  type PolicyVersion,
  PolicyVersionSchema,
  type PublishPolicyRequest,
  type PublishPolicyResponse,
  PublishPolicyResponseSchema,
  type ReportShadowRequest,
  type ReportShadowResponse,
  ReportShadowResponseSchema,
  type RollBackPolicyRequest,
  type RollBackPolicyResponse,
  RollBackPolicyResponseSchema,
} from "../../gen/gatehouse/v1/policy_service_pb.ts";
import type { PolicyChoice, PolicyUseCases, PolicyView } from "../moderation/policies.ts";
import type { ReportShadow } from "../moderation/shadow-report.ts";
import type { PointerName } from "../storage/storage.ts";
import { activationMessage, pointers } from "./activation-message.ts";
import { nextPageToken, pageRequest } from "./page-token.ts";

/** How many decisions a report names. */
const maxExamples = 20;

export function createPolicyService({ policies, reportShadow }: { policies: PolicyUseCases; reportShadow: ReportShadow }) {
  return {
    async checkPolicy({ text }: CheckPolicyRequest): Promise<CheckPolicyResponse> {
      const { problems, version } = await policies.check(text);
      return create(CheckPolicyResponseSchema, { problems: [...problems], version: version ?? "" });
    },

    async publishPolicy({ text, author, reason, activate }: PublishPolicyRequest): Promise<PublishPolicyResponse> {
      const policy = await policies.publish(text, { author, reason }, pointerName(activate));
      return create(PublishPolicyResponseSchema, { policy: summary(policy) });
    },

    async activatePolicy({ version, pointer, author, reason }: ActivatePolicyRequest): Promise<ActivatePolicyResponse> {
      const policy = await policies.activate(version, pointerName(pointer) ?? "live", { author, reason });
      return create(ActivatePolicyResponseSchema, { policy: summary(policy) });
    },

    async rollBackPolicy({ author, reason }: RollBackPolicyRequest): Promise<RollBackPolicyResponse> {
      return create(RollBackPolicyResponseSchema, { policy: summary(await policies.rollBack({ author, reason })) });
    },

    async clearShadowPolicy({ author, reason }: ClearShadowPolicyRequest): Promise<ClearShadowPolicyResponse> {
      await policies.clearShadow({ author, reason });
      return create(ClearShadowPolicyResponseSchema);
    },

    async getPolicy({ version, pointer }: GetPolicyRequest): Promise<GetPolicyResponse> {
      const policy = await policies.get(version === "" ? { pointer: pointerName(pointer) ?? "live" } : { version });
      return create(GetPolicyResponseSchema, { policy: { ...summary(policy), text: policy.text } });
    },

    async listPolicies(request: ListPoliciesRequest): Promise<ListPoliciesResponse> {
      const page = await policies.list(pageRequest(ListPoliciesRequestSchema, request));
      return create(ListPoliciesResponseSchema, {
        policies: page.items.map(summary),
        nextPageToken: nextPageToken(ListPoliciesRequestSchema, request, page),
      });
    },

    async listActivations(request: ListActivationsRequest): Promise<ListActivationsResponse> {
      const page = await policies.activations(pageRequest(ListActivationsRequestSchema, request));
      return create(ListActivationsResponseSchema, {
        activations: page.items.map(activationMessage),
        nextPageToken: nextPageToken(ListActivationsRequestSchema, request, page),
      });
    },

    async diffPolicies({ fromVersion, toVersion }: DiffPoliciesRequest): Promise<DiffPoliciesResponse> {
      return create(DiffPoliciesResponseSchema, await policies.diff(versionOrLive(fromVersion), versionOrLive(toVersion)));
    },

    async reportShadow({ startTime, endTime }: ReportShadowRequest): Promise<ReportShadowResponse> {
      const { shadowVersion, counts, verdictChanges } = await reportShadow({
        startMs: startTime && timestampMs(startTime),
        endMs: endTime && timestampMs(endTime),
      });
      return create(ReportShadowResponseSchema, {
        shadowVersion: shadowVersion ?? "",
        decisionCount: BigInt(counts.decisions),
        shadowCount: BigInt(counts.shadowed),
        changedCount: BigInt(counts.changed.length),
        verdictChanges: verdictChanges.map(({ from, to, count }) => ({ from, to, count: BigInt(count) })),
        rules: counts.rules.map(({ policyVersion, rule, held, heldAnew, errors }) => ({
          policyVersion,
          rule,
          heldCount: BigInt(held),
          newCount: BigInt(heldAnew),
          errorCount: BigInt(errors),
        })),
        exampleDecisionIds: counts.changed.slice(0, maxExamples).map(({ decisionId }) => decisionId),
      });
    },
  };
}

function pointerName(pointer: PolicyPointer): PointerName | undefined {
  if (pointer === PolicyPointer.LIVE) return "live";
  return pointer === PolicyPointer.SHADOW ? "shadow" : undefined;
}

function versionOrLive(version: string): PolicyChoice {
  return version === "" ? { pointer: "live" } : { version };
}

/** A version without its text. */
function summary(policy: PolicyView): PolicyVersion {
  return create(PolicyVersionSchema, {
    version: policy.version,
    name: policy.name,
    author: policy.author,
    reason: policy.reason,
    publishTime: timestampFromMs(policy.publishTimeMs),
    pointers: policy.pointers.map((pointer) => pointers[pointer]),
  });
}

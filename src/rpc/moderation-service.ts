// ModerationService over the use cases.
import { create } from "@bufbuild/protobuf";
import {
  type DecideRequest,
  type DecideResponse,
  type RecordBatchRequest,
  type RecordBatchResponse,
  RecordBatchResponseSchema,
  type RecordFallbackRequest,
  type RecordFallbackResponse,
  RecordFallbackResponseSchema,
  type RecordRequest,
  type RecordResponse,
} from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import type { Decide } from "../moderation/decide.ts";
import type { RecordUseCases } from "../moderation/record.ts";
import type { RecordFallback } from "../moderation/record-fallback.ts";
import type { CallContext } from "./implementation.ts";

/** What the service needs. */
export interface ModerationServiceDeps extends RecordUseCases {
  decide: Decide;
  recordFallback: RecordFallback;
}

export function createModerationService({ decide, record, recordBatch, recordFallback }: ModerationServiceDeps) {
  return {
    async decide(request: DecideRequest, call: CallContext): Promise<DecideResponse> {
      return { $typeName: "gatehouse.v1.DecideResponse", decision: await decide(request, call) };
    },
    async record(request: RecordRequest, call: CallContext): Promise<RecordResponse> {
      const { eventId, duplicate } = await record(request, call);
      return { $typeName: "gatehouse.v1.RecordResponse", eventId, duplicate };
    },
    async recordFallback(request: RecordFallbackRequest): Promise<RecordFallbackResponse> {
      return create(RecordFallbackResponseSchema, { decision: await recordFallback(request) });
    },
    async recordBatch(request: RecordBatchRequest, call: CallContext): Promise<RecordBatchResponse> {
      const { duplicates } = await recordBatch(request, call);
      return create(RecordBatchResponseSchema, { duplicateCount: duplicates });
    },
  };
}

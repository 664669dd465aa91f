// AuditService over the use case.
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type AuditEntry as AuditEntryMessage,
  AuditEntrySchema,
  type ListAuditEntriesRequest,
  ListAuditEntriesRequestSchema,
  type ListAuditEntriesResponse,
  ListAuditEntriesResponseSchema,
  PrincipalKind,
} from "../../gen/gatehouse/v1/audit_service_pb.ts";
import type { Audit } from "../moderation/audit.ts";
import { msOf } from "../moderation/times.ts";
import type { AuditEntry, AuditFilter } from "../storage/storage.ts";
import { nextPageToken, pageRequest } from "./page-token.ts";

export function createAuditService({ audit }: { audit: Pick<Audit, "list"> }) {
  return {
    async listAuditEntries(request: ListAuditEntriesRequest): Promise<ListAuditEntriesResponse> {
      const filter: AuditFilter = {};
      if (request.appId !== 0) filter.appId = request.appId;
      if (request.principalKind !== PrincipalKind.UNSPECIFIED) filter.principalKind = request.principalKind;
      if (request.principalId !== "") filter.principalId = request.principalId;
      if (request.method !== "") filter.method = request.method;
      if (request.target !== "") filter.target = request.target;
      const startMs = msOf(request.startTime);
      const endMs = msOf(request.endTime);
      if (startMs !== undefined) filter.startMs = startMs;
      if (endMs !== undefined) filter.endMs = endMs;
      const page = await audit.list(filter, pageRequest(ListAuditEntriesRequestSchema, request));
      return create(ListAuditEntriesResponseSchema, {
        entries: page.items.map(entryMessage),
        nextPageToken: nextPageToken(ListAuditEntriesRequestSchema, request, page),
      });
    },
  };
}

function entryMessage({ beginTimeMs, end, ...entry }: AuditEntry): AuditEntryMessage {
  return create(AuditEntrySchema, {
    ...entry,
    beginTime: timestampFromMs(beginTimeMs),
    afterJson: end?.afterJson ?? "",
    outcome: end?.outcome ?? "",
  });
}

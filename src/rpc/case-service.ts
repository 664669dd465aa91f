// CaseService over the store.
import { create } from "@bufbuild/protobuf";
import {
  CaseKind,
  CaseState,
  type CloseCaseRequest,
  type CloseCaseResponse,
  CloseCaseResponseSchema,
  type GetCaseRequest,
  type GetCaseResponse,
  GetCaseResponseSchema,
  type ListCasesRequest,
  ListCasesRequestSchema,
  type ListCasesResponse,
  ListCasesResponseSchema,
} from "../../gen/gatehouse/v1/case_service_pb.ts";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";
import type { CaseFilter, Cases } from "../storage/storage.ts";
import { nextPageToken, pageRequest } from "./page-token.ts";

/** `now` is in milliseconds since 1970. */
export function createCaseService({ store, now }: { store: Cases; now(): number }) {
  return {
    async listCases(request: ListCasesRequest): Promise<ListCasesResponse> {
      const filter: CaseFilter = {};
      if (request.appId !== 0) filter.appId = request.appId;
      if (request.kind !== CaseKind.UNSPECIFIED) filter.kind = request.kind;
      if (request.state !== CaseState.UNSPECIFIED) filter.state = request.state;
      if (request.accountId !== "") filter.accountId = request.accountId;
      if (request.user !== "") filter.user = request.user;
      const page = await store.listCases(filter, pageRequest(ListCasesRequestSchema, request));
      return create(ListCasesResponseSchema, { cases: page.items, nextPageToken: nextPageToken(ListCasesRequestSchema, request, page) });
    },

    async getCase({ caseId }: GetCaseRequest): Promise<GetCaseResponse> {
      const found = await store.getCase(caseId);
      if (found === undefined) throw caseNotFound(caseId);
      return create(GetCaseResponseSchema, { case: found });
    },

    async closeCase({ caseId, author, reason }: CloseCaseRequest): Promise<CloseCaseResponse> {
      const closed = await store.closeCase({ caseId, author, reason, timeMs: now() });
      if (closed === undefined) throw caseNotFound(caseId);
      return create(CloseCaseResponseSchema, { case: closed });
    },
  };
}

/** The error for a case that is not there. */
export function caseNotFound(caseId: string): GatehouseError {
  return new GatehouseError(ErrorReason.CASE_NOT_FOUND, `There is no case "${caseId}".`, { metadata: { case_id: caseId } });
}

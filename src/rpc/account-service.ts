// AccountService over the store.
import { create } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import {
  AccountState,
  type GetAccountRequest,
  type GetAccountResponse,
  GetAccountResponseSchema,
  type ListAccountEventsRequest,
  ListAccountEventsRequestSchema,
  type ListAccountEventsResponse,
  ListAccountEventsResponseSchema,
  type ListAccountRevisionsRequest,
  ListAccountRevisionsRequestSchema,
  type ListAccountRevisionsResponse,
  ListAccountRevisionsResponseSchema,
  type ListAccountsRequest,
  ListAccountsRequestSchema,
  type ListAccountsResponse,
  ListAccountsResponseSchema,
  type ListMessagesRequest,
  ListMessagesRequestSchema,
  type ListMessagesResponse,
  ListMessagesResponseSchema,
  type ListTimelineRequest,
  ListTimelineRequestSchema,
  type ListTimelineResponse,
  ListTimelineResponseSchema,
  type TimelineEntry,
  TimelineEntrySchema,
} from "../../gen/gatehouse/v1/account_service_pb.ts";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";
import type {
  AccountFilter,
  Accounts,
  Events,
  TimelineEntry as StoredTimelineEntry,
  Timeline,
  TimelineFilter,
} from "../storage/storage.ts";
import { normalize } from "../text/normalize.ts";
import { nextPageToken, pageRequest } from "./page-token.ts";

export function createAccountService({ store }: { store: Accounts & Events & Timeline }) {
  return {
    async getAccount({ appId, accountId }: GetAccountRequest): Promise<GetAccountResponse> {
      const account = await store.getAccount(appId, accountId);
      if (account === undefined) {
        throw new GatehouseError(ErrorReason.ACCOUNT_NOT_FOUND, `No event of app ${appId} has spoken of the account "${accountId}" yet.`, {
          metadata: { app_id: String(appId), account_id: accountId },
        });
      }
      return create(GetAccountResponseSchema, { account });
    },

    async listAccounts(request: ListAccountsRequest): Promise<ListAccountsResponse> {
      const page = await store.listAccounts(filterOf(request), pageRequest(ListAccountsRequestSchema, request));
      return create(ListAccountsResponseSchema, {
        accounts: page.items,
        nextPageToken: nextPageToken(ListAccountsRequestSchema, request, page),
      });
    },

    async listAccountEvents(request: ListAccountEventsRequest): Promise<ListAccountEventsResponse> {
      const page = await store.listAccountEvents(request.appId, request.accountId, pageRequest(ListAccountEventsRequestSchema, request));
      return create(ListAccountEventsResponseSchema, {
        events: page.items,
        nextPageToken: nextPageToken(ListAccountEventsRequestSchema, request, page),
      });
    },

    async listAccountRevisions(request: ListAccountRevisionsRequest): Promise<ListAccountRevisionsResponse> {
      const wanted = pageRequest(ListAccountRevisionsRequestSchema, request);
      const page = await store.listAccountRevisions(request.appId, request.accountId, wanted);
      return create(ListAccountRevisionsResponseSchema, {
        revisions: page.items,
        nextPageToken: nextPageToken(ListAccountRevisionsRequestSchema, request, page),
      });
    },

    async listTimeline(request: ListTimelineRequest): Promise<ListTimelineResponse> {
      const page = await store.listTimeline(timelineOf(request), pageRequest(ListTimelineRequestSchema, request));
      return create(ListTimelineResponseSchema, {
        entries: page.items.map(entryMessage),
        nextPageToken: nextPageToken(ListTimelineRequestSchema, request, page),
      });
    },

    async listMessages(request: ListMessagesRequest): Promise<ListMessagesResponse> {
      const page = await store.listMessages(request.appId, request.accountId, pageRequest(ListMessagesRequestSchema, request));
      return create(ListMessagesResponseSchema, {
        messages: page.items,
        nextPageToken: nextPageToken(ListMessagesRequestSchema, request, page),
      });
    },
  };
}

function filterOf(request: ListAccountsRequest): AccountFilter {
  const filter: AccountFilter = {};
  if (request.appId !== 0) filter.appId = request.appId;
  if (request.owner !== "") filter.owner = request.owner;
  if (request.state !== AccountState.UNSPECIFIED) filter.state = request.state;
  if (request.namePrefix !== "") filter.namePrefix = request.namePrefix;
  if (request.normalizedName !== "") filter.normalizedName = normalize(request.normalizedName);
  if (request.lastEventStartTime !== undefined) filter.lastEventFromMs = msAtOrAfter(request.lastEventStartTime);
  if (request.lastEventEndTime !== undefined) filter.lastEventBeforeMs = msAtOrAfter(request.lastEventEndTime);
  return filter;
}

/** The first millisecond at or after a time: what is at or after the one, or before it, is so of the other, for times in whole milliseconds. */
function msAtOrAfter({ seconds, nanos }: Timestamp): number {
  return Number(seconds) * 1000 + Math.ceil(nanos / 1_000_000);
}

function timelineOf({ appId, of }: ListTimelineRequest): TimelineFilter {
  switch (of.case) {
    case "accountId":
      return { appId, accountId: of.value };
    case "owner":
      return { appId, owner: of.value };
    case "user":
      return { appId, user: of.value };
    case undefined:
      throw new GatehouseError(
        ErrorReason.INVALID_REQUEST,
        "The request names neither an account, nor an owner, nor a user: set one of them.",
      );
  }
}

function entryMessage(entry: StoredTimelineEntry): TimelineEntry {
  return create(TimelineEntrySchema, {
    entry: entry.kind === "decision" ? { case: "decision", value: entry.decision } : { case: "event", value: entry.event },
  });
}

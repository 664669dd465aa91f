// AccountService over the store.
import { create } from "@bufbuild/protobuf";
import {
  AccountState,
  type GetAccountRequest,
  type GetAccountResponse,
  GetAccountResponseSchema,
  type ListAccountEventsRequest,
  ListAccountEventsRequestSchema,
  type ListAccountEventsResponse,
  ListAccountEventsResponseSchema,
  type ListAccountsRequest,
  ListAccountsRequestSchema,
  type ListAccountsResponse,
  ListAccountsResponseSchema,
} from "../../gen/gatehouse/v1/account_service_pb.ts";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";
import type { AccountFilter, Accounts, Events } from "../storage/storage.ts";
import { nextPageToken, pageRequest } from "./page-token.ts";

export function createAccountService({ store }: { store: Accounts & Events }) {
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
      const filter: AccountFilter = {};
      if (request.appId !== 0) filter.appId = request.appId;
      if (request.owner !== "") filter.owner = request.owner;
      if (request.state !== AccountState.UNSPECIFIED) filter.state = request.state;
      const page = await store.listAccounts(filter, pageRequest(ListAccountsRequestSchema, request));
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
  };
}

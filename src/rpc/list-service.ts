// ListService over the use cases.
import { create } from "@bufbuild/protobuf";
import {
  type AddEntriesRequest,
  type AddEntriesResponse,
  AddEntriesResponseSchema,
  type ListEntriesRequest,
  ListEntriesRequestSchema,
  type ListEntriesResponse,
  ListEntriesResponseSchema,
  type RemoveEntriesRequest,
  type RemoveEntriesResponse,
  RemoveEntriesResponseSchema,
} from "../../gen/gatehouse/v1/list_service_pb.ts";
import type { ListUseCases } from "../moderation/lists.ts";
import { nextPageToken, pageRequest } from "./page-token.ts";

export function createListService({ lists }: { lists: ListUseCases }) {
  return {
    async addEntries({ list, entries }: AddEntriesRequest): Promise<AddEntriesResponse> {
      return create(AddEntriesResponseSchema, { addedCount: await lists.add(list, entries) });
    },
    async removeEntries({ list, values }: RemoveEntriesRequest): Promise<RemoveEntriesResponse> {
      return create(RemoveEntriesResponseSchema, { removedCount: await lists.remove(list, values) });
    },
    async listEntries(request: ListEntriesRequest): Promise<ListEntriesResponse> {
      const page = await lists.entries(request.list, pageRequest(ListEntriesRequestSchema, request));
      return create(ListEntriesResponseSchema, {
        entries: page.items,
        nextPageToken: nextPageToken(ListEntriesRequestSchema, request, page),
      });
    },
  };
}

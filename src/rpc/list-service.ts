// ListService over the use cases.
import { create } from "@bufbuild/protobuf";
import {
  type AddEntriesRequest,
  type AddEntriesResponse,
  AddEntriesResponseSchema,
  type ExportEntriesRequest,
  type ExportEntriesResponse,
  ExportEntriesResponseSchema,
  type ImportEntriesRequest,
  type ImportEntriesResponse,
  ImportEntriesResponseSchema,
  type ListEditsRequest,
  ListEditsRequestSchema,
  type ListEditsResponse,
  ListEditsResponseSchema,
  type ListEntriesRequest,
  ListEntriesRequestSchema,
  type ListEntriesResponse,
  ListEntriesResponseSchema,
  type ListListsResponse,
  ListListsResponseSchema,
  type RemoveEntriesRequest,
  type RemoveEntriesResponse,
  RemoveEntriesResponseSchema,
} from "../../gen/gatehouse/v1/list_service_pb.ts";
import type { ListUseCases } from "../moderation/lists.ts";
import type { EntryFilter } from "../storage/storage.ts";
import { nextPageToken, pageRequest } from "./page-token.ts";

export function createListService({ lists }: { lists: ListUseCases }) {
  return {
    async addEntries({ list, entries, author }: AddEntriesRequest): Promise<AddEntriesResponse> {
      return create(AddEntriesResponseSchema, { addedCount: await lists.add(list, entries, author) });
    },

    async removeEntries({ list, values, author, reason }: RemoveEntriesRequest): Promise<RemoveEntriesResponse> {
      return create(RemoveEntriesResponseSchema, { removedCount: await lists.remove(list, values, { author, reason }) });
    },

    async listEntries(request: ListEntriesRequest): Promise<ListEntriesResponse> {
      const filter: EntryFilter = {};
      if (request.prefix !== "") filter.prefix = request.prefix;
      if (request.contains !== "") filter.contains = request.contains;
      const page = await lists.entries(request.list, filter, pageRequest(ListEntriesRequestSchema, request));
      return create(ListEntriesResponseSchema, {
        entries: page.items,
        nextPageToken: nextPageToken(ListEntriesRequestSchema, request, page),
      });
    },

    async listLists(): Promise<ListListsResponse> {
      return create(ListListsResponseSchema, { lists: await lists.lists() });
    },

    async listEdits(request: ListEditsRequest): Promise<ListEditsResponse> {
      const page = await lists.edits(request.list, request.value || undefined, pageRequest(ListEditsRequestSchema, request));
      return create(ListEditsResponseSchema, {
        edits: page.items,
        nextPageToken: nextPageToken(ListEditsRequestSchema, request, page),
      });
    },

    async importEntries(requests: AsyncIterable<ImportEntriesRequest>): Promise<ImportEntriesResponse> {
      const { received, added } = await lists.import(requests);
      return create(ImportEntriesResponseSchema, { receivedCount: BigInt(received), addedCount: BigInt(added) });
    },

    async *exportEntries({ list }: ExportEntriesRequest): AsyncIterable<ExportEntriesResponse> {
      for await (const entries of lists.export(list)) yield create(ExportEntriesResponseSchema, { entries });
    },
  };
}

// FeedService over the use case.
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type Change,
  ChangeKind,
  ChangeSchema,
  FeedStart,
  type ListChangesRequest,
  type ListChangesResponse,
  ListChangesResponseSchema,
  ListEditChangeSchema,
  type WatchChangesRequest,
  type WatchChangesResponse,
  WatchChangesResponseSchema,
} from "../../gen/gatehouse/v1/feed_service_pb.ts";
import type { FeedQuery, FeedUseCases } from "../moderation/feed.ts";
import type { FeedChange, FeedFilter } from "../storage/storage.ts";
import { activationMessage } from "./activation-message.ts";
import type { CallContext } from "./implementation.ts";
import { pageSize } from "./page-token.ts";

const kinds: Readonly<Record<ChangeKind, FeedChange["kind"] | undefined>> = {
  [ChangeKind.UNSPECIFIED]: undefined,
  [ChangeKind.DECISION]: "decision",
  [ChangeKind.EVENT]: "event",
  [ChangeKind.LIST_EDIT]: "listEdit",
  [ChangeKind.POLICY]: "activation",
  [ChangeKind.CASE]: "case",
};

export function createFeedService({ feed }: { feed: FeedUseCases }) {
  return {
    async *watchChanges(request: WatchChangesRequest, context: CallContext): AsyncIterable<WatchChangesResponse> {
      for await (const { change, cursor } of feed.watch(queryOf(request), context.signal)) {
        yield create(WatchChangesResponseSchema, change === undefined ? { cursor } : { cursor, change: messageOf(change, cursor) });
      }
    },

    async listChanges(request: ListChangesRequest): Promise<ListChangesResponse> {
      const { changes, cursor, hasMore } = await feed.list(queryOf(request), pageSize(request));
      return create(ListChangesResponseSchema, { changes: changes.map((found) => messageOf(found.change, found.cursor)), cursor, hasMore });
    },
  };
}

function queryOf({ cursor, start, filter }: WatchChangesRequest | ListChangesRequest): FeedQuery {
  const { appId = 0, accountId = "", kinds: asked = [] } = filter ?? {};
  const passing: FeedFilter = {};
  if (appId !== 0) passing.appId = appId;
  if (accountId !== "") passing.accountId = accountId;
  if (asked.length > 0) passing.kinds = new Set(asked.flatMap((kind) => kinds[kind] ?? []));
  return { cursor, start: start === FeedStart.NOW ? "now" : "beginning", filter: passing };
}

function messageOf(change: FeedChange, cursor: string): Change {
  return create(ChangeSchema, { cursor, changeTime: timestampFromMs(change.timeMs), change: contentOf(change) });
}

function contentOf(change: FeedChange): Change["change"] {
  switch (change.kind) {
    case "decision":
      return { case: "decision", value: change.decision };
    case "event":
      return { case: "event", value: change.event };
    case "case":
      return { case: "caseChange", value: change.case };
    case "listEdit":
      return { case: "listEdit", value: create(ListEditChangeSchema, { list: change.list, edit: change.edit }) };
    case "activation":
      return { case: "activation", value: activationMessage(change.activation) };
  }
}

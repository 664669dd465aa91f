// Edits and reads the lists that rules ask.
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { type ListEntry, ListEntrySchema } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { GatehouseError } from "../errors.ts";
import { didYouMean } from "../nearest.ts";
import type { ListEdited, Page, PageRequest, Store } from "../storage/storage.ts";

/** The lists; every method throws LIST_NOT_FOUND for a list that no policy has named. */
export interface ListUseCases {
  /** How many values were new. */
  add(list: string, entries: readonly ListEntry[]): Promise<number>;
  /** How many values were there. */
  remove(list: string, values: readonly string[]): Promise<number>;
  entries(list: string, page: PageRequest): Promise<Page<ListEntry>>;
}

export function createLists({ store, now }: { store: Store; now(): number }): ListUseCases {
  const edited = async (list: string, result: ListEdited): Promise<number> => {
    if (result.kind === "unknown_list") throw await notFound(list);
    return result.count;
  };
  const notFound = async (list: string): Promise<GatehouseError> => {
    const known = await store.listNames();
    const hint = didYouMean(list, known) || (known.length === 0 ? " There are none yet." : ` There are: ${known.join(", ")}.`);
    return new GatehouseError(
      ErrorReason.LIST_NOT_FOUND,
      `There is no list "${list}".${hint} Lists are made by naming them under "lists" in the policy.`,
      {
        metadata: { list, known: known.join(",") },
      },
    );
  };
  return {
    async add(list, entries) {
      const createTime = timestampFromMs(now());
      const stamped = entries.map(({ value, reason }) => create(ListEntrySchema, { value, reason, createTime }));
      return edited(list, await store.addEntries(list, stamped));
    },
    async remove(list, values) {
      return edited(list, await store.removeEntries(list, values));
    },
    async entries(list, page) {
      const found = await store.listEntries(list, page);
      if (found === undefined) throw await notFound(list);
      return found;
    },
  };
}

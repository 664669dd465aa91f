// The lists that rules ask, in SQLite.
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type ListEntry, ListEntrySchema } from "../../../gen/gatehouse/v1/list_service_pb.ts";
import { timeColumn } from "../message-json.ts";
import { formatEntryPosition, pageOf, parseEntryPosition } from "../page-positions.ts";
import type { ListEdited, Lists, Store, StoredFacts } from "../storage.ts";
import { createListMirror } from "./list-mirror.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

interface EntryRow {
  value: string;
  reason: string;
  create_time: number;
}

const inListOnDisk = "SELECT 1 FROM list_entries WHERE list_id = (SELECT list_id FROM lists WHERE name = ?) AND value = ?";

/** Creates the lists over the two sides of the store, and the facts that rules ask of them. */
export function createLists(reader: Reader, writer: Writer): Lists & Pick<Store, "withFacts"> {
  const mirror = createListMirror((list, limit) =>
    reader
      .all<{ value: string }>(
        "SELECT value FROM list_entries WHERE list_id = (SELECT list_id FROM lists WHERE name = ?) LIMIT ?",
        list,
        limit,
      )
      .map(({ value }) => value),
  );

  function askDisk(list: string, value: string): boolean {
    return reader.get(inListOnDisk, list, value) !== undefined;
  }

  const factsOnDisk: StoredFacts = { inList: askDisk };
  // While no edit is under way the lists on disk do not change either, so that memory and disk are of one moment.
  const settledFacts: StoredFacts = { inList: (list, value) => mirror.has(list, value) ?? askDisk(list, value) };

  return {
    withFacts(ask) {
      reader.assertOpen();
      return mirror.isSettled() ? ask(settledFacts) : reader.snapshot(() => ask(factsOnDisk));
    },

    async addEntries(list, entries) {
      const lastByValue = new Map(entries.map((entry) => [entry.value, entry]));
      const rows = [...lastByValue.values()].map(({ value, reason, createTime }) => [value, reason, timeColumn(createTime)]);
      const count = await mirror.edit(
        list,
        () => writer.write(["addEntries", list, JSON.stringify(rows)]),
        (values) => {
          for (const value of lastByValue.keys()) values.add(value);
        },
      );
      return editedOf(count);
    },

    async removeEntries(list, removed) {
      const count = await mirror.edit(
        list,
        () => writer.write(["removeEntries", list, JSON.stringify(removed)]),
        (values) => {
          for (const value of removed) values.delete(value);
        },
      );
      return editedOf(count);
    },

    async listEntries(list, page) {
      const after = page.after === undefined ? undefined : parseEntryPosition(page.after);
      const listId = reader.get<{ list_id: number }>("SELECT list_id FROM lists WHERE name = ?", list)?.list_id;
      if (listId === undefined) return undefined;
      const select = "SELECT value, reason, create_time FROM list_entries WHERE list_id = ?";
      const rows =
        after === undefined
          ? reader.all<EntryRow>(`${select} ORDER BY value LIMIT ?`, listId, page.size + 1)
          : reader.all<EntryRow>(`${select} AND value > ? ORDER BY value LIMIT ?`, listId, after, page.size + 1);
      return pageOf(rows, page.size, entryOf, (row) => formatEntryPosition(row.value));
    },

    async listNames() {
      return reader.all<{ name: string }>("SELECT name FROM lists ORDER BY name").map(({ name }) => name);
    },
  };
}

function editedOf(count: number): ListEdited {
  return count < 0 ? { kind: "unknown_list" } : { kind: "edited", count };
}

function entryOf(row: EntryRow): ListEntry {
  return create(ListEntrySchema, { value: row.value, reason: row.reason, createTime: timestampFromMs(row.create_time) });
}

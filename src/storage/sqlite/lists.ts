import type { ListEntry } from "../../../gen/gatehouse/v1/list_service_pb.ts";
import { type EditRow, type EntryRow, editOf, entryOf, type ListRow, listOf, selectEdit } from "../list-rows.ts";
import { timeColumn } from "../message-json.ts";
import { formatEntryPosition, pageOf, parseEntryPosition, parseLogPosition } from "../page-positions.ts";
import { prefixEnd } from "../prefix-end.ts";
import type { EntryFilter, ListEdited, Lists } from "../storage.ts";
import type { KnownLists } from "./known-lists.ts";
import { nextTurn } from "./next-turn.ts";
import type { Reader, SqlValue } from "./reader.ts";
import type { Writer } from "./writer.ts";
import type { EntryValues } from "./writes.ts";

/** How many entries one statement of a search goes through: some milliseconds. */
const entriesPerPart = 5000;

/** Creates the lists over the two sides of the store. */
export function createLists(reader: Reader, writer: Writer, known: KnownLists): Lists {
  function findListId(list: string): number | undefined {
    return reader.get<{ list_id: number }>("SELECT list_id FROM lists WHERE name = ?", list)?.list_id;
  }

  return {
    async addEntries(list, entries) {
      const lastByValue = new Map(entries.map((entry) => [entry.value, valuesOf(entry)]));
      const added = [...lastByValue.values()];
      const count = await writer.write(["addEntries", list, JSON.stringify(added)], (result) => known.settleAdding(list, added, result));
      return editedOf(count);
    },

    async removeEntries(list, removed, { author, reason, timeMs }) {
      const count = await writer.write(["removeEntries", list, JSON.stringify(removed), author, reason, timeMs], (result) =>
        known.settleRemoving(list, removed, result),
      );
      return editedOf(count);
    },

    async listEntries(list, filter, page) {
      const after = page.after === undefined ? undefined : parseEntryPosition(page.after, filter.prefix);
      const listId = findListId(list);
      if (listId === undefined) return undefined;
      const rows = await searchEntries(reader, listId, filter, after, page.size + 1);
      return pageOf(rows, page.size, entryOf, (row) => formatEntryPosition(row.value));
    },

    async listEdits(list, value, page) {
      const before = page.after === undefined ? Number.MAX_SAFE_INTEGER : parseLogPosition(page.after);
      const listId = findListId(list);
      if (listId === undefined) return undefined;
      const select = `${selectEdit} WHERE list_id = ? AND seq < ?`;
      const end = "ORDER BY seq DESC LIMIT ?";
      const rows =
        value === undefined
          ? reader.all<EditRow>(`${select} ${end}`, listId, before, page.size + 1)
          : reader.all<EditRow>(`${select} AND value = ? ${end}`, listId, before, value, page.size + 1);
      return pageOf(rows, page.size, editOf, (row) => String(row.seq));
    },

    async listLists() {
      const rows = reader.all<ListRow>("SELECT name, kind, entry_count FROM lists ORDER BY name");
      return rows.map(listOf);
    },
  };
}

/** Up to `limit` entries after a value, in their order. Goes through long lists in parts, between which others have their turn. */
async function searchEntries(
  reader: Reader,
  listId: number,
  { prefix = "", contains = "" }: EntryFilter,
  after: string | undefined,
  limit: number,
): Promise<EntryRow[]> {
  const first: Bound = after === undefined ? ["value >= ?", prefix] : ["value > ?", after];
  const end = prefixEnd(prefix);
  const last: Bound | undefined = end === undefined ? undefined : ["value < ?", end];
  if (contains === "") return readRange(reader, listId, { first, last }, limit);

  const found: EntryRow[] = [];
  for (let from = first; ; await nextTurn()) {
    const partEnd = readRange(reader, listId, { first: from, last }, 1, entriesPerPart - 1)[0]?.value;
    const to: Bound | undefined = partEnd === undefined ? last : ["value <= ?", partEnd];
    found.push(...readRange(reader, listId, { first: from, last: to, contains }, limit - found.length));
    if (partEnd === undefined || found.length === limit) return found;
    from = ["value > ?", partEnd];
  }
}

/** A condition on the value, with the value it compares with. */
type Bound = [condition: string, value: string];

function readRange(
  reader: Reader,
  listId: number,
  { first, last, contains }: { first: Bound; last: Bound | undefined; contains?: string },
  limit: number,
  offset = 0,
): EntryRow[] {
  const bounds = last === undefined ? [first] : [first, last];
  const conditions = bounds.map(([condition]) => condition);
  const values: SqlValue[] = bounds.map(([, value]) => value);
  if (contains !== undefined) {
    conditions.push("(instr(value, ?) OR instr(reason, ?) OR instr(author, ?) OR instr(source, ?))");
    values.push(contains, contains, contains, contains);
  }
  const sql = `SELECT value, reason, author, source, expire_time, create_time FROM list_entries
    WHERE list_id = ? AND ${conditions.join(" AND ")} ORDER BY value LIMIT ? OFFSET ?`;
  return reader.all<EntryRow>(sql, listId, ...values, limit, offset);
}

function valuesOf({ value, reason, author, source, expireTime, createTime }: ListEntry): EntryValues {
  return [value, reason, author, source, timeColumn(expireTime), timeColumn(createTime) ?? 0];
}

function editedOf(count: number): ListEdited {
  return count < 0 ? { kind: "unknown_list" } : { kind: "edited", count };
}

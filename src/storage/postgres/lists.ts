// The lists that rules ask, in PostgreSQL.
import { ListChange } from "../../../gen/gatehouse/v1/list_service_pb.ts";
import { type EditRow, type EntryRow, editOf, entryOf, type ListRow, listOf, selectEdit } from "../list-rows.ts";
import { timeColumn } from "../message-json.ts";
import { formatEntryPosition, pageOf, parseEntryPosition, parseLogPosition } from "../page-positions.ts";
import { prefixEnd } from "../prefix-end.ts";
import type { Lists } from "../storage.ts";
import { toStoredJson } from "../stored-text.ts";
import type { Reader, SqlValue } from "./connections.ts";
import type { HeadTransaction, RunWithHead } from "./head-transactions.ts";

/** Writes entries; only those that are new or others are returned. */
const saveEntries = `INSERT INTO list_entries AS e (list_id, value, reason, author, source, expire_time, create_time)
    SELECT ?::bigint, value, reason, author, source, expire_time, create_time
    FROM jsonb_to_recordset(?::jsonb) AS r(value text, reason text, author text, source text, expire_time bigint, create_time bigint)
  ON CONFLICT (list_id, value) DO UPDATE SET reason = excluded.reason, author = excluded.author, source = excluded.source,
      expire_time = excluded.expire_time
    WHERE (e.reason, e.author, e.source, e.expire_time) IS DISTINCT FROM (excluded.reason, excluded.author, excluded.source, excluded.expire_time)
  RETURNING value, xmax = 0 AS is_new`;

const saveEdits = `INSERT INTO list_edits (seq, list_id, value, change, author, reason, source, expire_time, edit_time)
  SELECT seq, list_id, value, change, author, reason, source, expire_time, edit_time
  FROM jsonb_to_recordset(?::jsonb) AS r(seq bigint, list_id bigint, value text, change integer, author text, reason text, source text,
    expire_time bigint, edit_time bigint)`;

interface Edit {
  value: string;
  change: ListChange;
  author: string;
  reason: string;
  source: string;
  expire_time: number | null;
  edit_time: number;
}

/** Creates the lists. */
export function createLists(reader: Reader, runWithHead: RunWithHead): Lists {
  async function findListId(list: string): Promise<number | undefined> {
    return (await reader.get<{ list_id: number }>("SELECT list_id FROM lists WHERE name = ?", list))?.list_id;
  }

  /** Leaves the edits, and counts what is new. */
  async function leaveEdits(transaction: HeadTransaction, listId: number, edits: readonly Edit[], more: number): Promise<void> {
    if (edits.length === 0) return;
    const rows = edits.map((edit) => ({ seq: transaction.nextSeq(), list_id: listId, ...edit }));
    await transaction.run(saveEdits, toStoredJson(rows));
    await transaction.run(
      "UPDATE lists SET entry_count = entry_count + ?, version = ? WHERE list_id = ?",
      ...[more, rows.at(-1)?.seq ?? 0, listId],
    );
  }

  return {
    addEntries(list, entries) {
      const rows = [...new Map(entries.map((entry) => [entry.value, entry])).values()].map((entry) => {
        const { value, reason, author, source, expireTime, createTime } = entry;
        return { value, reason, author, source, expire_time: timeColumn(expireTime), create_time: timeColumn(createTime) ?? 0 };
      });
      return runWithHead(async (transaction) => {
        const found = await transaction.get<{ list_id: number }>("SELECT list_id FROM lists WHERE name = ?", list);
        if (found === undefined) return { kind: "unknown_list" };
        const saved = await transaction.all<{ value: string; is_new: boolean }>(saveEntries, found.list_id, toStoredJson(rows));
        const isNew = new Map(saved.map((row) => [row.value, row.is_new]));
        const edits = rows.flatMap(({ create_time: edit_time, ...row }) => {
          const saved = isNew.get(row.value);
          return saved === undefined ? [] : [{ ...row, change: saved ? ListChange.ADDED : ListChange.CHANGED, edit_time }];
        });
        const count = saved.filter(({ is_new }) => is_new).length;
        await leaveEdits(transaction, found.list_id, edits, count);
        return { kind: "edited", count };
      });
    },

    removeEntries(list, values, { author, reason, timeMs }) {
      return runWithHead(async (transaction) => {
        const found = await transaction.get<{ list_id: number }>("SELECT list_id FROM lists WHERE name = ?", list);
        if (found === undefined) return { kind: "unknown_list" };
        const rows = await transaction.all<{ value: string }>(
          "DELETE FROM list_entries WHERE list_id = ? AND value IN (SELECT jsonb_array_elements_text(?::jsonb)) RETURNING value",
          found.list_id,
          toStoredJson(values),
        );
        const removed = new Set(rows.map(({ value }) => value));
        const edits = [...new Set(values)].filter((value) => removed.has(value));
        const what = { change: ListChange.REMOVED, author, reason, source: "", expire_time: null, edit_time: timeMs };
        await leaveEdits(
          transaction,
          found.list_id,
          edits.map((value) => ({ value, ...what })),
          -edits.length,
        );
        return { kind: "edited", count: edits.length };
      });
    },

    async listEntries(list, { prefix = "", contains = "" }, page) {
      const after = page.after === undefined ? undefined : parseEntryPosition(page.after, prefix);
      const listId = await findListId(list);
      if (listId === undefined) return undefined;
      const conditions = ["list_id = ?", after === undefined ? "value >= ?" : "value > ?"];
      const values: SqlValue[] = [listId, after ?? prefix];
      const end = prefixEnd(prefix);
      if (end !== undefined) {
        conditions.push("value < ?");
        values.push(end);
      }
      if (contains !== "") {
        conditions.push("(strpos(value, ?) > 0 OR strpos(reason, ?) > 0 OR strpos(author, ?) > 0 OR strpos(source, ?) > 0)");
        values.push(contains, contains, contains, contains);
      }
      const rows = await reader.all<EntryRow>(
        `SELECT value, reason, author, source, expire_time, create_time FROM list_entries
          WHERE ${conditions.join(" AND ")} ORDER BY value LIMIT ?`,
        ...values,
        page.size + 1,
      );
      return pageOf(rows, page.size, entryOf, (row) => formatEntryPosition(row.value));
    },

    async listEdits(list, value, page) {
      const before = page.after === undefined ? Number.MAX_SAFE_INTEGER : parseLogPosition(page.after);
      const listId = await findListId(list);
      if (listId === undefined) return undefined;
      const select = `${selectEdit} WHERE list_id = ? AND seq < ?`;
      const end = "ORDER BY seq DESC LIMIT ?";
      const rows =
        value === undefined
          ? await reader.all<EditRow>(`${select} ${end}`, listId, before, page.size + 1)
          : await reader.all<EditRow>(`${select} AND value = ? ${end}`, listId, before, value, page.size + 1);
      return pageOf(rows, page.size, editOf, (row) => String(row.seq));
    },

    async listLists() {
      return (await reader.all<ListRow>("SELECT name, kind, entry_count FROM lists ORDER BY name")).map(listOf);
    },
  };
}

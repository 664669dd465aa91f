// Entries and edits of lists as rows of the tables `list_entries` and `list_edits`.
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type List,
  type ListChange,
  type ListEdit,
  ListEditSchema,
  type ListEntry,
  ListEntrySchema,
  type ListKind,
  ListSchema,
} from "../../gen/gatehouse/v1/list_service_pb.ts";

/** A row of `list_entries`, without its list. */
export interface EntryRow {
  value: string;
  reason: string;
  author: string;
  source: string;
  expire_time: number | null;
  create_time: number;
}

/** A row as `selectEdit` reads it. */
export interface EditRow {
  seq: number;
  list: string;
  value: string;
  change: ListChange;
  author: string;
  reason: string;
  source: string;
  expire_time: number | null;
  edit_time: number;
}

/** A row of `lists`, without its id. */
export interface ListRow {
  name: string;
  kind: ListKind;
  entry_count: number;
}

/** Reads whole rows; a WHERE may follow. */
export const selectEdit = `SELECT seq, (SELECT name FROM lists WHERE lists.list_id = list_edits.list_id) AS list,
    value, change, author, reason, source, expire_time, edit_time
  FROM list_edits`;

/** The entry of a row. */
export function entryOf({ value, reason, author, source, expire_time, create_time }: EntryRow): ListEntry {
  const entry = create(ListEntrySchema, { value, reason, author, source, createTime: timestampFromMs(create_time) });
  if (expire_time !== null) entry.expireTime = timestampFromMs(expire_time);
  return entry;
}

/** The edit of a row. */
export function editOf({ value, change, author, reason, source, expire_time, edit_time }: EditRow): ListEdit {
  const edit = create(ListEditSchema, { value, change, author, reason, source, editTime: timestampFromMs(edit_time) });
  if (expire_time !== null) edit.expireTime = timestampFromMs(expire_time);
  return edit;
}

/** The list of a row. */
export function listOf({ name, kind, entry_count }: ListRow): List {
  return create(ListSchema, { list: name, kind, entryCount: BigInt(entry_count) });
}

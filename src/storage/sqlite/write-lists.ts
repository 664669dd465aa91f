// How lists are edited. Runs in the writer thread, inside the transaction of a batch.
import type { Database } from "better-sqlite3";
import type { ListChange } from "../../../gen/gatehouse/v1/list_service_pb.ts";
import type { Sequence } from "./sequence.ts";
import type { EntryValues, WriteOperations } from "./writes.ts";

/** What is done to a value; this module loads no generated code, so that the writer thread can start quickly. */
const added: typeof ListChange.ADDED = 1;
const changed: typeof ListChange.CHANGED = 2;
const removed: typeof ListChange.REMOVED = 3;

/** Prepares the edits of lists. */
export function listOperations(db: Database, sequence: Sequence): Pick<WriteOperations, "addEntries" | "removeEntries"> {
  const findList = db.prepare("SELECT list_id FROM lists WHERE name = ?").pluck();
  const countEntries = db.prepare("UPDATE lists SET entry_count = entry_count + ? WHERE list_id = ?");
  const insert = db.prepare(
    `INSERT INTO list_entries (list_id, value, reason, author, source, expire_time, create_time)
     VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  );
  const change = db.prepare(
    `UPDATE list_entries SET reason = ?, author = ?, source = ?, expire_time = ?
     WHERE list_id = ? AND value = ? AND (reason, author, source, expire_time) IS NOT (?, ?, ?, ?)`,
  );
  const remove = db.prepare("DELETE FROM list_entries WHERE list_id = ? AND value = ?");
  const insertEdit = db.prepare(
    `INSERT INTO list_edits (seq, list_id, value, change, author, reason, source, expire_time, edit_time)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );

  function leaveEdit(listId: number, value: string, ...what: (string | number | null)[]): void {
    const seq = sequence.next();
    insertEdit.run(seq, listId, value, ...what);
    sequence.use(seq);
  }

  return {
    addEntries(list, entries) {
      const listId = findList.get(list) as number | undefined;
      if (listId === undefined) return -1;
      let count = 0;
      for (const [value, reason, author, source, expireMs, createMs] of JSON.parse(entries) as EntryValues[]) {
        const isNew = insert.run(listId, value, reason, author, source, expireMs, createMs).changes === 1;
        if (isNew) count += 1;
        else if (change.run(reason, author, source, expireMs, listId, value, reason, author, source, expireMs).changes === 0) continue;
        leaveEdit(listId, value, isNew ? added : changed, author, reason, source, expireMs, createMs);
      }
      if (count > 0) countEntries.run(count, listId);
      return count;
    },
    removeEntries(list, values, author, reason, timeMs) {
      const listId = findList.get(list) as number | undefined;
      if (listId === undefined) return -1;
      let count = 0;
      for (const value of JSON.parse(values) as string[]) {
        if (remove.run(listId, value).changes === 0) continue;
        count += 1;
        leaveEdit(listId, value, removed, author, reason, "", null, timeMs);
      }
      if (count > 0) countEntries.run(-count, listId);
      return count;
    },
  };
}

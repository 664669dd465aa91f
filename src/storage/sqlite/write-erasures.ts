// How users are erased: a walk over every table in which ids of users stand, with a place on disk. Runs in the writer thread, inside the
// transaction of a batch.
import type { Database } from "better-sqlite3";
import { createReplaceUser, type ReplaceUser, replacedIn } from "../replace-user.ts";
import { type TableContent, type TextContent, tableContents } from "./table-contents.ts";
import type { UserSegments } from "./write-user-segments.ts";
import type { WriteOperations } from "./writes.ts";

/** How long one write goes on erasing. The writes beside it wait for so long, and for the commit. */
const maxBusyMs = 8;

/** How many rows one statement looks through. */
const rowsPerWindow = 200;

interface ErasureRow {
  erasure_seq: number;
  app_id: number;
  user: string;
  pseudonym: string;
  is_preview: number;
  with_lists: number;
  place: string;
  place_key: string | null;
  found: string;
}

/** The values of a primary key. */
type Key = (string | number | Buffer)[];

/** How far an erasure is. */
interface Progress {
  place: string;
  /** Up to which row of that table; undefined at its beginning. */
  key: Key | undefined;
  found: Record<string, number>;
  /** The first and the last sequence number of the decisions and events that this write has changed; undefined while it has changed none. */
  changed: { from: number; to: number } | undefined;
}

/** Prepares erasures. */
export function erasureOperations(
  db: Database,
  userSegments: Pick<UserSegments, "renew">,
): Pick<WriteOperations, "beginErasure" | "continueErasure"> {
  const findSame = db
    .prepare("SELECT erasure_seq FROM erasures WHERE end_time IS NULL AND app_id = ? AND user = ? AND is_preview = ? AND with_lists = ?")
    .pluck();
  const insert = db.prepare(
    `INSERT INTO erasures (app_id, user, pseudonym, is_preview, with_lists, begin_time, place, found) VALUES (?, ?, ?, ?, ?, ?, '', '{}')`,
  );
  const findEarliest = db.prepare("SELECT * FROM erasures WHERE end_time IS NULL ORDER BY erasure_seq LIMIT 1");
  const save = db.prepare("UPDATE erasures SET place = ?, place_key = ?, found = ? WHERE erasure_seq = ?");
  const end = db.prepare("UPDATE erasures SET user = NULL, place = '', place_key = NULL, end_time = ?, found = ? WHERE erasure_seq = ?");
  const walks = tableWalks(db);

  /** Goes on until the time is over. Results in whether the end was reached. */
  function advance(erasure: ErasureRow, progress: Progress): boolean {
    const startMs = performance.now();
    const isOver = () => performance.now() - startMs >= maxBusyMs;
    const replace = createReplaceUser(erasure.user, erasure.pseudonym);
    const places = walks.filter(({ columns }) => columnsToVisit(columns, erasure).length > 0);
    let index = Math.max(
      places.findIndex(({ table }) => table === progress.place),
      0,
    );
    while (index < places.length) {
      const walk = places[index];
      if (walk === undefined) return true;
      if (progress.place !== walk.table) Object.assign(progress, { place: walk.table, key: undefined });
      if (!walk.run(erasure, replace, progress, isOver)) return false;
      index += 1;
      if (isOver()) {
        Object.assign(progress, { place: places[index]?.table ?? "", key: undefined });
        return index === places.length;
      }
    }
    return true;
  }

  return {
    beginErasure(appId, user, pseudonym, isPreview, withLists, beginTimeMs) {
      const same = findSame.get(appId, user, isPreview, withLists) as number | undefined;
      return same ?? Number(insert.run(appId, user, pseudonym, isPreview, withLists, beginTimeMs).lastInsertRowid);
    },

    continueErasure(nowMs) {
      const erasure = findEarliest.get() as ErasureRow | undefined;
      if (erasure === undefined) return -1;
      const { erasure_seq: seq, place, place_key: key } = erasure;
      const progress: Progress = {
        place,
        key: key === null ? undefined : decodeKey(key),
        found: JSON.parse(erasure.found),
        changed: undefined,
      };
      // What is replaced is overwritten in the file, and not only let go of.
      const before = db.pragma("secure_delete", { simple: true });
      db.pragma("secure_delete = ON");
      try {
        const isAtEnd = advance(erasure, progress);
        if (progress.changed !== undefined) userSegments.renew(progress.changed.from, progress.changed.to);
        const found = JSON.stringify(progress.found);
        if (isAtEnd) end.run(nowMs, found, seq);
        else save.run(progress.place, progress.key === undefined ? null : JSON.stringify(progress.key), found, seq);
        return isAtEnd ? seq : 0;
      } finally {
        db.pragma(`secure_delete = ${Number(before)}`);
      }
    },
  };
}

/** The walk over one table. */
interface TableWalk {
  table: string;
  columns: Column[];
  /** Goes on after the key of `progress`, which it moves. Results in whether the table's end was reached. */
  run(erasure: ErasureRow, replace: ReplaceUser, progress: Progress, isOver: () => boolean): boolean;
}

interface Column {
  name: string;
  content: TextContent;
}

function tableWalks(db: Database): TableWalk[] {
  return Object.entries(tableContents).map(([table, content]) => {
    const columns = Object.entries(content.texts)
      .map(([name, text]) => ({ name, content: text }))
      .filter((column) => column.content !== "other");
    return { table, columns, run: prepareWalk(db, table, content, columns) };
  });
}

function columnsToVisit(columns: readonly Column[], { with_lists }: Pick<ErasureRow, "with_lists">): Column[] {
  return columns.filter(({ content }) => content !== "listText" || with_lists === 1);
}

function prepareWalk(db: Database, table: string, { key, app }: TableContent, columns: readonly Column[]): TableWalk["run"] {
  const statement = createStatements(db);
  const keyColumns = key.join(", ");
  const keyValues = key.map(() => "?").join(", ");
  const after = `(${keyColumns}) > (${keyValues})`;
  const isLog = table === "decisions" || table === "events";

  /** The last key of the next window; undefined when the rest of the table is no more than one. */
  function windowEnd(from: Key | undefined): Key | undefined {
    const where = from === undefined ? "" : `WHERE ${after}`;
    const sql = `SELECT ${keyColumns} FROM ${table} ${where} ORDER BY ${keyColumns} LIMIT 1 OFFSET ${rowsPerWindow - 1}`;
    return statement(sql)
      .raw()
      .get(...(from ?? [])) as Key | undefined;
  }

  /** The rows of a window that have the id in them: the key, and what stands in the columns. */
  function rowsWith({ user, app_id: appId }: ErasureRow, visited: readonly Column[], from: Key | undefined, to: Key | undefined) {
    const conditions = [
      ...(from === undefined ? [] : [after]),
      ...(to === undefined ? [] : [`(${keyColumns}) <= (${keyValues})`]),
      `(${visited.map(conditionOf).join(" OR ")})`,
      ...(appId === 0 || app === undefined ? [] : [`coalesce(${app}, ?) = ?`]),
    ];
    const needles = visited.map(({ content }) => (content === "json" ? JSON.stringify(user).slice(1, -1) : user));
    const apps = appId === 0 || app === undefined ? [] : [appId, appId];
    const sql = `SELECT ${keyColumns}, ${visited.map(({ name }) => name).join(", ")} FROM ${table}
      WHERE ${conditions.join(" AND ")} ORDER BY ${keyColumns}`;
    const rows = statement(sql)
      .raw()
      .all(...(from ?? []), ...(to ?? []), ...needles, ...apps) as (string | number | Buffer | null)[][];
    return rows.map((row) => ({ key: row.slice(0, key.length) as Key, texts: row.slice(key.length) as (string | null)[] }));
  }

  return (erasure, replace, progress, isOver) => {
    const visited = columnsToVisit(columns, erasure);
    const update = `UPDATE ${table} SET ${visited.map(({ name }) => `${name} = ?`).join(", ")} WHERE (${keyColumns}) = (${keyValues})`;
    while (!isOver()) {
      const to = windowEnd(progress.key);
      for (const row of rowsWith(erasure, visited, progress.key, to)) {
        if (isOver()) return false;
        const texts = row.texts.map((text, index) => (text === null ? null : replacedIn(text, visited[index]?.content, replace)));
        progress.key = row.key;
        if (texts.every((text, index) => text === row.texts[index])) continue;
        if (erasure.is_preview === 0) {
          statement(update).run(...texts, ...row.key);
          if (isLog) noteChanged(progress, row.key[0] as number);
        }
        progress.found[table] = (progress.found[table] ?? 0) + 1;
      }
      if (to === undefined) return true;
      progress.key = to;
    }
    return false;
  };
}

function noteChanged(progress: Progress, seq: number): void {
  const { from, to } = progress.changed ?? { from: seq, to: seq };
  progress.changed = { from: Math.min(from, seq), to: Math.max(to, seq) };
}

function conditionOf({ name, content }: Column): string {
  return content === "user" ? `${name} = ?` : `instr(${name}, ?)`;
}

/** Statements by their text, of which there are few. */
function createStatements(db: Database) {
  const known = new Map<string, ReturnType<Database["prepare"]>>();
  return (sql: string) => {
    const statement = known.get(sql) ?? db.prepare(sql);
    known.set(sql, statement);
    return statement;
  };
}

/** A key from its JSON, in which bytes are as Buffer writes them. */
function decodeKey(json: string): Key {
  return (JSON.parse(json) as (string | number | { data: number[] })[]).map((value) =>
    typeof value === "object" ? Buffer.from(value.data) : value,
  );
}

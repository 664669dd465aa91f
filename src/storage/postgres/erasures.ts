// Erasures of users in PostgreSQL: a walk over every table in which ids of users stand, with a place in the database.
import { type ErasureRow, erasureOf, selectErasure } from "../erasure-rows.ts";
import { createReplaceUser, type ReplaceUser, replacedIn } from "../replace-user.ts";
import { formatSequenceId, parseSequenceId } from "../sequence-ids.ts";
import type { Erasures } from "../storage.ts";
import type { Connection, Reader, SqlValue } from "./connections.ts";
import type { RunWithHead } from "./head-transactions.ts";
import { type TableTexts, type TextContent, tableTexts } from "./table-texts.ts";

/** How long one transaction goes on erasing. Other writes wait for so long, and for the commit. */
const maxBusyMs = 12;

/** How many rows one statement looks through. */
const rowsPerWindow = 200;

interface UnendedRow extends ErasureRow {
  user: string;
  with_lists: number;
  place_key: string | null;
}

/** The values of a primary key. */
type Key = (string | number | Buffer)[];

/** How far an erasure is. */
interface Progress {
  place: string;
  /** Up to which row of that table; undefined at its beginning. */
  key: Key | undefined;
  found: Record<string, number>;
}

/** Creates the erasures. */
export function createErasures(reader: Reader, runWithHead: RunWithHead): Erasures {
  return {
    beginErasure({ appId, user, pseudonym, isPreview, withLists, beginTimeMs }) {
      return runWithHead(async (transaction) => {
        const row = [appId, user, Number(isPreview), Number(withLists)];
        const same = await transaction.get<{ erasure_seq: number }>(
          `SELECT erasure_seq FROM erasures WHERE end_time IS NULL AND app_id = ? AND "user" = ? AND is_preview = ? AND with_lists = ?`,
          ...row,
        );
        const begun = await (same ??
          transaction.get<{ erasure_seq: number }>(
            `INSERT INTO erasures (app_id, "user", is_preview, with_lists, pseudonym, begin_time, place, found)
               VALUES (?, ?, ?, ?, ?, ?, '', '{}') RETURNING erasure_seq`,
            ...[...row, pseudonym, beginTimeMs],
          ));
        return formatSequenceId("era", begun?.erasure_seq ?? 0);
      });
    },

    continueErasure(nowMs) {
      return runWithHead(async (transaction) => {
        const sql = "SELECT * FROM erasures WHERE end_time IS NULL ORDER BY erasure_seq LIMIT 1";
        const erasure = await transaction.get<UnendedRow>(sql);
        if (erasure === undefined) return { kind: "none" };
        const { erasure_seq: seq, place, place_key: key } = erasure;
        const progress: Progress = { place, key: key === null ? undefined : decodeKey(key), found: JSON.parse(erasure.found) };
        const isAtEnd = await advance(transaction, erasure, progress);
        const found = JSON.stringify(progress.found);
        if (isAtEnd) {
          const end = `UPDATE erasures SET "user" = NULL, place = '', place_key = NULL, end_time = ?, found = ? WHERE erasure_seq = ?`;
          await transaction.run(end, nowMs, found, seq);
          return { kind: "ended", erasureId: formatSequenceId("era", seq) };
        }
        const save = "UPDATE erasures SET place = ?, place_key = ?, found = ? WHERE erasure_seq = ?";
        await transaction.run(save, progress.place, progress.key === undefined ? null : JSON.stringify(progress.key), found, seq);
        return { kind: "more" };
      });
    },

    async getErasure(erasureId) {
      const row = await reader.get<ErasureRow>(selectErasure, parseSequenceId("era", erasureId) ?? 0);
      return row && erasureOf(row);
    },
  };
}

/** Goes on until the time is over. Results in whether the end was reached. */
async function advance(connection: Connection, erasure: UnendedRow, progress: Progress): Promise<boolean> {
  const startMs = performance.now();
  const isOver = () => performance.now() - startMs >= maxBusyMs;
  const replace = createReplaceUser(erasure.user, erasure.pseudonym);
  const places = Object.entries(tableTexts).filter(([, content]) => columnsToVisit(content, erasure).length > 0);
  const begin = Math.max(
    places.findIndex(([table]) => table === progress.place),
    0,
  );
  for (const [table, content] of places.slice(begin)) {
    // The table of the place is gone on with, every other begun.
    if (progress.place !== table) Object.assign(progress, { place: table, key: undefined });
    if (!(await walkTable(connection, table, content, erasure, replace, progress, isOver))) return false;
  }
  return true;
}

interface Column {
  name: string;
  content: TextContent;
}

function columnsToVisit({ texts }: TableTexts, { with_lists }: Pick<UnendedRow, "with_lists">): Column[] {
  return Object.entries(texts)
    .map(([name, content]) => ({ name, content }))
    .filter(({ content }) => content !== "listText" || with_lists === 1);
}

/** Goes on after the key of `progress`, which it moves. Results in whether the table's end was reached. */
async function walkTable(
  connection: Connection,
  table: string,
  content: TableTexts,
  erasure: UnendedRow,
  replace: ReplaceUser,
  progress: Progress,
  isOver: () => boolean,
): Promise<boolean> {
  const visited = columnsToVisit(content, erasure);
  const keyColumns = content.key.map(quoted).join(", ");
  const keyValues = content.key.map(() => "?").join(", ");
  const texts = visited.map(({ name }, index) => `${quoted(name)} AS text_${index}`).join(", ");
  const update = `UPDATE ${table} SET ${visited.map(({ name }) => `${quoted(name)} = ?`).join(", ")} WHERE (${keyColumns}) = (${keyValues})`;
  while (!isOver()) {
    const after = progress.key === undefined ? "" : `WHERE (${keyColumns}) > (${keyValues})`;
    const rows = `SELECT ${keyColumns}, ${texts}, ${conditionOf(visited, content, erasure)} AS is_found, row_number() OVER (ORDER BY ${keyColumns}) AS n
      FROM ${table} ${after} ORDER BY ${keyColumns} LIMIT ${rowsPerWindow}`;
    const window = await connection.all<Record<string, SqlValue>>(
      `SELECT * FROM (${rows}) AS rows WHERE is_found OR n = ${rowsPerWindow} ORDER BY n`,
      ...needles(visited, content, erasure),
      ...(progress.key ?? []),
    );
    for (const row of window) {
      const key = content.key.map((column) => row[column]) as Key;
      progress.key = key;
      if (row.is_found !== true) continue;
      const said = visited.map((_, index) => (row[`text_${index}`] ?? null) as string | null);
      const erased = said.map((text, index) => (text === null ? null : replacedIn(text, visited[index]?.content, replace)));
      if (erased.every((text, index) => text === said[index])) continue;
      if (erasure.is_preview === 0) await connection.run(update, ...erased, ...key);
      progress.found[table] = (progress.found[table] ?? 0) + 1;
    }
    if (window.at(-1)?.n !== rowsPerWindow) return true;
  }
  return false;
}

/** Whether a row may have the id in it. */
function conditionOf(visited: readonly Column[], { app }: TableTexts, { app_id: appId }: UnendedRow): string {
  const texts = visited.map(({ name, content }) => (content === "user" ? `${quoted(name)} = ?` : `strpos(${quoted(name)}, ?) > 0`));
  const ofApp = appId === 0 || app === undefined ? "" : ` AND coalesce(${app}, ?) = ?`;
  return `(coalesce(${texts.join(", false) OR coalesce(")}, false))${ofApp}`;
}

function needles(visited: readonly Column[], { app }: TableTexts, { app_id: appId, user }: UnendedRow): SqlValue[] {
  const texts = visited.map(({ content }) => (content === "json" ? JSON.stringify(user).slice(1, -1) : user));
  return appId === 0 || app === undefined ? texts : [...texts, appId, appId];
}

function quoted(column: string): string {
  return `"${column}"`;
}

/** A key from its JSON, in which bytes are as Buffer writes them. */
function decodeKey(json: string): Key {
  return (JSON.parse(json) as (string | number | { data: number[] })[]).map((value) =>
    typeof value === "object" ? Buffer.from(value.data) : value,
  );
}

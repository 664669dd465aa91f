// The feed in SQLite: tables that share one sequence.

import { asOpened, type CaseRow, caseOf, selectCase } from "../case-rows.ts";
import { asAppended, type DecisionRow, decisionOf } from "../decision-rows.ts";
import { type EventRow, eventAsRecorded, selectEvent } from "../event-rows.ts";
import { type EditRow, editOf, selectEdit } from "../list-rows.ts";
import { type ActivationRow, activationOf, selectActivation } from "../policy-rows.ts";
import type { Feed, FeedChange, FeedFilter } from "../storage.ts";
import { selectDecision } from "./decision-rows.ts";

import { nextTurn } from "./next-turn.ts";

import type { Reader, SqlValue } from "./reader.ts";
import { selectHighest } from "./sequence.ts";
import type { Writer } from "./writer.ts";

/** A table of changes, and how one is read. */
interface Source {
  kind: FeedChange["kind"];
  table: string;
  /** Whether its changes belong to an app and an account. */
  isOfApp: boolean;
  /** The change with this sequence number; undefined when it was deleted. */
  read(reader: Reader, seq: number): FeedChange | undefined;
}

const sources = {
  decision: {
    kind: "decision",
    table: "decisions",
    isOfApp: true,
    read(reader, seq) {
      const row = reader.get<DecisionRow>(`${selectDecision} WHERE seq = ?`, seq);
      if (row === undefined) return undefined;
      return { position: seq, timeMs: row.decide_time ?? 0, kind: "decision", decision: decisionOf(asAppended(row)) };
    },
  },
  event: {
    kind: "event",
    table: "events",
    isOfApp: true,
    read(reader, seq) {
      const row = reader.get<EventRow>(`${selectEvent} WHERE seq = ?`, seq);
      return row && { position: seq, timeMs: row.receive_time ?? 0, kind: "event", event: eventAsRecorded(row) };
    },
  },
  caseOpening: {
    kind: "case",
    table: "cases",
    isOfApp: true,
    read(reader, seq) {
      const row = reader.get<CaseRow>(`${selectCase} WHERE seq = ?`, seq);
      return row && { position: seq, timeMs: row.open_time, kind: "case", case: caseOf(asOpened(row)) };
    },
  },
  caseClosing: {
    kind: "case",
    table: "case_closings",
    isOfApp: true,
    read(reader, seq) {
      // A case is closed once, and stays as it is then.
      const row = reader.get<CaseRow>(`${selectCase} WHERE seq = (SELECT case_seq FROM case_closings WHERE seq = ?)`, seq);
      return row && { position: seq, timeMs: row.close_time ?? 0, kind: "case", case: caseOf(row) };
    },
  },
  listEdit: {
    kind: "listEdit",
    table: "list_edits",
    isOfApp: false,
    read(reader, seq) {
      const row = reader.get<EditRow>(`${selectEdit} WHERE seq = ?`, seq);
      return row && { position: seq, timeMs: row.edit_time, kind: "listEdit", list: row.list, edit: editOf(row) };
    },
  },
  activation: {
    kind: "activation",
    table: "activations",
    isOfApp: false,
    read(reader, seq) {
      const row = reader.get<ActivationRow>(`${selectActivation} WHERE seq = ?`, seq);
      return row && { position: seq, timeMs: row.activate_time, kind: "activation", activation: activationOf(row) };
    },
  },
} satisfies Record<string, Source>;

type SourceName = keyof typeof sources;

const allSources = Object.entries(sources) as [SourceName, Source][];

/** How many sequence numbers one statement goes through, and how long is read at a stretch. */
const positionsPerPart = 5000;
const maxPartMs = 4;

/** How many sequence numbers one call goes through, so that a filter that nothing passes gets its answer soon, too. */
const positionsPerCall = 200_000;

/** Numbers that a restore passed over: those after `last_seq`, up to `next_seq`. */
interface PassedOver {
  last_seq: number;
  next_seq: number;
}

/** Finds those that do not end before a position, in their order. */
const selectPassedOver = "SELECT last_seq, next_seq FROM restores WHERE next_seq > ? ORDER BY last_seq";

/**
 * Creates the feed over the two sides of the store. The sequence is given by the only thread that writes, in the order of its commits, and what a
 * transaction that is rolled back has taken is given again: all numbers up to the highest that can be read are final. So a read needs no
 * transaction: it goes as far as the highest number that it saw at its beginning.
 */
export function createFeed(reader: Reader, writer: Writer): Feed {
  function highest(): number {
    return reader.get<{ seq: number }>(selectHighest)?.seq ?? 0;
  }

  return {
    async readChanges(position, filter, limit) {
      const passedOver = reader.all<PassedOver>(selectPassedOver, position);
      // No position among numbers that a restore passed over is given to anyone.
      const skip = (from: number) => passedOver.find(({ last_seq, next_seq }) => last_seq <= from && from < next_seq)?.next_seq ?? from;
      let next = skip(position);
      const end = skip(Math.min(highest(), next + positionsPerCall));
      const search = searchOf(filter);
      const changes: FeedChange[] = [];
      let partBeginMs = performance.now();
      while (search !== undefined && next < end) {
        const to = Math.min(end, next + positionsPerPart);
        const wanted = limit - changes.length;
        const found = reader.all<{ seq: number; source: SourceName }>(search.sql, ...search.parameters(next, to), wanted);
        for (const { seq, source } of found) {
          const change = sources[source].read(reader, seq);
          if (change !== undefined) changes.push(change);
          next = seq;
          if (performance.now() - partBeginMs < maxPartMs) continue;
          await nextTurn();
          partBeginMs = performance.now();
        }
        if (found.length < wanted) next = skip(to);
        if (changes.length === limit) return { changes, next };
        if (performance.now() - partBeginMs < maxPartMs) continue;
        await nextTurn();
        partBeginMs = performance.now();
      }
      return { changes, next: Math.max(position, end) };
    },

    async partingBefore(position) {
      const [passedOver] = reader.all<PassedOver>(selectPassedOver, position);
      return passedOver === undefined || passedOver.last_seq >= position ? undefined : passedOver.last_seq;
    },

    async latestPosition() {
      return highest();
    },

    async earliestPosition() {
      return reader.get<{ earliest: number }>("SELECT earliest FROM feed")?.earliest ?? 0;
    },

    onChange(listener) {
      reader.assertOpen();
      return writer.onCommit(listener);
    },
  };
}

/** The statement that finds changes within a window, in their order, and its parameters but the last, the limit. */
interface Search {
  sql: string;
  parameters(after: number, to: number): SqlValue[];
}

/** Undefined when no change can pass the filter. */
function searchOf({ kinds, appId, accountId }: FeedFilter): Search | undefined {
  const asked = allSources.filter(([, { kind, isOfApp }]) => (kinds?.has(kind) ?? true) && (accountId === undefined || isOfApp));
  if (asked.length === 0) return undefined;
  const conditions: string[] = [];
  const values: SqlValue[] = [];
  if (appId !== undefined) {
    // The plus keeps the planner from an index that would lead through all events of the app, and not through the window.
    conditions.push(accountId === undefined ? " AND +app_id = ?" : " AND app_id = ?");
    values.push(appId);
  }
  if (accountId !== undefined) {
    conditions.push(" AND account_id = ?");
    values.push(accountId);
  }
  const parts = asked.map(
    ([source, { table, isOfApp }]) =>
      `SELECT seq, '${source}' AS source FROM ${table} WHERE seq > ? AND seq <= ?${isOfApp ? conditions.join("") : ""}`,
  );
  return {
    sql: `${parts.join(" UNION ALL ")} ORDER BY seq LIMIT ?`,
    parameters: (after, to) => asked.flatMap(([, { isOfApp }]) => [after, to, ...(isOfApp ? values : [])]),
  };
}

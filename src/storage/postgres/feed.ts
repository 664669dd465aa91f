// The feed in PostgreSQL: tables that share one sequence.
import { asOpened, type CaseRow, caseOf, selectCase } from "../case-rows.ts";
import { asAppended, type DecisionRow, decisionOf } from "../decision-rows.ts";
import { type EventRow, eventAsRecorded, selectEvent } from "../event-rows.ts";
import { type EditRow, editOf, selectEdit } from "../list-rows.ts";
import { type ActivationRow, activationOf, selectActivation } from "../policy-rows.ts";
import type { Feed, FeedChange, FeedFilter } from "../storage.ts";
import type { Reader, SqlValue } from "./connections.ts";
import { selectDecision } from "./decision-rows.ts";
import { type PassedOver, passedOverSql } from "./passed-over.ts";
import { rowsBySeq } from "./rows-by-seq.ts";

/** A table of changes, and how its changes are read. */
interface Source {
  kind: FeedChange["kind"];
  table: string;
  /** Whether its changes belong to an app and an account. */
  isOfApp: boolean;
  /** The changes with these sequence numbers; those that were deleted are left out. */
  read(reader: Reader, seqs: readonly number[]): Promise<FeedChange[]>;
}

/** Makes the reading of a table in which each row is a change. */
function reading<Row extends { seq: number }>(select: string, changeOf: (row: Row) => FeedChange): Source["read"] {
  return async (reader, seqs) => [...(await rowsBySeq<Row>(reader, select, seqs)).values()].map(changeOf);
}

const selectClosed = `${selectCase.replace("SELECT seq,", "SELECT closing AS seq, case_seq,").replace("FROM cases", "FROM")}
  (SELECT case_closings.seq AS closing, case_seq, cases.* FROM case_closings JOIN cases ON cases.seq = case_seq) AS closed`;

const sources = {
  decision: {
    kind: "decision",
    table: "decisions",
    isOfApp: true,
    read: reading<DecisionRow>(selectDecision, (row) => {
      return { position: row.seq, timeMs: row.decide_time ?? 0, kind: "decision", decision: decisionOf(asAppended(row)) };
    }),
  },
  event: {
    kind: "event",
    table: "events",
    isOfApp: true,
    read: reading<EventRow>(selectEvent, (row) => {
      return { position: row.seq, timeMs: row.receive_time ?? 0, kind: "event", event: eventAsRecorded(row) };
    }),
  },
  caseOpening: {
    kind: "case",
    table: "cases",
    isOfApp: true,
    read: reading<CaseRow>(selectCase, (row) => {
      return { position: row.seq, timeMs: row.open_time, kind: "case", case: caseOf(asOpened(row)) };
    }),
  },
  caseClosing: {
    kind: "case",
    table: "case_closings",
    isOfApp: true,
    async read(reader, seqs) {
      // A case is closed once, and stays as it is then.
      const sql = `${selectClosed} WHERE closing IN (SELECT v::bigint FROM jsonb_array_elements_text(?::jsonb) AS v)`;
      const rows = await reader.all<CaseRow & { case_seq: number }>(sql, JSON.stringify(seqs));
      return rows.map((row) => {
        const closed = caseOf({ ...row, seq: row.case_seq });
        return { position: row.seq, timeMs: row.close_time ?? 0, kind: "case", case: closed };
      });
    },
  },
  listEdit: {
    kind: "listEdit",
    table: "list_edits",
    isOfApp: false,
    read: reading<EditRow>(selectEdit, (row) => {
      return { position: row.seq, timeMs: row.edit_time, kind: "listEdit", list: row.list, edit: editOf(row) };
    }),
  },
  activation: {
    kind: "activation",
    table: "activations",
    isOfApp: false,
    read: reading<ActivationRow>(selectActivation, (row) => {
      return { position: row.seq, timeMs: row.activate_time, kind: "activation", activation: activationOf(row) };
    }),
  },
} satisfies Record<string, Source>;

type SourceName = keyof typeof sources;

const allSources = Object.entries(sources) as [SourceName, Source][];

/** How many sequence numbers one statement goes through. */
const positionsPerPart = 20_000;

/** How many sequence numbers one call goes through, so that a filter that nothing passes gets its answer soon, too. */
const positionsPerCall = 200_000;

/** How many changes are read at once, so that their memory is bounded. */
const changesPerPart = 500;

/** Where the log ends, where what is kept of it begins, and which numbers were passed over. */
interface Head {
  position: number;
  earliest: number;
  passed_over: PassedOver;
}

const selectHead = `SELECT position, earliest, ${passedOverSql} AS passed_over FROM log_head`;

/**
 * Creates the feed. Whoever gives numbers has the head of the log locked until its commit: all numbers up to the position that is read there are
 * final. So a read needs no transaction: it goes as far as the position that it saw at its beginning.
 */
export function createFeed(connections: Reader, onChange: Feed["onChange"]): Feed {
  async function head(): Promise<Head> {
    return (await connections.get<Head>(selectHead)) ?? { position: 0, earliest: 0, passed_over: null };
  }

  return {
    async readChanges(position, filter, limit) {
      const { position: highest, passed_over } = await head();
      // No position among numbers that a restore passed over is given to anyone.
      const skip = (from: number) => passed_over?.find(([last, next]) => last <= from && from < next)?.[1] ?? from;
      let next = skip(position);
      const end = skip(Math.min(highest, next + positionsPerCall));
      const search = searchOf(filter);
      const changes: FeedChange[] = [];
      while (search !== undefined && next < end) {
        const to = Math.min(end, next + positionsPerPart);
        const wanted = Math.min(limit - changes.length, changesPerPart);
        const found = await connections.all<{ seq: number; source: SourceName }>(search.sql, ...search.parameters(next, to), wanted);
        changes.push(...(await readFound(connections, found)));
        next = found.length < wanted ? skip(to) : (found.at(-1)?.seq ?? to);
        if (changes.length === limit) return { changes, next };
      }
      return { changes, next: Math.max(position, end) };
    },

    async partingBefore(position) {
      const [last] = (await head()).passed_over?.find(([, next]) => next > position) ?? [];
      return last === undefined || last >= position ? undefined : last;
    },

    latestPosition: async () => (await head()).position,

    earliestPosition: async () => (await head()).earliest,

    onChange,
  };
}

/** The changes that were found, in their order. */
async function readFound(reader: Reader, found: readonly { seq: number; source: SourceName }[]): Promise<FeedChange[]> {
  const seqsBySource = Map.groupBy(found, ({ source }) => source);
  const read = await Promise.all(
    [...seqsBySource].map(([source, ofSource]) =>
      sources[source].read(
        reader,
        ofSource.map(({ seq }) => seq),
      ),
    ),
  );
  return read.flat().sort((a, b) => a.position - b.position);
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
    conditions.push(" AND app_id = ?");
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

// Timelines in PostgreSQL: what several indexes say of one account, owner or user, merged by the one sequence.
import { type DecisionRow, decisionOf } from "../decision-rows.ts";
import { type EventRow, eventOf, selectEvent } from "../event-rows.ts";
import { parseLogPosition } from "../page-positions.ts";
import type { Timeline, TimelineEntry, TimelineFilter } from "../storage.ts";
import type { Reader, SqlValue } from "./connections.ts";
import { selectDecision } from "./decision-rows.ts";
import { type PassedOver, passedOverSql } from "./passed-over.ts";
import { rowsBySeq } from "./rows-by-seq.ts";

/** Up to how many accounts of an owner are asked one by one. Who has more has so much in the log that going through it finds enough. */
const maxAccountsAsked = 500;

/** The accounts that an owner has or had, each once. */
const accountsOfOwner = `SELECT account_id FROM accounts WHERE app_id = ? AND owner = ?
  UNION SELECT account_id FROM account_owners WHERE app_id = ? AND owner = ?`;

/** How much of the log one page goes through for such an owner. */
const positionsPerPage = 20_000;

/** Finds sequence numbers below one, with a limit: the highest that pass, the highest first. */
interface Source {
  sql: string;
  values: SqlValue[];
  /** How often the bound and the limit stand in the statement, after the other values. */
  isWindow?: boolean;
}

const selectHead = `SELECT position, ${passedOverSql} AS passed_over FROM log_head`;

/** Creates the timelines. */
export function createTimeline(reader: Reader): Timeline {
  async function hasManyAccounts(appId: number, owner: string): Promise<boolean> {
    const sql = `SELECT count(*) AS count FROM (SELECT 1 FROM (${accountsOfOwner}) AS every LIMIT ?) AS few`;
    return ((await reader.get<{ count: number }>(sql, appId, owner, appId, owner, maxAccountsAsked + 1))?.count ?? 0) > maxAccountsAsked;
  }

  async function sourcesOf(filter: TimelineFilter): Promise<Source[]> {
    const { appId } = filter;
    if ("accountId" in filter) {
      const { accountId } = filter;
      return ["decisions", "events"].map((table) => simple(table, "app_id = ? AND account_id = ?", appId, accountId));
    }
    if ("user" in filter) {
      const { user } = filter;
      return [
        simple("decisions", "app_id = ? AND operator = ?", appId, user),
        simple("decisions", "app_id = ? AND owner = ?", appId, user),
        simple("event_users", 'app_id = ? AND "user" = ?', appId, user),
      ];
    }
    const { owner } = filter;
    const isMany = await hasManyAccounts(appId, owner);
    return [
      simple("decisions", "app_id = ? AND owner = ?", appId, owner),
      // The owner of a creation that asks for itself is not written out.
      simple("decisions", "app_id = ? AND owner IS NULL AND account_id IS NULL AND operator = ?", appId, owner),
      ...["decisions", "events"].map((table) => (isMany ? scanOfOwned(table, appId, owner) : ofOwned(table, appId, owner))),
    ];
  }

  return {
    async listTimeline(filter, page) {
      const head = await reader.get<{ position: number; passed_over: PassedOver }>(selectHead);
      const end = page.after === undefined ? (head?.position ?? 0) + 1 : parseLogPosition(page.after);
      // The numbers that were passed over would be many pages without anything.
      const below = (head?.passed_over?.find(([last, next]) => last + 1 < end && end <= next + 1)?.[0] ?? end - 1) + 1;
      const sources = await sourcesOf(filter);
      const wanted = page.size + 1;
      // Below this some source is not looked through.
      const floor = sources.some(({ isWindow }) => isWindow) ? Math.max(0, below - positionsPerPage) : 0;
      const parts = sources.map(({ sql }) => `(${sql} AND seq < ? AND seq >= ? ORDER BY seq DESC LIMIT ?)`);
      const values = sources.flatMap((source) => [...source.values, below, floor, wanted]);
      const found = await reader.all<{ seq: number }>(`${parts.join(" UNION ")} ORDER BY seq DESC LIMIT ?`, ...values, wanted);
      const seqs = found.map(({ seq }) => seq);
      const kept = seqs.slice(0, page.size);
      const items = await entriesOf(reader, kept);
      const next = seqs.length > page.size ? kept.at(-1) : floor;
      return next ? { items, next: String(next) } : { items };
    },
  };
}

/** A source that one index answers. */
function simple(table: string, where: string, ...values: SqlValue[]): Source {
  return { sql: `SELECT seq FROM ${table} WHERE ${where}`, values };
}

/** The decisions or events about each account of an owner. */
function ofOwned(table: string, appId: number, owner: string): Source {
  return {
    sql: `SELECT seq FROM ${table} WHERE app_id = ? AND account_id IN (${accountsOfOwner})`,
    values: [appId, appId, owner, appId, owner],
  };
}

/** The decisions or events about all accounts of an owner, by going through the log. */
function scanOfOwned(table: string, appId: number, owner: string): Source {
  const isOwned = ["accounts", "account_owners"]
    .map((owners) => `EXISTS (SELECT 1 FROM ${owners} AS o WHERE o.app_id = t.app_id AND o.owner = ? AND o.account_id = t.account_id)`)
    .join(" OR ");
  return { sql: `SELECT seq FROM ${table} AS t WHERE t.app_id = ? AND (${isOwned})`, values: [appId, owner, owner], isWindow: true };
}

/** The decisions and events with these numbers, in their order. */
async function entriesOf(reader: Reader, seqs: readonly number[]): Promise<TimelineEntry[]> {
  const decisions = await rowsBySeq<DecisionRow>(reader, selectDecision, seqs);
  const events = await rowsBySeq<EventRow>(
    reader,
    selectEvent,
    seqs.filter((seq) => !decisions.has(seq)),
  );
  return seqs.flatMap((seq): TimelineEntry[] => {
    const decision = decisions.get(seq);
    if (decision !== undefined) return [{ kind: "decision", decision: decisionOf(decision) }];
    const event = events.get(seq);
    return event === undefined ? [] : [{ kind: "event", event: eventOf(event) }];
  });
}

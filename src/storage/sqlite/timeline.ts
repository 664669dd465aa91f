// Timelines in SQLite: what several indexes say of one account, owner or user, merged by the one sequence.

import { type DecisionRow, decisionOf } from "../decision-rows.ts";
import { type EventRow, eventOf, selectEvent } from "../event-rows.ts";
import { parseLogPosition } from "../page-positions.ts";
import type { Timeline, TimelineEntry, TimelineFilter } from "../storage.ts";
import { selectDecision } from "./decision-rows.ts";

import { nextTurn } from "./next-turn.ts";
import type { Reader, SqlValue } from "./reader.ts";
import { selectHighest } from "./sequence.ts";
import { usersOfEventBody } from "./user-parts.ts";
import { createFindNamed, type Stretch } from "./user-segments.ts";

/** How many rows of an index one page looks through, for each index that it asks. */
const rowsPerPage = 2000;

/** Up to how many accounts of an owner are asked one by one. Who has more has so much in the log that going through it finds enough. */
const maxAccountsAsked = 500;

/** How many stretches of the log one page looks through for who is named. */
const stretchesPerPage = 16;

/** How long is read at once. */
const maxPartMs = 4;

/** What an index has below a sequence number: the highest that pass, and the lowest to which it was looked through; 0 for all of it. */
interface Found {
  seqs: number[];
  to: number;
}

/** Finds in one index at most `limit` sequence numbers below one, the highest first; those below `floor` are left out. */
type Source = (below: number, limit: number, floor: number) => Found;

interface NamingRow {
  seq: number;
  body: string;
}

const among = "AND seq IN (SELECT value FROM json_each(?))";

/** Creates the timelines over the reading side of the store. */
export function createTimeline(reader: Reader): Timeline {
  const findNamed = createFindNamed(reader);

  /** The events about an account, of which an index answers all. */
  function eventsAbout(appId: number, accountId: string): Source {
    const sql = `SELECT seq FROM events INDEXED BY events_by_account WHERE app_id = ? AND account_id = ? AND seq < ? AND seq >= ?
      ORDER BY seq DESC LIMIT ?`;
    return (below, limit, floor) => {
      const seqs = seqsOf(reader.all(sql, appId, accountId, below, floor, limit));
      return { seqs, to: seqs.length < limit ? 0 : (seqs.at(-1) ?? 0) };
    };
  }

  /** The decisions about an account. No index has app and account of a decision: ids are mostly of one app, and each row is looked at. */
  function decisionsAbout(appId: number, accountId: string): Source {
    const from = "SELECT seq FROM decisions INDEXED BY decisions_by_account WHERE account_id = ? AND seq < ? AND seq >= ?";
    const end = "ORDER BY seq DESC LIMIT";
    return (below, limit, floor) => {
      const to = reader.get<{ seq: number }>(`${from} ${end} 1 OFFSET ${rowsPerPage - 1}`, accountId, below, floor)?.seq ?? 0;
      const seqs = seqsOf(reader.all(`${from} AND app_id = ? ${end} ?`, accountId, below, Math.max(floor, to), appId, limit));
      return { seqs, to: seqs.length < limit ? to : Math.max(to, seqs.at(-1) ?? 0) };
    };
  }

  /** What names a user: `find` tells of a stretch which of it do, the highest first. */
  function namedSource(user: string, find: (stretch: Stretch, limit: number) => number[]): Source {
    return (below, limit, floor) => {
      const seqs: number[] = [];
      let to = below;
      for (let i = 0; i < stretchesPerPage && to > floor && seqs.length < limit; i += 1) {
        const stretch = findNamed(user, to);
        to = Math.max(stretch.from, floor);
        seqs.push(...find({ ...stretch, from: to }, limit - seqs.length));
      }
      return { seqs, to: seqs.length < limit ? to : Math.max(to, seqs.at(-1) ?? 0) };
    };
  }

  function decisionsNaming(user: string, where: string, values: readonly SqlValue[]): Source {
    const select = `SELECT seq FROM decisions WHERE ${where} AND seq >= ? AND seq < ?`;
    return namedSource(user, ({ from, below, seqs }, limit) =>
      seqs === undefined
        ? seqsOf(reader.all(`${select} ORDER BY seq DESC LIMIT ?`, ...values, from, below, limit))
        : seqsOf(reader.all(`${select} ${among} ORDER BY seq DESC LIMIT ?`, ...values, from, below, JSON.stringify(seqs), limit)),
    );
  }

  function eventsNaming(appId: number, user: string): Source {
    const select = "SELECT seq, body FROM events WHERE app_id = ? AND seq >= ? AND seq < ?";
    // Spares parsing those that surely name others.
    const inBody = JSON.stringify(user).slice(1, -1);
    return namedSource(user, ({ from, below, seqs }, limit) => {
      const rows =
        seqs === undefined
          ? reader.all<NamingRow>(`${select} AND instr(body, ?) > 0 ORDER BY seq DESC`, appId, from, below, inBody)
          : reader.all<NamingRow>(`${select} ${among} ORDER BY seq DESC`, appId, from, below, JSON.stringify(seqs));
      return seqsOf(rows.filter(({ body }) => usersOfEventBody(body).has(user))).slice(0, limit);
    });
  }

  /** The decisions and events about all accounts of an owner, by going through the log. */
  function scanOfOwned(table: "decisions" | "events", appId: number, owner: string): Source {
    const isOwned = ["accounts", "account_owners"]
      .map(
        (of) => `EXISTS (SELECT 1 FROM ${of} AS o WHERE o.app_id = ${table}.app_id AND o.owner = ? AND o.account_id = ${table}.account_id)`,
      )
      .join(" OR ");
    const sql = `SELECT seq FROM ${table} WHERE seq < ? AND seq >= ? AND +app_id = ? AND (${isOwned}) ORDER BY seq DESC LIMIT ?`;
    const highestBelow = `SELECT max(seq) FROM ${table} WHERE seq < ?`;
    return (below, limit, floor) => {
      // The numbers that a restore passed over would be billions of pages.
      const highest = reader.value<number | null>(highestBelow, below) ?? 0;
      const to = Math.max(0, highest + 1 - rowsPerPage, floor);
      const seqs = seqsOf(reader.all(sql, below, to, appId, owner, owner, limit));
      return { seqs, to: seqs.length < limit ? to : (seqs.at(-1) ?? 0) };
    };
  }

  function sourcesOf(filter: TimelineFilter): Source[] {
    const { appId } = filter;
    if ("accountId" in filter) return [decisionsAbout(appId, filter.accountId), eventsAbout(appId, filter.accountId)];
    if ("user" in filter) {
      const { user } = filter;
      return [decisionsNaming(user, "app_id = ? AND (operator = ? OR owner = ?)", [appId, user, user]), eventsNaming(appId, user)];
    }
    const { owner } = filter;
    // The owner of a creation that asks for itself is not written out.
    const owning = "app_id = ? AND (owner = ? OR (operator = ? AND owner IS NULL AND account_id IS NULL))";
    const created = [decisionsNaming(owner, owning, [appId, owner, owner])];
    const accounts = reader.all<{ account_id: string }>(
      `SELECT account_id FROM accounts WHERE app_id = ? AND owner = ?
       UNION SELECT account_id FROM account_owners WHERE app_id = ? AND owner = ? LIMIT ${maxAccountsAsked + 1}`,
      ...[appId, owner, appId, owner],
    );
    if (accounts.length > maxAccountsAsked)
      return [...created, scanOfOwned("decisions", appId, owner), scanOfOwned("events", appId, owner)];
    return [...created, ...accounts.flatMap(({ account_id: id }) => [decisionsAbout(appId, id), eventsAbout(appId, id)])];
  }

  function read(seq: number): TimelineEntry | undefined {
    const decision = reader.get<DecisionRow>(`${selectDecision} WHERE seq = ?`, seq);
    if (decision !== undefined) return { kind: "decision", decision: decisionOf(decision) };
    const event = reader.get<EventRow>(`${selectEvent} WHERE seq = ?`, seq);
    return event && { kind: "event", event: eventOf(event) };
  }

  return {
    async listTimeline(filter, page) {
      const below = page.after === undefined ? (reader.get<{ seq: number }>(selectHighest)?.seq ?? 0) + 1 : parseLogPosition(page.after);
      const pause = createPauses();
      const wanted = page.size + 1;
      let seqs: number[] = [];
      // Below this some source is not looked through.
      let floor = 0;
      for (const source of sourcesOf(filter)) {
        const found = source(below, wanted, floor);
        floor = Math.max(floor, found.to);
        if (found.seqs.length > 0) seqs = highestOf([...seqs, ...found.seqs], wanted);
        // What cannot be among the wanted ones need not be found.
        if (seqs.length === wanted) floor = Math.max(floor, seqs.at(-1) ?? 0);
        await pause();
      }
      seqs = seqs.filter((seq) => seq >= floor);
      const items: TimelineEntry[] = [];
      const kept = seqs.slice(0, page.size);
      for (const seq of kept) {
        const entry = read(seq);
        if (entry !== undefined) items.push(entry);
        await pause();
      }
      const next = seqs.length > page.size ? kept.at(-1) : floor;
      return next ? { items, next: String(next) } : { items };
    },
  };
}

function seqsOf(rows: { seq: number }[]): number[] {
  return rows.map(({ seq }) => seq);
}

/** The highest of them, each once, the highest first. */
function highestOf(seqs: readonly number[], limit: number): number[] {
  return [...new Set(seqs)].sort((a, b) => b - a).slice(0, limit);
}

/** Lets others have a turn when the last one was long ago. */
function createPauses(): () => Promise<void> | undefined {
  let beginMs = performance.now();
  return () => {
    if (performance.now() - beginMs < maxPartMs) return undefined;
    return nextTurn().then(() => {
      beginMs = performance.now();
    });
  };
}

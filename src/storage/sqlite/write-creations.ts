// How creations that were asked and creations that have happened are kept and joined. Runs in the writer thread, inside the transaction of a
// batch.
import type { Database } from "better-sqlite3";
import type { CaseKind } from "../../../gen/gatehouse/v1/case_service_pb.ts";
import type { FollowUp } from "../../../gen/gatehouse/v1/follow_up_pb.ts";
import { type AskedDecision, clockSlackMs, type FollowingEvent, joinFollowUps } from "../follow-up-join.ts";
import { type AskedValues, type HappenedValues, Standing } from "./creation-rows.ts";
import { prepareReservedNames } from "./reserved-names.ts";
import { formatSequenceId } from "./sequence-ids.ts";
import type { CaseWrites } from "./write-cases.ts";

/** What can become known; this module loads no generated code, so that the writer thread can start quickly. */
const confirmed: typeof FollowUp.CONFIRMED = 1;
const leaked: typeof FollowUp.LEAKED = 2;
export const abandoned: typeof FollowUp.ABANDONED = 3;
const bypassed: typeof FollowUp.BYPASSED = 4;
const leak: typeof CaseKind.LEAK = 1;
export const bypass: typeof CaseKind.BYPASS = 2;

/** What became known, four numbers for each event: what, the event, the decision or 0, the case that was opened or 0. */
export type FollowedUpValues = number[];

/** Keeps creations and joins them. */
export interface Creations {
  /** Keeps what was asked, and joins it with an event that came before it. */
  ask(seq: number, appId: number, asked: AskedValues, nowMs: number): FollowedUpValues;
  /** Takes what was answered for the verdict of a decision that it keeps, and joins anew. */
  answer(seq: number, appId: number, asked: AskedValues, nowMs: number): FollowedUpValues;
  /** Finds what an event follows from. Nothing is written before `settle`. */
  join(seq: number, appId: number, happened: HappenedValues, nowMs: number): EventJoin;
}

/** What an event follows from; null when nobody can tell. */
export interface EventJoin {
  followUp: number | null;
  decisionSeq: number | null;
  /** To be called when the event is in its table: writes all that follows. The event itself comes first in what became known. */
  settle(): FollowedUpValues;
}

/** What decisions and events must have in common to be joined. */
interface Key {
  appId: number;
  owner: string;
  name: string;
  operator: string;
}

interface Asked extends AskedDecision {
  standing: Standing;
  event: Happened | undefined;
  /** Whether its verdict is another one than its row has. */
  isChanged: boolean;
}

interface Happened extends FollowingEvent {
  seq: number;
  isNew: boolean;
  /** As it is joined now, and what is known of it by that. */
  decision: Asked | undefined;
  followUp: number;
}

interface Row {
  standing: Standing;
  seq: number;
  ask_time: number;
  lapse_time: number | null;
  event_seq: number | null;
  event_time: number;
  account_id: string;
}

/** Of decisions and events on one thing, at most the latest so many of each standing are looked at. */
const maxOfStanding = 64;

/** Prepares the keeping of creations. */
export function prepareCreations(db: Database, cases: CaseWrites): Creations {
  const names = prepareReservedNames(db);
  const columns = "standing, seq, ask_time, lapse_time, event_seq, event_time, account_id";
  const ofKey = "app_id = ? AND owner = ? AND name = ? AND operator = ?";
  const selectFew = db.prepare(`SELECT ${columns} FROM creations WHERE ${ofKey} AND standing IN (1, 2, 3, 4, 5) LIMIT ${maxOfStanding}`);
  const selectLatest = db.prepare(
    `SELECT ${columns} FROM creations WHERE ${ofKey} AND standing = ? ORDER BY seq DESC LIMIT ${maxOfStanding}`,
  );
  // Nearly always there is none, which one look tells; only then are they looked at, and not all of them.
  const hasEvents = db.prepare(`SELECT 1 FROM creations WHERE ${ofKey} AND standing IN (4, 5) LIMIT 1`).pluck();
  const insert = db.prepare(`INSERT INTO creations (app_id, owner, name, operator, ${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const remove = db.prepare(`DELETE FROM creations WHERE ${ofKey} AND standing = ? AND seq = ?`);
  const note = db.prepare(
    `INSERT INTO follow_ups (decision_seq, follow_up, follow_up_event_seq, follow_up_time) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET follow_up = excluded.follow_up, follow_up_event_seq = excluded.follow_up_event_seq,
       follow_up_time = excluded.follow_up_time`,
  );
  const forget = db.prepare("DELETE FROM follow_ups WHERE decision_seq = ?");
  const noteOfEvent = db.prepare("UPDATE events SET follow_up = ?, decision_seq = ? WHERE seq = ?");

  function rowsOf({ appId, owner, name, operator }: Key): Row[] {
    const few = selectFew.all(appId, owner, name, operator) as Row[];
    if (few.length < maxOfStanding) return few;
    return Object.values(Standing).flatMap((standing) => selectLatest.all(appId, owner, name, operator, standing) as Row[]);
  }

  /** The decisions and events of a key, as they are joined now. */
  function readGroup(key: Key): { decisions: Asked[]; events: Happened[] } {
    const decisions: Asked[] = [];
    const events: Happened[] = [];
    for (const { standing, seq, ask_time, lapse_time, event_seq, event_time, account_id } of rowsOf(key)) {
      const decision =
        standing === Standing.bypassed
          ? undefined
          : { standing, seq, askMs: ask_time, lapseMs: lapse_time, event: undefined, isChanged: false };
      if (decision !== undefined) decisions.push(decision);
      if (event_seq === null) continue;
      const followUp = followUpOf(decision);
      const event: Happened = { seq: event_seq, eventMs: event_time, accountId: account_id, isNew: false, decision, followUp };
      if (decision !== undefined) Object.assign(decision, { event });
      events.push(event);
    }
    return { decisions, events };
  }

  /** Writes the joins that are others than before. */
  function settle(key: Key, joins: Map<Happened, Asked | undefined>, decisions: readonly Asked[], normalizedName: string, nowMs: number) {
    const eventOf = new Map<Asked, Happened>();
    for (const [event, decision] of joins) if (decision !== undefined) eventOf.set(decision, event);
    for (const decision of decisions) {
      const event = eventOf.get(decision);
      if (event === decision.event && !decision.isChanged) continue;
      if (decision.standing === Standing.roomy && decision.lapseMs !== null)
        names.release(key.appId, normalizedName, decision.lapseMs, decision.seq);
      settleDecision(key, decision, event, nowMs);
    }
    const followedUp: FollowedUpValues = [];
    for (const [event, decision] of joins) {
      if (!event.isNew && event.decision === decision && event.followUp === followUpOf(decision)) continue;
      const known = settleEvent(key, event, decision, nowMs);
      if (event.isNew) followedUp.unshift(...known);
      else followedUp.push(...known);
    }
    return followedUp;
  }

  function settleDecision(key: Key, decision: Asked, event: Happened | undefined, nowMs: number): void {
    const { appId, owner, name, operator } = key;
    const { seq, askMs, lapseMs, standing } = decision;
    remove.run(appId, owner, name, operator, standing, seq);
    if (event !== undefined) {
      insert.run(appId, owner, name, operator, Standing.joined, seq, askMs, lapseMs, event.seq, event.eventMs, event.accountId);
      note.run(seq, followUpOf(decision), event.seq, nowMs);
      return;
    }
    const stands = lapseMs !== null && lapseMs > nowMs;
    const freed = lapseMs === null ? Standing.denied : stands ? Standing.roomy : Standing.allowed;
    insert.run(appId, owner, name, operator, freed, seq, askMs, lapseMs, null, null, null);
    if (lapseMs === null || stands) forget.run(seq);
    else note.run(seq, abandoned, null, nowMs);
  }

  function settleEvent(key: Key, event: Happened, decision: Asked | undefined, nowMs: number): FollowedUpValues {
    const { appId, owner, name, operator } = key;
    const { seq, eventMs, accountId, isNew } = event;
    const followUp = followUpOf(decision);
    if (!isNew) {
      if (event.decision === undefined) remove.run(appId, owner, name, operator, Standing.bypassed, seq);
      noteOfEvent.run(followUp, decision?.seq ?? null, seq);
      closeCaseOf(event, decision, nowMs);
    }
    if (decision === undefined) insert.run(appId, owner, name, operator, Standing.bypassed, seq, null, null, seq, eventMs, accountId);
    if (followUp === confirmed) return [followUp, seq, decision?.seq ?? 0, 0];
    const kind = followUp === leaked ? leak : bypass;
    const user = operator || owner || null;
    const caseSeq = cases.open({ appId, kind, decisionSeq: decision?.seq ?? null, eventSeq: seq, accountId, user }, nowMs);
    return [followUp, seq, decision?.seq ?? 0, caseSeq];
  }

  /** Closes what was opened about an event as it was joined before. */
  function closeCaseOf(event: Happened, decision: Asked | undefined, nowMs: number): void {
    if (event.followUp === confirmed) return;
    const found = decision === undefined ? "no decision" : formatSequenceId("dec", decision.seq);
    cases.closeOfEvent(
      event.followUp === leaked ? leak : bypass,
      event.seq,
      `The event follows from ${found}, as became known later.`,
      nowMs,
    );
  }

  return {
    ask(seq, appId, [operator, owner, name, askMs, lapseMs, takesRoom, takesName, followUpMs], nowMs) {
      const standing = lapseMs === null ? Standing.denied : takesRoom === 1 ? Standing.roomy : Standing.allowed;
      insert.run(appId, owner, name, operator, standing, seq, askMs, lapseMs, null, null, null);
      if (takesName !== "" && lapseMs !== null) names.reserve(appId, takesName, lapseMs, seq, nowMs);
      if (hasEvents.get(appId, owner, name, operator) === undefined) return [];
      const key = { appId, owner, name, operator };
      const { decisions, events } = readGroup(key);
      // Most come after all events on the same, and change nothing.
      if (!events.some(({ eventMs }) => eventMs >= askMs - clockSlackMs)) return [];
      return settle(key, joinFollowUps(decisions, events, followUpMs), decisions, takesName, nowMs);
    },

    answer(seq, appId, [operator, owner, name, , lapseMs, , takesName, followUpMs], nowMs) {
      const key = { appId, owner, name, operator };
      const { decisions, events } = readGroup(key);
      const answered = decisions.find((decision) => decision.seq === seq);
      if (answered === undefined || (answered.lapseMs === null) === (lapseMs === null)) return [];
      answered.lapseMs = lapseMs;
      answered.isChanged = true;
      return settle(key, joinFollowUps(decisions, events, followUpMs), decisions, takesName, nowMs);
    },

    join(seq, appId, [operator, owner, name, normalizedName, accountId, eventMs, isLate, followUpMs], nowMs) {
      const key = { appId, owner, name, operator };
      const { decisions, events } = readGroup(key);
      const event: Happened = { seq, eventMs, accountId, isNew: true, decision: undefined, followUp: bypassed };
      const joins = joinFollowUps(decisions, [...events, event], followUpMs);
      const decision = joins.get(event);
      // What it follows from may be forgotten by now.
      if (decision === undefined && isLate === 1) return { followUp: null, decisionSeq: null, settle: () => [] };
      return {
        followUp: followUpOf(decision),
        decisionSeq: decision?.seq ?? null,
        settle: () => settle(key, joins, decisions, normalizedName, nowMs),
      };
    },
  };
}

function followUpOf(decision: Asked | undefined): number {
  if (decision === undefined) return bypassed;
  return decision.lapseMs === null ? leaked : confirmed;
}

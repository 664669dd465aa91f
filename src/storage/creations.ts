// How creations that were asked and creations that have happened are kept and joined, over the rows of a store.
import type { CaseKind } from "../../gen/gatehouse/v1/case_service_pb.ts";
import type { FollowUp } from "../../gen/gatehouse/v1/follow_up_pb.ts";
import { type AskedValues, type HappenedValues, Standing } from "./creation-rows.ts";
import { type AskedDecision, clockSlackMs, type FollowingEvent, joinFollowUps } from "./follow-up-join.ts";

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
export interface CreationKey {
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

/** A row of `creations`, without its key. */
export interface CreationRow {
  standing: Standing;
  seq: number;
  ask_time: number | null;
  lapse_time: number | null;
  event_seq: number | null;
  event_time: number | null;
  account_id: string | null;
}

/** The rows of a store that creations are kept in. What is written must be seen by what is read after it. */
export interface CreationRows {
  /** The rows of a key; of those that are many at least the latest `maxOfStanding` of each standing. */
  rowsOf(key: CreationKey): CreationRow[];
  /** Whether the key has an event. Nearly always it has none, which must be quick to tell. */
  hasEvents(key: CreationKey): boolean;
  insert(key: CreationKey, row: CreationRow): void;
  remove(key: CreationKey, standing: Standing, seq: number): void;
  reserveName(appId: number, normalizedName: string, lapseMs: number, seq: number, nowMs: number): void;
  /** Does nothing when that decision has not reserved the name. */
  releaseName(appId: number, normalizedName: string, lapseMs: number, seq: number): void;
  /** Notes what followed from a decision, in the place of what was noted before. */
  note(decisionSeq: number, followUp: number, eventSeq: number | null, nowMs: number): void;
  forget(decisionSeq: number): void;
  noteOfEvent(eventSeq: number, followUp: number, decisionSeq: number | null): void;
  /** The id of a decision, for a text. */
  decisionId(seq: number): string;
}

/** The cases of a store, as far as they are about what was followed up. */
export interface FollowUpCases {
  /** Results in the sequence number of the case. */
  open(subject: CaseSubject, nowMs: number): number;
  /** Closes the open cases of a kind about an event, because they have proved wrong. */
  closeOfEvent(kind: number, eventSeq: number, reason: string, nowMs: number): void;
}

/** What a case is about. */
export interface CaseSubject {
  appId: number;
  kind: number;
  decisionSeq: number | null;
  eventSeq: number | null;
  accountId: string | null;
  user: string | null;
}

/** Of decisions and events on one thing, at most the latest so many of each standing are looked at. */
export const maxOfStanding = 64;

const noEvent = { event_seq: null, event_time: null, account_id: null };

/** Creates the keeping of creations over the rows and cases of a store. */
export function createCreations(rows: CreationRows, cases: FollowUpCases): Creations {
  /** The decisions and events of a key, as they are joined now. */
  function readGroup(key: CreationKey): { decisions: Asked[]; events: Happened[] } {
    const decisions: Asked[] = [];
    const events: Happened[] = [];
    for (const { standing, seq, ask_time, lapse_time, event_seq, event_time, account_id } of rows.rowsOf(key)) {
      const decision =
        standing === Standing.bypassed
          ? undefined
          : { standing, seq, askMs: ask_time ?? 0, lapseMs: lapse_time, event: undefined, isChanged: false };
      if (decision !== undefined) decisions.push(decision);
      if (event_seq === null) continue;
      const followUp = followUpOf(decision);
      const event: Happened = { seq: event_seq, eventMs: event_time ?? 0, accountId: account_id ?? "", isNew: false, decision, followUp };
      if (decision !== undefined) Object.assign(decision, { event });
      events.push(event);
    }
    return { decisions, events };
  }

  /** Writes the joins that are others than before. */
  function settle(
    key: CreationKey,
    joins: Map<Happened, Asked | undefined>,
    decisions: readonly Asked[],
    normalizedName: string,
    nowMs: number,
  ) {
    const eventOf = new Map<Asked, Happened>();
    for (const [event, decision] of joins) if (decision !== undefined) eventOf.set(decision, event);
    for (const decision of decisions) {
      const event = eventOf.get(decision);
      if (event === decision.event && !decision.isChanged) continue;
      if (decision.standing === Standing.roomy && decision.lapseMs !== null)
        rows.releaseName(key.appId, normalizedName, decision.lapseMs, decision.seq);
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

  function settleDecision(key: CreationKey, decision: Asked, event: Happened | undefined, nowMs: number): void {
    const { seq, askMs, lapseMs, standing } = decision;
    rows.remove(key, standing, seq);
    const row = { seq, ask_time: askMs, lapse_time: lapseMs };
    if (event !== undefined) {
      const ofEvent = { event_seq: event.seq, event_time: event.eventMs, account_id: event.accountId };
      rows.insert(key, { standing: Standing.joined, ...row, ...ofEvent });
      rows.note(seq, followUpOf(decision), event.seq, nowMs);
      return;
    }
    const stands = lapseMs !== null && lapseMs > nowMs;
    const freed = lapseMs === null ? Standing.denied : stands ? Standing.roomy : Standing.allowed;
    rows.insert(key, { standing: freed, ...row, ...noEvent });
    if (lapseMs === null || stands) rows.forget(seq);
    else rows.note(seq, abandoned, null, nowMs);
  }

  function settleEvent(key: CreationKey, event: Happened, decision: Asked | undefined, nowMs: number): FollowedUpValues {
    const { seq, eventMs, accountId, isNew } = event;
    const followUp = followUpOf(decision);
    if (!isNew) {
      if (event.decision === undefined) rows.remove(key, Standing.bypassed, seq);
      rows.noteOfEvent(seq, followUp, decision?.seq ?? null);
      closeCaseOf(event, decision, nowMs);
    }
    if (decision === undefined) {
      const noDecision = { ask_time: null, lapse_time: null };
      rows.insert(key, { standing: Standing.bypassed, seq, ...noDecision, event_seq: seq, event_time: eventMs, account_id: accountId });
    }
    if (followUp === confirmed) return [followUp, seq, decision?.seq ?? 0, 0];
    const kind = followUp === leaked ? leak : bypass;
    const user = key.operator || key.owner || null;
    const caseSeq = cases.open({ appId: key.appId, kind, decisionSeq: decision?.seq ?? null, eventSeq: seq, accountId, user }, nowMs);
    return [followUp, seq, decision?.seq ?? 0, caseSeq];
  }

  /** Closes what was opened about an event as it was joined before. */
  function closeCaseOf(event: Happened, decision: Asked | undefined, nowMs: number): void {
    if (event.followUp === confirmed) return;
    const found = decision === undefined ? "no decision" : rows.decisionId(decision.seq);
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
      const key = { appId, owner, name, operator };
      rows.insert(key, { standing, seq, ask_time: askMs, lapse_time: lapseMs, ...noEvent });
      if (takesName !== "" && lapseMs !== null) rows.reserveName(appId, takesName, lapseMs, seq, nowMs);
      if (!rows.hasEvents(key)) return [];
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

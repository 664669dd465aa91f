// How subscriptions and messages are joined, over the rows of a store: what was asked is found in the log of decisions when its event comes, so that
// a decision leaves nothing to be kept for that.
import type { CaseKind } from "../../gen/gatehouse/v1/case_service_pb.ts";
import type { EventJoin, FollowedUpValues, FollowUpCases } from "./creations.ts";
import { type AskedDecision, clockSlackMs, type FollowingEvent, joinFollowUps } from "./follow-up-join.ts";
import { bypassed, confirmed, leaked, type Part, type PartState, unknown, wholeOfEvent } from "./follow-up-parts.ts";
import type { FoundDecisions, PartedDecision, PartKind } from "./parted-decisions.ts";
import { type PartedEvent, partsColumn } from "./parted-events.ts";
import type { FollowUpRules } from "./storage.ts";

const leak: typeof CaseKind.LEAK = 1;
const bypass: typeof CaseKind.BYPASS = 2;

/** An event that can follow from decisions: all of PartedEvent that only the event itself says. */
export interface HappenedParts extends Pick<PartedEvent, "kind" | "things" | "eventMs" | "digest" | "user"> {
  /** It came so late that what it follows from may be forgotten. */
  isLate: boolean;
  rules: FollowUpRules;
}

/** Joins subscriptions and messages. */
export interface PartFollowUps {
  /** Finds what an event follows from. Nothing is written before `settle`. */
  join(seq: number, appId: number, accountId: string, happened: HappenedParts, nowMs: number): EventJoin;
  /** Joins a decision that was just written with events about some of its things that came before it. */
  ask(decision: PartedDecision, things: readonly string[], rules: FollowUpRules, nowMs: number): FollowedUpValues;
  /** Joins anew after it became known what a fallback has answered instead of a decision. */
  answer(seq: number, rules: FollowUpRules, nowMs: number): FollowedUpValues;
}

/** The rows of a store that decisions and events are found in. What is written must be seen by what is read after it. */
export interface PartRows {
  /**
   * Those of the latest `limit` decisions on the account that are of the kind and, when there is one thing only, can be about it. It is looked no
   * further back than to the first that was made before `fromMs`.
   */
  findDecisions(appId: number, accountId: string, kind: PartKind, things: readonly string[], fromMs: number, limit: number): FoundDecisions;
  /** Undefined when there is no such decision, or it is about no account. */
  decision(seq: number): PartedDecision | undefined;
  /** The parts of a decision as if no fallback had answered instead. */
  partsAsDecided(seq: number): readonly Part[];
  /** Keeps what followed from the decision, where that is another thing than before. */
  writeDecision(decision: PartedDecision): void;
  /** Undefined when the event is not kept any more. */
  event(seq: number): PartedEvent | undefined;
  /** The events about one thing that are followed up, among at least the latest 256 on the account. */
  findEvents(appId: number, accountId: string, kind: PartKind, thing: string): PartedEvent[];
  /** Keeps what an event follows from: as a whole, and its parts in JSON where they are not as the whole. */
  writeEvent(seq: number, whole: PartState, parts: string | null): void;
  /** The id of a decision, for a text. */
  decisionId(seq: number): string;
}

/** First so many of the latest decisions on an account are looked at, and when they do not settle it, so many. */
const fewDecisions = 32;
const manyDecisions = 256;

/** Decisions and events that are being joined, each once, and what of them is about each thing. */
interface Scope {
  rules: FollowUpRules;
  nowMs: number;
  decisions: Map<number, PartedDecision>;
  events: Map<number, PartedEvent>;
  byThing: Map<string, Joinable>;
}

/** What of decisions and events is about one thing. */
interface Joinable {
  asked: AskedPart[];
  happened: HappenedPart[];
}

interface AskedPart extends AskedDecision {
  decision: PartedDecision;
  index: number;
}

interface HappenedPart extends FollowingEvent {
  event: PartedEvent;
  place: number;
}

/** Creates the joining of subscriptions and messages over the rows and cases of a store. */
export function createPartFollowUps(rows: PartRows, cases: FollowUpCases): PartFollowUps {
  function findDecisions(event: PartedEvent, fromMs: number, reservationMs: number): FoundDecisions {
    const { appId, accountId, kind, things } = event;
    const few = rows.findDecisions(appId, accountId, kind, things, fromMs, fewDecisions);
    if (few.isWhole) return few;
    const settled = new Set(few.decisions.flatMap((decision) => thingsStandingAt(decision, event.eventMs, reservationMs)));
    if (things.every((thing) => settled.has(thing))) return few;
    return rows.findDecisions(appId, accountId, kind, things, fromMs, manyDecisions);
  }

  /** Takes in events, and decisions with the events that they are joined with. A decision of which such an event is not kept any more stays out. */
  function gather(scope: Scope, events: readonly PartedEvent[], decisions: readonly PartedDecision[]): void {
    for (const event of events) takeIn(scope, event);
    for (const decision of decisions) {
      const parts = decision.parts.filter(({ thing }) => scope.byThing.has(thing));
      const joined = parts.flatMap(({ index }) => decision.joined.get(index)?.eventSeq ?? []);
      const others = [...new Set(joined)].filter((seq) => !scope.events.has(seq)).map(rows.event);
      if (others.includes(undefined)) continue;
      for (const event of others) if (event !== undefined) takeIn(scope, event);
      scope.decisions.set(decision.seq, decision);
      const { seq, askMs, standsFromMs } = decision;
      for (const { thing, index, isAllowed } of parts) {
        const lapseMs = isAllowed ? standsFromMs + scope.rules.reservationMs : null;
        scope.byThing.get(thing)?.asked.push({ seq, askMs, lapseMs, decision, index });
      }
    }
  }

  function takeIn({ events, byThing }: Scope, event: PartedEvent): void {
    if (events.has(event.seq)) return;
    events.set(event.seq, event);
    // Of two events of one moment the digest decides.
    const { eventMs, digest: accountId } = event;
    for (const [place, thing] of event.things.entries()) byThing.get(thing)?.happened.push({ eventMs, accountId, event, place });
  }

  function joinAll({ rules, nowMs, byThing }: Scope): void {
    for (const { asked, happened } of byThing.values()) {
      const joins = joinFollowUps(asked, happened, rules.followUpMs);
      const before = new Map(asked.map((one) => [one, one.decision.joined.get(one.index)]));
      for (const { decision, index } of asked) decision.joined.delete(index);
      for (const [{ event, place }, one] of joins) {
        if (one === undefined) {
          // What could not be told is still not known.
          if (event.states[place]?.[0] !== unknown) event.states[place] = [bypassed, 0];
          continue;
        }
        const known = before.get(one);
        one.decision.joined.set(one.index, known?.eventSeq === event.seq ? known : { eventSeq: event.seq, timeMs: nowMs });
        event.states[place] = [one.lapseMs === null ? leaked : confirmed, one.seq];
      }
      for (const [{ decision, index, lapseMs }, known] of before) {
        const isFreed = known !== undefined && !decision.joined.has(index);
        if (isFreed && lapseMs !== null && lapseMs <= nowMs) decision.abandonMs ??= nowMs;
      }
    }
  }

  function settle({ rules, nowMs, decisions, events }: Scope): FollowedUpValues {
    for (const decision of decisions.values()) rows.writeDecision(decision);
    const followedUp: FollowedUpValues = [];
    for (const event of events.values()) {
      const known = settleEvent(event, rules, nowMs);
      if (event.written === undefined) followedUp.unshift(...known);
      else followedUp.push(...known);
    }
    return followedUp;
  }

  /** Writes what an event follows from, when that is another thing than before. */
  function settleEvent(event: PartedEvent, { messageBypassCases }: FollowUpRules, nowMs: number): FollowedUpValues {
    const { seq, appId, accountId, kind, user, states, written } = event;
    const whole = wholeOfEvent(states);
    const [followUp, decisionSeq] = whole;
    const parts = partsColumn(states);
    const isAnother = written === undefined || written.whole[0] !== followUp || written.whole[1] !== decisionSeq;
    // The whole of a new event is written with it.
    if (written === undefined ? parts !== null : isAnother || written.parts !== parts) rows.writeEvent(seq, whole, parts);
    if (!isAnother || followUp === unknown) return [];
    if (written !== undefined) closeCaseOf(seq, written.whole, decisionSeq, nowMs);
    const opens = followUp === leaked || (followUp === bypassed && (kind === "addSubscribers" || messageBypassCases));
    const caseKind = followUp === leaked ? leak : bypass;
    const subject = { appId, kind: caseKind, decisionSeq: decisionSeq || null, eventSeq: seq, accountId, user };
    return [followUp, seq, decisionSeq, opens ? cases.open(subject, nowMs) : 0];
  }

  /** Closes what was opened about an event as it was joined before. */
  function closeCaseOf(seq: number, [followUp]: PartState, decisionSeq: number, nowMs: number): void {
    if (followUp !== leaked && followUp !== bypassed) return;
    const found = decisionSeq === 0 ? "no decision" : rows.decisionId(decisionSeq);
    cases.closeOfEvent(followUp === leaked ? leak : bypass, seq, `The event follows from ${found}, as became known later.`, nowMs);
  }

  /** Joins anew all that is known of some things on the account of a decision. */
  function joinAnew(decision: PartedDecision, things: readonly string[], rules: FollowUpRules, nowMs: number): FollowedUpValues {
    const { appId, accountId, kind } = decision;
    const events = things.flatMap((thing) => rows.findEvents(appId, accountId, kind, thing));
    const scope = scopeOf(things, rules, nowMs);
    const fromMs = Math.min(...events.map(({ eventMs }) => eventMs)) - rules.followUpMs - clockSlackMs;
    const found = events.length === 0 ? [] : rows.findDecisions(appId, accountId, kind, things, fromMs, manyDecisions).decisions;
    gather(scope, events, [...found.filter(({ seq }) => seq !== decision.seq), decision]);
    joinAll(scope);
    if (!scope.decisions.has(decision.seq)) rows.writeDecision(decision);
    return settle(scope);
  }

  return {
    join(seq, appId, accountId, { isLate, rules, ...happened }, nowMs) {
      const event: PartedEvent = { ...happened, seq, appId, accountId, states: [], written: undefined };
      const fromMs = event.eventMs - rules.followUpMs - clockSlackMs;
      const { decisions, isWhole } = findDecisions(event, fromMs, rules.reservationMs);
      // Where not all was looked at, or may be kept, what is not found may have been asked all the same.
      const untold: PartState = [isLate || !isWhole ? unknown : bypassed, 0];
      event.states = event.things.map(() => untold);
      const scope = scopeOf(event.things, rules, nowMs);
      gather(scope, [event], decisions);
      joinAll(scope);
      const [followUp, decisionSeq] = wholeOfEvent(event.states);
      return { followUp: followUp || null, decisionSeq: decisionSeq || null, settle: () => settle(scope) };
    },

    ask: joinAnew,

    answer(seq, rules, nowMs) {
      const decision = rows.decision(seq);
      if (decision === undefined) return [];
      const things = new Set([...decision.parts, ...rows.partsAsDecided(seq)].map(({ thing }) => thing));
      return joinAnew(decision, [...things], rules, nowMs);
    },
  };
}

function scopeOf(things: readonly string[], rules: FollowUpRules, nowMs: number): Scope {
  const byThing = new Map(things.map((thing): [string, Joinable] => [thing, { asked: [], happened: [] }]));
  return { rules, nowMs, decisions: new Map(), events: new Map(), byThing };
}

/** What of a decision was allowed, stands at this time, and is joined with no event yet. */
function thingsStandingAt({ parts, joined, askMs, standsFromMs }: PartedDecision, eventMs: number, reservationMs: number): string[] {
  if (askMs > eventMs + clockSlackMs || standsFromMs + reservationMs <= eventMs) return [];
  return parts.flatMap(({ thing, index, isAllowed }) => (isAllowed && !joined.has(index) ? [thing] : []));
}

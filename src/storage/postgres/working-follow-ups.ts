// What followed from decisions, and what events follow from, as one batch writes it.
import type { FollowUpColumns } from "../parted-decisions.ts";

/** What an event follows from; `parts` is null when all its parts are as the event. */
export interface EventFollowUp {
  follow_up: number | null;
  decision_seq: number | null;
  follow_up_parts: string | null;
}

/** A row of `follow_ups` as it is written. */
export interface FollowUpRow {
  decision_seq: number;
  follow_up: number;
  event_seq: number | null;
  time: number | null;
  parts: string | null;
  missing: number | null;
  abandon_time: number | null;
}

/** The row of a decision. */
export function followUpRow(decisionSeq: number, columns: FollowUpColumns): FollowUpRow {
  const [follow_up, event_seq, time, parts, missing, abandon_time] = columns;
  return { decision_seq: decisionSeq, follow_up, event_seq, time, parts, missing, abandon_time };
}

/** What the batch writes of follow-ups. */
export interface WorkingFollowUps {
  /** Notes what followed from a decision, in the place of what was noted before. */
  note(decisionSeq: number, columns: FollowUpColumns): void;
  forget(decisionSeq: number): void;
  /** What followed from a decision: an empty array when the batch forgets it, undefined when the batch says nothing of it. */
  of(decisionSeq: number): FollowUpColumns | [] | undefined;
  noteOfEvent(eventSeq: number, followUp: EventFollowUp): void;
  /** What an event that is not of the batch follows from; undefined when the batch says nothing of it. */
  ofEvent(eventSeq: number): EventFollowUp | undefined;
  /** What is written of them. */
  rows(): Record<string, unknown[]>;
}

/** Creates nothing known. `eventOf` finds an event that the batch inserts, which is changed in its place. */
export function createWorkingFollowUps(eventOf: (seq: number) => object | undefined): WorkingFollowUps {
  const ofDecisions = new Map<number, FollowUpColumns | []>();
  const ofEvents = new Map<number, EventFollowUp>();

  return {
    note: (decisionSeq, columns) => void ofDecisions.set(decisionSeq, columns),
    forget: (decisionSeq) => void ofDecisions.set(decisionSeq, []),
    of: (decisionSeq) => ofDecisions.get(decisionSeq),
    noteOfEvent(eventSeq, followUp) {
      const inserted = eventOf(eventSeq);
      if (inserted === undefined) ofEvents.set(eventSeq, followUp);
      else Object.assign(inserted, followUp);
    },
    ofEvent: (eventSeq) => ofEvents.get(eventSeq),
    rows: () => ({
      followUps: [...ofDecisions].flatMap(([seq, columns]) => (columns.length === 0 ? [] : [followUpRow(seq, columns)])),
      forgottenFollowUps: [...ofDecisions].flatMap(([seq, columns]) => (columns.length === 0 ? [seq] : [])),
      eventFollowUps: [...ofEvents].map(([seq, followUp]) => ({ seq, ...followUp })),
    }),
  };
}

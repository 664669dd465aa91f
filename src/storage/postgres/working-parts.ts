// The decisions on subscribers and messages, and their events, that one batch joins: those that were read, and those that it writes.
import { partsOf } from "../follow-up-parts.ts";
import type { PartRows } from "../part-follow-ups.ts";
import {
  type FollowUpColumns,
  followUpToKeep,
  type LateAnswer,
  markOfDecisions,
  type PartedDecision,
  type PartedDecisionRow,
  partedDecisionOf,
} from "../parted-decisions.ts";
import { markOfEvents, type PartedEvent, type PartedEventRow, partedEventOf } from "../parted-events.ts";
import type { Asking } from "./asking.ts";
import type { WorkingFollowUps } from "./working-follow-ups.ts";
import type { InsertedDecision, InsertedEvent, WorkingLogs } from "./working-logs.ts";

/** What this needs of the rows of the batch. */
export interface PartDeps extends Pick<WorkingLogs, "decisionsOn" | "eventsOn" | "eventOf"> {
  followUps: WorkingFollowUps;
  /** What the batch notes to have been answered instead of a decision. */
  answerOf(seq: number): LateAnswer | undefined;
  decisionId(seq: number): string;
}

/** The rows that subscriptions and messages are joined over. */
export interface WorkingParts {
  partRows: PartRows;
  /** A decision of the batch. */
  partedDecision(row: InsertedDecision & { account_id: string }): PartedDecision;
  /**
   * Those of the subscribers whom an event since then has added, and the things of messages that one since then has sent: as it is before the
   * batch, in which decisions go before events.
   */
  addedSince(appId: number, accountId: string, sinceMs: number, subscribers: readonly string[]): string[];
  sentSince(appId: number, accountId: string, sinceMs: number): string[];
}

/** A decision as the database tells of it in JSON. */
export interface AnsweredDecision extends PartedDecisionRow {
  app_id: number;
  account_id: string;
  answer: LateAnswer | null;
  stored: FollowUpColumns | null;
}

/** Creates the rows, over what was read. */
export function createWorkingParts(asking: Asking, deps: PartDeps): WorkingParts {
  const { followUps, eventOf, decisionId } = deps;

  function decisionOf(
    appId: number,
    accountId: string,
    row: PartedDecisionRow & Partial<Pick<AnsweredDecision, "answer" | "stored">>,
  ): PartedDecision {
    const answer = deps.answerOf(row.seq) ?? row.answer ?? undefined;
    const stored = followUps.of(row.seq) ?? row.stored ?? [];
    return partedDecisionOf(appId, accountId, row, answer, stored.length === 0 ? undefined : stored);
  }

  function answeredDecision(seq: number) {
    return asking.ask("partedDecision", seq) as AnsweredDecision | null | undefined;
  }

  function eventOfRow(row: PartedEventRow): PartedEvent | undefined {
    return partedEventOf({ ...row, ...followUps.ofEvent(row.seq) });
  }

  function insertedEvent(accountId: string, row: InsertedEvent): PartedEvent | undefined {
    return partedEventOf({ ...row, account_id: accountId, time: row.event_time ?? row.receive_time ?? 0 });
  }

  function eventsOn(appId: number, accountId: string, mark: string, sinceMs: number): PartedEvent[] {
    const read = (asking.ask("followedEvents", appId, accountId, mark, sinceMs) as PartedEventRow[] | null | undefined) ?? [];
    return read.flatMap((row) => eventOfRow(row) ?? []);
  }

  const partRows: PartRows = {
    findDecisions(appId, accountId, kind, things, fromMs, limit) {
      const mark = markOfDecisions(kind, things);
      const answer = asking.ask("decisionsOn", appId, accountId, mark, fromMs, limit);
      const [isWhole, read] = (answer as [boolean, AnsweredDecision[] | null] | null | undefined) ?? [true, null];
      const inserted = deps.decisionsOn(accountId).slice(-limit).reverse();
      const end = inserted.findIndex(({ decide_time }) => (decide_time ?? 0) < fromMs);
      const recent = end === -1 ? inserted : inserted.slice(0, end);
      const meant = recent.filter((row) => row.app_id === appId && row.event_seq === null && row.body.includes(mark));
      const rows = end === -1 ? [...meant, ...(read ?? [])] : meant;
      return { decisions: rows.map((row) => decisionOf(appId, accountId, row)), isWhole: isWhole || end !== -1 };
    },

    decision(seq) {
      const row = answeredDecision(seq);
      return row ? decisionOf(row.app_id, row.account_id, row) : undefined;
    },

    partsAsDecided(seq) {
      const row = answeredDecision(seq);
      return row ? partsOf({ verdict: row.verdict, answered: null, body: row.body }) : [];
    },

    writeDecision(decision) {
      const columns = followUpToKeep(decision);
      if (columns === undefined) return;
      if (columns.length === 0) followUps.forget(decision.seq);
      else followUps.note(decision.seq, columns);
    },

    event(seq) {
      const inserted = eventOf(seq);
      if (inserted !== undefined) return insertedEvent(inserted.account_id ?? "", inserted);
      const row = asking.ask("followedEvent", seq) as PartedEventRow | null | undefined;
      return row ? eventOfRow(row) : undefined;
    },

    findEvents(appId, accountId, kind, thing) {
      const inserted = deps.eventsOn(appId, accountId).filter(({ follow_up }) => follow_up !== null);
      const all = [
        ...eventsOn(appId, accountId, markOfEvents(kind, thing), 0),
        ...inserted.flatMap((row) => insertedEvent(accountId, row) ?? []),
      ];
      return all.filter((event) => event.kind === kind && event.things.includes(thing));
    },

    writeEvent(seq, [followUp, decisionSeq], parts) {
      followUps.noteOfEvent(seq, { follow_up: followUp || null, decision_seq: decisionSeq || null, follow_up_parts: parts });
    },

    decisionId,
  };

  return {
    partRows,
    partedDecision: (row) => decisionOf(row.app_id, row.account_id, row),
    addedSince(appId, accountId, sinceMs, subscribers) {
      return (asking.ask("addedSince", appId, accountId, sinceMs, ...subscribers) as string[] | null | undefined) ?? [];
    },
    sentSince: (appId, accountId, sinceMs) =>
      eventsOn(appId, accountId, markOfEvents("sendMessage", ""), sinceMs).flatMap(({ things }) => things),
  };
}

// What one batch appends to the logs of decisions and of events.
import type { PartedDecisionRow } from "../parted-decisions.ts";
import type { PartedEventRow } from "../parted-events.ts";
import type { Asking } from "./asking.ts";
import { createKeyedRows } from "./keyed-rows.ts";

/** A decision that the batch inserts, as far as it is read again. */
export interface InsertedDecision extends PartedDecisionRow {
  app_id: number;
  account_id: string | null;
  /** Of the event that it is about; null when it is about an action. */
  event_seq: number | null;
}

/** An event that the batch inserts, as far as it is read again. */
export interface InsertedEvent extends Omit<PartedEventRow, "account_id" | "time"> {
  account_id: string | null;
  /** As src/storage/postgres/retention-classes.ts says. */
  class: number;
  event_time: number | null;
  receive_time: number | null;
}

/** The ends of the logs that the batch writes. */
export interface WorkingLogs {
  insertDecision(row: InsertedDecision): void;
  insertEvent(row: InsertedEvent): void;
  /** The number of the event with the digest, be it of the batch or not. */
  eventSeq(digest: string): number | undefined;
  /** An event of the batch. */
  eventOf(seq: number): InsertedEvent | undefined;
  /** What the batch has appended about an account, in its order. */
  decisionsOn(accountId: string): readonly InsertedDecision[];
  eventsOn(appId: number, accountId: string): readonly InsertedEvent[];
}

/** Creates them. `add` adds a row to a table. */
export function createWorkingLogs(asking: Asking, add: (table: string, row: unknown) => void): WorkingLogs {
  const decisionsByAccount = new Map<string, InsertedDecision[]>();
  const eventsByAccount = createKeyedRows<InsertedEvent[]>();
  const eventsByDigest = new Map<string, InsertedEvent>();
  const eventsBySeq = new Map<number, InsertedEvent>();
  return {
    insertDecision(row) {
      add("decisions", row);
      if (row.account_id === null) return;
      const onAccount = decisionsByAccount.get(row.account_id);
      if (onAccount === undefined) decisionsByAccount.set(row.account_id, [row]);
      else onAccount.push(row);
    },
    insertEvent(row) {
      add("events", row);
      eventsByDigest.set(row.digest, row);
      eventsBySeq.set(row.seq, row);
      if (row.account_id === null) return;
      const onAccount = eventsByAccount.get(row.app_id, row.account_id);
      if (onAccount === undefined) eventsByAccount.set([row], row.app_id, row.account_id);
      else onAccount.push(row);
    },
    eventSeq(digest) {
      const known = eventsByDigest.get(digest);
      if (known !== undefined) return known.seq;
      return (asking.ask("eventByDigest", digest) as number | null | undefined) ?? undefined;
    },
    eventOf: (seq) => eventsBySeq.get(seq),
    decisionsOn: (accountId) => decisionsByAccount.get(accountId) ?? [],
    eventsOn: (appId, accountId) => eventsByAccount.get(appId, accountId) ?? [],
  };
}

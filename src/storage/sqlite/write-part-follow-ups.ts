// How subscriptions and messages are joined in SQLite. Runs in the writer thread, inside the transaction of a batch.
import type { Database } from "better-sqlite3";
import type { FollowedUpValues, FollowUpCases } from "../creations.ts";
import { clockSlackMs } from "../follow-up-join.ts";
import { createPartFollowUps, type PartFollowUps } from "../part-follow-ups.ts";
import { formatSequenceId } from "../sequence-ids.ts";
import type { FollowUpRules } from "../storage.ts";
import { createRecentEvents } from "./recent-events.ts";
import { preparePartedDecisions } from "./write-parted-decisions.ts";
import { preparePartedEvents } from "./write-parted-events.ts";

/** Joins subscriptions and messages. */
export interface PreparedPartFollowUps extends Omit<PartFollowUps, "ask"> {
  /** Joins a decision that was just written with events that came before it. `rules` are JSON, which is seldom read. */
  ask(seq: number, appId: number, accountId: string, askMs: number, rules: string, nowMs: number): FollowedUpValues;
}

/** Prepares the joining of subscriptions and messages. */
export function preparePartFollowUps(db: Database, cases: FollowUpCases): PreparedPartFollowUps {
  const recent = createRecentEvents(db);
  const decisions = preparePartedDecisions(db);
  const { isAddedSince, ...events } = preparePartedEvents(db);
  const parts = createPartFollowUps({ ...decisions, ...events, decisionId: (seq) => formatSequenceId("dec", seq) }, cases);
  return {
    join(seq, appId, accountId, happened, nowMs) {
      recent.note(appId, accountId, happened.eventMs);
      return parts.join(seq, appId, accountId, happened, nowMs);
    },

    ask(seq, appId, accountId, askMs, rules, nowMs) {
      const sinceMs = askMs - clockSlackMs;
      if (!recent.mayHaveSince(appId, accountId, sinceMs)) return [];
      const decision = decisions.decision(seq);
      if (decision === undefined) return [];
      const things = decision.parts
        .map(({ thing }) => thing)
        .filter((thing) => decision.kind === "sendMessage" || isAddedSince(appId, accountId, thing, sinceMs));
      return things.length === 0 ? [] : parts.ask(decision, things, JSON.parse(rules) as FollowUpRules, nowMs);
    },

    answer: parts.answer,
  };
}

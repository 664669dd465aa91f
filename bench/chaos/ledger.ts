// What clients were told while everything broke: it must all be there afterwards.

/** Why a webhook was not answered in time, as far as the client can see. */
export type Excuse = "its replica stood still" | "its replica was killed" | "this load itself stood still" | "none";

/** What clients were told. */
export interface Ledger {
  webhooks: {
    /** How long each valid answer took, in milliseconds, with what was asked anew at another replica. */
    latencies: number[];
    /** How many were not answered within 2 s, by the reason. */
    late: Record<Excuse, number>;
    /** Those that nothing excuses. */
    unexcused: string[];
    /** Answers that Chat would not understand. */
    invalid: string[];
  };
  /** What a webhook was denied or allowed by the policy: the code that was answered, by what only this decision is about. */
  decided: Map<string, number>;
  /** The same of those that a fallback has answered, and when it was that life's of a replica. */
  fallbacks: Map<string, { isGone: boolean }>;
  /** Decisions by call, by their request_id. */
  calls: Map<string, { decisionId: string; verdict: number }>;
  /** What was told otherwise when the same call was made again. */
  toldOtherwise: string[];
  /** Events that were acknowledged, by what only this event is about. */
  events: Set<string>;
  /** Changes on one replica that the next decision on another did not know. */
  behind: string[];
  /** How many changes were tried so. */
  changes: number;
  /** Calls and events that were given up. */
  givenUp: number;
}

/** Creates one with nothing in it. */
export function createLedger(): Ledger {
  return {
    webhooks: {
      latencies: [],
      late: { "its replica stood still": 0, "its replica was killed": 0, "this load itself stood still": 0, none: 0 },
      unexcused: [],
      invalid: [],
    },
    decided: new Map(),
    fallbacks: new Map(),
    calls: new Map(),
    toldOtherwise: [],
    events: new Set(),
    behind: [],
    changes: 0,
    givenUp: 0,
  };
}

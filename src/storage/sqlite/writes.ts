// What the main thread asks of the writer thread, and what it is answered: plain values, which cross threads cheaply.
import type { RetentionClass } from "../storage.ts";

/** The values of a decision. */
export type DecisionValues = [
  appId: number,
  requestId: string | null,
  actionDigest: string | null,
  accountId: string | null,
  operator: string | null,
  owner: string | null,
  verdict: number,
  policyVersion: string | null,
  eventTimeMs: number | null,
  decideTimeMs: number | null,
  body: string,
  eventId: string | null,
];

/** What a decision counts: one in a bucket. */
export type CountValues = [appId: number, action: string, windowMs: number, key: string, bucketStartMs: number];

/** The values of an entry to add. */
export type EntryValues = [value: string, reason: string, author: string, source: string, expireMs: number | null, createMs: number];

/** The arguments of each kind of write. Digests are hexadecimal, times are milliseconds. */
export interface WriteArguments {
  /**
   * `creation` is JSON of AskedValues, `counts` of CountValues, `followUp` of FollowUpRules, null for none; `changesFacts` is 1 when it takes room,
   * or counts. Results in the
   * new sequence number, with FollowedUpValues after it when anything became known, or, negative, in that of the decision which had the
   * request_id before.
   */
  appendDecision: [
    ...DecisionValues,
    nowMs: number,
    creation: string | null,
    counts: string | null,
    followUp: string | null,
    changesFacts: 0 | 1,
  ];
  /**
   * `change` is an AccountChange in JSON, `subscriptions` a SubscriptionChange, `messages` a MessageChange; `creation` is JSON of HappenedValues, `happened`
   * of HappenedParts;
   * `flagged` is JSON of the DecisionValues of a decision about it, whose event id is put in. Results in the new sequence number, with
   * FollowedUpValues after it when anything became known, or, negative, in that of the event which had the digest before.
   */
  appendEvent: [
    appId: number,
    accountId: string | null,
    digest: string,
    eventTimeMs: number | null,
    receiveTimeMs: number | null,
    body: string,
    nowMs: number,
    change: string | null,
    subscriptions: string | null,
    messages: string | null,
    creation: string | null,
    happened: string | null,
    flagged: string | null,
  ];
  /** Results in how many creations, subscriptions and messages were abandoned, and 1 when nothing was left to do. */
  sweepFollowUps: [nowMs: number, reservationMs: number, keepMs: number];
  /** Results in the sequence number of the new case, or, negative, in that of the one that was there before. */
  openCase: [
    appId: number,
    kind: number,
    decisionSeq: number | null,
    eventSeq: number | null,
    accountId: string | null,
    user: string | null,
    nowMs: number,
  ];
  /** Results in 0. */
  closeCase: [caseSeq: number, author: string, reason: string, nowMs: number];
  /** `events` is JSON of the arguments of `appendEvent`, each in an array. Results in what each of them results in. */
  appendEvents: [events: string];
  /** Results in 0. */
  appendShadow: [decisionSeq: number, version: string, body: string | null];
  /**
   * `creation` is JSON of AskedValues, `followUp` of FollowUpRules, null for none. Results in 1, with FollowedUpValues after it when anything became known, or in 0 when there
   * is such a mark already. The decision must be there.
   */
  markDegraded: [
    decisionSeq: number,
    cause: number,
    verdict: number,
    code: number,
    answerTimeMs: number,
    creation: string | null,
    followUp: string | null,
  ];
  /** `entries` is JSON of EntryValues tuples. Results in how many values are new, -1 when there is no such list. */
  addEntries: [list: string, entries: string];
  /** `values` is JSON. Results in how many values were there, -1 when there is no such list. */
  removeEntries: [list: string, values: string, author: string, reason: string, timeMs: number];
  /** Results in 0. */
  publishPolicy: [version: string, text: string, author: string, reason: string, publishTimeMs: number];
  /** `lists` is JSON of [name, kind] tuples. Results in 1, or in 0 when there is no such version. */
  pointPolicy: [pointer: string, version: string | null, author: string, reason: string, timeMs: number, lists: string];
  /** `roles` and `appIds` are JSON. Results in 1, or in 0 when the id is taken. */
  createKey: [
    keyId: string,
    name: string,
    roles: string,
    appIds: string,
    secretDigest: string,
    creator: string,
    createTimeMs: number,
    expireTimeMs: number | null,
  ];
  /** Results in 1, or in 0 when there is no such key. */
  revokeKey: [keyId: string, revoker: string, timeMs: number];
  /** Results in 0. */
  noteKeyUse: [keyId: string, timeMs: number];
  /** Results in the number of the new entry. */
  beginAuditEntry: [
    principalKind: number,
    principalId: string,
    principalName: string,
    method: string,
    appId: number,
    target: string,
    request: string,
    before: string,
    beginTimeMs: number,
  ];
  /** Results in 0. */
  endAuditEntry: [auditSeq: number, after: string, outcome: string];
  /** Results in how many were deleted, 1 when nothing was left to do, and for how long the thread was busy. */
  deleteOld: [oldClass: RetentionClass, beforeMs: number];
  /** Results in the number of the erasure. */
  beginErasure: [appId: number, user: string, pseudonym: string, isPreview: number, withLists: number, beginTimeMs: number];
  /** Results in the number of the erasure that has ended, in 0 when there is more to do, and in -1 when none is under way. */
  continueErasure: [nowMs: number];
  /** Writes something that means nothing. Results in 0. */
  check: [];
}

export type WriteKind = keyof WriteArguments;

/** One write. */
export type Write = { [Kind in WriteKind]: [kind: Kind, ...WriteArguments[Kind]] }[WriteKind];

/** What a write results in: most in one number. */
export type WriteResult<Kind extends WriteKind = WriteKind> = Kind extends "appendDecision" | "appendEvent" | "markDegraded"
  ? number | readonly number[]
  : Kind extends "sweepFollowUps"
    ? readonly [creations: number, subscriptions: number, messages: number, isDone: number]
    : Kind extends "deleteOld"
      ? readonly [deleted: number, isDone: number, busyMs: number]
      : Kind extends "appendEvents"
        ? readonly (number | readonly number[])[]
        : number;

/** How each kind of write is done. */
export type WriteOperations = { [Kind in WriteKind]: (...values: WriteArguments[Kind]) => WriteResult<Kind> };

/** What the writer thread is sent: the writes of one batch, the request to shorten the log, or the request to close and end. */
export type WriterRequest = Write[] | "checkpoint" | "close";

/** What the writer thread answers to a batch, or to the request to shorten the log. */
export type WriterAnswer = BatchAnswer | "checkpointed";

/** What became of a batch. */
export interface BatchAnswer {
  /** For each write its result, or why it failed. */
  results: (WriteResult | WriteFailure)[];
  /** Whether the log has grown so long that it should be shortened, which needs a moment in which no reader holds a view of it. */
  checkpointDue: boolean;
}

/** Why a write failed: the driver's error, of which threads would drop the code. */
export interface WriteFailure {
  code: string;
  message: string;
}

export function isFailure(result: WriteResult | WriteFailure): result is WriteFailure {
  return typeof result === "object" && "message" in result;
}

/** Whether what rules may ask is another thing once the write is on disk: then nothing may be read while that comes about. */
export function changesFacts(write: Write): boolean {
  switch (write[0]) {
    case "appendDecision":
      return write.at(-1) === 1;
    case "appendShadow":
    case "createKey":
    case "revokeKey":
    case "noteKeyUse":
    case "beginAuditEntry":
    case "endAuditEntry":
    case "sweepFollowUps":
    case "openCase":
    case "closeCase":
    case "deleteOld":
    case "beginErasure":
    case "check":
      return false;
    default:
      return true;
  }
}

// What the main thread asks of the writer thread, and what it is answered: plain values, which cross threads cheaply.

/** The arguments of each kind of write. Digests are hexadecimal, times are milliseconds. The result of each is one number. */
export interface WriteArguments {
  /** Results in the new sequence number, or, negative, in that of the decision which had the request_id before. */
  appendDecision: [
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
  ];
  /** Results in the new sequence number, or, negative, in that of the event which had the digest before. `change` is an AccountChange in JSON. */
  appendEvent: [
    appId: number,
    accountId: string | null,
    digest: string,
    eventTimeMs: number | null,
    receiveTimeMs: number | null,
    body: string,
    change: string | null,
  ];
  /** `entries` is JSON of [value, reason, createTimeMs] tuples. Results in how many values are new, -1 when there is no such list. */
  addEntries: [list: string, entries: string];
  /** `values` is JSON. Results in how many values were there, -1 when there is no such list. */
  removeEntries: [list: string, values: string];
  /** `lists` is JSON of names. Results in 0. */
  makePolicyLive: [version: string, text: string, lists: string];
  /** Writes something that means nothing. Results in 0. */
  check: [];
}

export type WriteKind = keyof WriteArguments;

/** One write. */
export type Write = { [Kind in WriteKind]: [kind: Kind, ...WriteArguments[Kind]] }[WriteKind];

/** How each kind of write is done. */
export type WriteOperations = { [Kind in WriteKind]: (...values: WriteArguments[Kind]) => number };

/** What the writer thread is sent: the writes of one batch, or the request to close its database and end. */
export type WriterRequest = Write[] | "close";

/** What the writer thread answers to a batch: for each write its result, or why it failed. */
export type WriterAnswer = (number | WriteFailure)[];

/** Why a write failed: the driver's error, of which threads would drop the code. */
export interface WriteFailure {
  code: string;
  message: string;
}

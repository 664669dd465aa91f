// What the load of the overload bench is told and tells.

/** What overload-load.ts is told, as JSON in its one argument. */
export interface OverloadRun {
  port: number;
  seconds: number;
  connections: number;
  requestsPerSecond: number;
}

/** What came of it. */
export interface OverloadResult {
  /** How many were sent, and how many were due while every connection was waiting for an answer. */
  sent: number;
  notSent: number;
  /** How many got HTTP 200 and an answer that Chat understands, within 2 s and later; how many anything else, or nothing. */
  inTime: number;
  late: number;
  invalid: number;
  p50_ms: number;
  p99_ms: number;
  max_ms: number;
  /** By how much the generator itself was late at most: so much of every latency may be its own. */
  ownLag_ms: number;
}

/** How long Chat waits for an answer, in milliseconds. */
export const chatPatienceMs = 2000;

/** A policy whose verdict can be told from every fallback: names that begin with `no` are denied with a code of their own. */
export const overloadPolicy = `name: overload
rules:
  - id: no
    on: [create_account]
    when: name.startsWith("no")
    then: { deny: { code: 120001, message: no } }
`;

// What a load generator is asked for and what it answers.

/** One run of load. */
export interface LoadRun {
  seconds: number;
  /** How many connections, or calls in flight, there are. */
  connections: number;
  /** The number of the first request; runs on one database must not share numbers. */
  from: number;
}

/** What came of it. A run with an answer that is no success, or a broken connection, rejects instead. */
export interface LoadResult {
  requests: number;
  rps: number;
  p50_ms: number;
  p99_ms: number;
  p999_ms: number;
}

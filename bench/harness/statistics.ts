// Medians, percentiles, and what several rounds come to.

/** One measurement of one row. */
export interface Measured {
  rps: number;
  p50_ms: number;
  p99_ms: number;
  p999_ms: number;
  /** CPU seconds of the server, of all its threads, for 10 000 requests. */
  cpu_s_per_10k: number;
  /** The most memory that the server had resident, in MiB. */
  rss_mb: number;
  /** From its start to the first moment at which it could answer. */
  ready_ms: number;
}

/** The middle one; of an even number of values the mean of the two in the middle. NaN when there is none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[sorted.length / 2 - 1] ?? Number.NaN) + upper) / 2;
}

/** The smallest value that at least `share` of the values do not exceed; the values must be sorted. NaN when there is none. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** The medians of each figure. */
export function medians(rounds: readonly Measured[]): Measured {
  const of = (key: keyof Measured) => median(rounds.map((round) => round[key]));
  return {
    rps: of("rps"),
    p50_ms: of("p50_ms"),
    p99_ms: of("p99_ms"),
    p999_ms: of("p999_ms"),
    cpu_s_per_10k: of("cpu_s_per_10k"),
    rss_mb: of("rss_mb"),
    ready_ms: of("ready_ms"),
  };
}

/** The median of the ratios of the requests per second in the same round; undefined when there is no round with both. */
export function ratioOf(ours: readonly Measured[], others: readonly Measured[]): number | undefined {
  const ratios = ours.flatMap(({ rps }, round) => (others[round] === undefined ? [] : [rps / others[round].rps]));
  return ratios.length === 0 ? undefined : median(ratios);
}

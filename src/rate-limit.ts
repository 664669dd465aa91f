// Rate limits: a token bucket for each key.

/** Limits how often things may happen. */
export interface RateLimit {
  /**
   * Takes one token of the bucket under `key`, which fills at `perSecond` and holds one second's worth. 0: it was there. Otherwise the milliseconds
   * until there is one again, and nothing was taken.
   */
  take(key: string, perSecond: number): number;
  /** How many buckets are kept: at most `minBuckets`, or twice those that were in use at one time, if that is more. */
  size(): number;
}

/** How many buckets are kept before those that are full again are looked for. */
export const minBuckets = 1024;

/** Sums of times are off by less than this: a full bucket must not seem to lack a billionth of a token. */
const roundingMs = 0.001;

/** Creates the buckets, all full. `nowMs` gives milliseconds of a clock that never goes back. */
export function createRateLimit(nowMs: () => number): RateLimit {
  /** When each bucket is full again: all there is to know of it. One that is not here is full. */
  const fullAtMs = new Map<string, number>();
  let forgetAbove = minBuckets;

  function forgetFull(now: number): void {
    for (const [key, atMs] of fullAtMs) if (atMs <= now) fullAtMs.delete(key);
    forgetAbove = Math.max(minBuckets, 2 * fullAtMs.size);
  }

  return {
    take(key, perSecond) {
      const now = nowMs();
      const tokenMs = 1000 / perSecond;
      const fillMs = Math.max(1, perSecond) * tokenMs;
      const fullMs = Math.max(fullAtMs.get(key) ?? 0, now);
      const waitMs = fullMs - now + tokenMs - fillMs;
      if (waitMs > roundingMs) return Math.ceil(waitMs);
      fullAtMs.set(key, fullMs + tokenMs);
      if (fullAtMs.size > forgetAbove) forgetFull(now);
      return 0;
    },
    size: () => fullAtMs.size,
  };
}

/** How long an app has to wait before it may ask again, in milliseconds; 0: it may ask now, and has. */
export type AppLimit = (appId: number) => number;

/** The limits of apps that have one; the others are never held up. */
export function createAppLimit(apps: readonly { id: number; maxPerSecond: number | undefined }[], rateLimit: RateLimit): AppLimit {
  const limits = new Map(
    apps.flatMap(({ id, maxPerSecond }) => (maxPerSecond === undefined ? [] : [[id, { key: `app ${id}`, maxPerSecond }] as const])),
  );
  if (limits.size === 0) return () => 0;
  return (appId) => {
    const limit = limits.get(appId);
    return limit === undefined ? 0 : rateLimit.take(limit.key, limit.maxPerSecond);
  };
}

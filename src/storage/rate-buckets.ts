// Rates are counted in buckets of a sixtieth of their window.

const bucketsPerWindow = 60;

/** Where the bucket of a moment begins. */
export function bucketStartMs(windowMs: number, timeMs: number): number {
  const widthMs = bucketWidthMs(windowMs);
  return Math.floor(timeMs / widthMs) * widthMs;
}

/** Where the first bucket begins that has a part in the window which ends now. */
export function firstBucketStartMs(windowMs: number, nowMs: number): number {
  return bucketStartMs(windowMs, nowMs - windowMs + 1);
}

function bucketWidthMs(windowMs: number): number {
  return Math.ceil(windowMs / bucketsPerWindow);
}

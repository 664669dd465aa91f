// When nothing waits for a time any more.

/** Whether a span of time has gone by since; a time far ahead is from a clock that was set back, and nothing waits for it. */
export function isPast(timeMs: number, spanMs: number, nowMs: number): boolean {
  return timeMs <= nowMs - spanMs || timeMs > nowMs + spanMs;
}

// Token buckets.
import { describe, expect, it } from "vitest";
import { createAppLimit, createRateLimit, minBuckets } from "../src/rate-limit.ts";

describe("a rate limit", () => {
  it("lets a second's worth through at once, and then as much as fills up", () => {
    let nowMs = 5000;
    const limit = createRateLimit(() => nowMs);
    const takeAll = () => Array.from({ length: 20 }, () => limit.take("a", 10)).filter((waitMs) => waitMs === 0).length;
    expect(takeAll()).toBe(10);
    expect(limit.take("a", 10)).toBe(100);
    expect(limit.take("b", 10)).toBe(0);
    nowMs += 99;
    expect(limit.take("a", 10)).toBe(1);
    nowMs += 1;
    expect(limit.take("a", 10)).toBe(0);
    expect(limit.take("a", 10)).toBe(100);
    nowMs += 3_600_000;
    expect(takeAll()).toBe(10);
  });

  it("lets all of a second's worth through whatever fractions of a millisecond the clock tells", () => {
    let nowMs = 0;
    const limit = createRateLimit(() => nowMs);
    for (const perSecond of [1, 3, 7, 0.3]) {
      for (let i = 1; i < 500; i += 1) {
        nowMs = i * 1234.567_891_3;
        const passed = Array.from({ length: 10 }, () => limit.take(`${perSecond} ${i}`, perSecond)).filter((waitMs) => waitMs === 0).length;
        expect(passed, `${perSecond} a second at ${nowMs}`).toBe(Math.max(1, Math.floor(perSecond)));
      }
    }
  });

  it("of less than one a second lets one through at a time", () => {
    let nowMs = 0;
    const limit = createRateLimit(() => nowMs);
    expect(limit.take("a", 0.5)).toBe(0);
    expect(limit.take("a", 0.5)).toBe(2000);
    nowMs += 2000;
    expect(limit.take("a", 0.5)).toBe(0);
  });

  it("forgets buckets that are full again, and no other", () => {
    let nowMs = 0;
    const limit = createRateLimit(() => nowMs);
    for (let i = 0; i < 20_000; i++) {
      limit.take(`caller ${i}`, 1);
      nowMs += 0.5;
      expect(limit.size()).toBeLessThanOrEqual(2 * 2000 + 1);
    }
    expect(limit.take("caller 19999", 1)).toBeGreaterThan(0);
    expect(limit.take("caller 18001", 1)).toBeGreaterThan(0);
    nowMs += 1000;
    for (let i = 0; limit.size() > minBuckets; i++) limit.take(`later ${i}`, 1000);
    expect(limit.take("caller 19999", 1)).toBe(0);
  });

  it("of an app holds up that app alone", () => {
    const apps = [
      { id: 1, maxPerSecond: 1 },
      { id: 2, maxPerSecond: undefined },
    ];
    const limit = createAppLimit(
      apps,
      createRateLimit(() => 0),
    );
    expect([limit(1), limit(1), limit(2), limit(2), limit(3)]).toEqual([0, 1000, 0, 0, 0]);
  });
});

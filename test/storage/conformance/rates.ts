// What the contract says of rates.
import { describe, expect, it } from "vitest";
import type { RateCounter, Store } from "../../../src/storage/storage.ts";
import { appId, baseMs, confusableIds, sampleDecision, sha256 } from "../samples.ts";
import { eachWithStore, factsAt, type OpenStore } from "./opened-store.ts";

const perMinute: RateCounter = { appId, action: "create_account", windowMs: 60_000 };
const minWindowMs = 1000;
const maxWindowMs = 30 * 86_400_000;

export function ratesConformance(open: OpenStore): void {
  describe("rates", () => {
    const current = eachWithStore(open);

    it.each([minWindowMs, 60_000, 61_001, maxWindowMs])("count what was in the last %d ms, to a sixtieth of that", async (windowMs) => {
      const { store } = current();
      const counter = { ...perMinute, windowMs };
      const toleranceMs = Math.ceil(windowMs / 60);
      const half = Math.floor(windowMs / 2);
      for (const atMs of [0, 0, 0, half]) await count(store, baseMs + atMs, [{ counter, key: "ann" }]);
      const rateAt = (afterMs: number) => rate(store, counter, "ann", baseMs + afterMs);
      expect(await rateAt(half - toleranceMs)).toBe(3);
      expect(await rateAt(half)).toBe(4);
      expect(await rateAt(windowMs - toleranceMs)).toBe(4);
      expect(await rateAt(windowMs + toleranceMs)).toBe(1);
      expect(await rateAt(half + windowMs - toleranceMs)).toBe(1);
      expect(await rateAt(half + windowMs + toleranceMs)).toBe(0);
    });

    it("count by app, action, window and key, byte for byte", async () => {
      const { store } = current();
      const counters = [
        perMinute,
        { ...perMinute, appId: 7 },
        { ...perMinute, action: "Create_account" },
        { ...perMinute, windowMs: 61_000 },
      ];
      for (const [index, counter] of counters.entries())
        for (let i = 0; i <= index; i += 1) await count(store, baseMs, [{ counter, key: "a" }]);
      for (const [index, counter] of counters.entries()) {
        expect(await rate(store, counter, "a")).toBe(index + 1);
        for (const key of confusableIds) expect(await rate(store, counter, key), key).toBe(key === "a" ? index + 1 : 0);
      }
    });

    it("count every key that a decision counts under, and nothing for one that counts under none", async () => {
      const { store } = current();
      await count(store, baseMs, [
        { counter: perMinute, key: "ann" },
        { counter: perMinute, key: "::1" },
        { counter: { ...perMinute, windowMs: 5000 }, key: "ann" },
      ]);
      await count(store, baseMs, []);
      expect(await rate(store, perMinute, "ann")).toBe(1);
      expect(await rate(store, perMinute, "::1")).toBe(1);
      expect(await rate(store, { ...perMinute, windowMs: 5000 }, "ann")).toBe(1);
      expect(await rate(store, { ...perMinute, windowMs: 5000 }, "::1")).toBe(0);
    });

    it("see every one before: however many overlap, as many pass as may", async () => {
      const { store } = current();
      let passed = 0;
      const counts = [{ counter: perMinute, key: "ann" }];
      const results = await Promise.all(
        Array.from({ length: 50 }, () => {
          let mayPass = false;
          return store
            .appendDecision(baseMs, (facts) => {
              mayPass = facts.rate(perMinute, "ann") < 10;
              return { decision: sampleDecision(), actionDigest: sha256(""), counts: mayPass ? counts : [] };
            })
            .then(() => mayPass);
        }),
      );
      passed = results.filter((mayPass) => mayPass).length;
      expect(passed).toBe(10);
      expect(await rate(store, perMinute, "ann")).toBe(10);
    });

    it("are the same after reopening", async () => {
      await count(current().store, baseMs, [{ counter: perMinute, key: "ann" }]);
      const store = await current().reopen();
      await count(store, baseMs + 1, [{ counter: perMinute, key: "ann" }]);
      expect(await rate(store, perMinute, "ann", baseMs + 1)).toBe(2);
    });
  });
}

async function count(store: Store, nowMs: number, counts: { counter: RateCounter; key: string }[]): Promise<void> {
  await store.appendDecision(nowMs, () => ({ decision: sampleDecision(), actionDigest: sha256(""), counts }));
}

function rate(store: Store, counter: RateCounter, key: string, nowMs = baseMs): Promise<number> {
  return factsAt(store, nowMs, (facts) => facts.rate(counter, key));
}

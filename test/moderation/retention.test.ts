// The loop that deletes what is old: when it runs, how it rests, what it tells, and how it stops.
import { expect, test } from "vitest";
import { type RetentionDays, startRetention } from "../../src/moderation/retention.ts";
import type { DeletedOld } from "../../src/storage/storage.ts";

const dayMs = 86_400_000;
const forEver: RetentionDays = { allowedDecisions: 0, flaggedDecisions: 0, subscriptionEvents: 0, messageEvents: 0, accountEvents: 0 };

/** A loop whose timer is called by hand, over steps that answer in turn, and then that nothing is left. */
function start(days: Partial<RetentionDays>, answers: (DeletedOld | Promise<DeletedOld> | Error)[] = []) {
  const waits: number[] = [];
  const told: unknown[] = [];
  const asked: [oldClass: string, beforeMs: number][] = [];
  let pending: (() => void) | undefined;
  const stop = startRetention({
    store: {
      async deleteOld(oldClass, beforeMs) {
        asked.push([oldClass, beforeMs]);
        const answer = answers[asked.length - 1] ?? { deleted: 0, done: true, busyMs: 0 };
        if (answer instanceof Error) throw answer;
        return answer;
      },
    },
    days: { ...forEver, ...days },
    now: () => 100 * dayMs,
    after(ms, run) {
      waits.push(ms);
      pending = run;
      return () => {
        pending = undefined;
      };
    },
    onStep: (...step) => told.push(step),
    onRun: (deleted) => told.push({ ...deleted }),
    onFailed: (error) => told.push(error),
  });
  return {
    waits,
    told,
    asked,
    stop,
    isWaiting: () => pending !== undefined,
    async tick() {
      const run = pending;
      pending = undefined;
      run?.();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

test("it does nothing when everything is kept for ever", async () => {
  const loop = start({});
  expect(loop.isWaiting()).toBe(false);
  await loop.stop();
});

test("it goes through the classes that are not kept for ever, step by step with rests, and begins again after a while", async () => {
  const loop = start({ allowedDecisions: 30, accountEvents: 10 }, [
    { deleted: 5, done: false, busyMs: 8 },
    { deleted: 2, done: true, busyMs: 3 },
    { deleted: 1, done: true, busyMs: 1 },
  ]);
  expect(loop.waits).toEqual([5000]);
  for (let i = 0; i < 4; i += 1) await loop.tick();
  expect(loop.asked).toEqual([
    ["allowedDecisions", 70 * dayMs],
    ["allowedDecisions", 70 * dayMs],
    ["accountEvents", 90 * dayMs],
    ["allowedDecisions", 70 * dayMs],
  ]);
  for (const waitMs of loop.waits.slice(1, 3)) {
    expect(waitMs).toBeGreaterThanOrEqual(20);
    expect(waitMs).toBeLessThan(60_000);
  }
  expect(loop.waits[3]).toBe(60_000);
  expect(loop.told.slice(0, 4)).toEqual([
    ["allowedDecisions", 5, 8],
    ["allowedDecisions", 2, 3],
    ["accountEvents", 1, 1],
    { allowedDecisions: 7, flaggedDecisions: 0, subscriptionEvents: 0, messageEvents: 0, accountEvents: 1 },
  ]);
  await loop.stop();
});

test("it says nothing of a run that deleted nothing, and goes on later after one that failed", async () => {
  const failure = new Error("no store");
  const loop = start({ allowedDecisions: 1 }, [{ deleted: 0, done: true, busyMs: 0 }, failure]);
  await loop.tick();
  await loop.tick();
  expect(loop.told).toEqual([["allowedDecisions", 0, 0], failure]);
  expect(loop.waits).toEqual([5000, 60_000, 60_000]);
  await loop.tick();
  expect(loop.asked).toHaveLength(3);
  await loop.stop();
});

test("it waits for a step under way when it stops, and makes no other", async () => {
  const step = Promise.withResolvers<DeletedOld>();
  const loop = start({ allowedDecisions: 1 }, [step.promise]);
  await loop.tick();
  let isStopped = false;
  const stopping = loop.stop().then(() => {
    isStopped = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(isStopped).toBe(false);
  step.resolve({ deleted: 1, done: false, busyMs: 1 });
  await stopping;
  expect(loop.isWaiting()).toBe(false);
});

// The loop that lets time go by for what was asked: when it looks, how it rests, and how it stops.
import { expect, test } from "vitest";
import { type FollowUpSweepDeps, startFollowUpSweep } from "../../src/moderation/follow-up-sweep.ts";
import type { SweptFollowUps } from "../../src/storage/storage.ts";

const none = { createAccount: 0, addSubscribers: 0, sendMessage: 0 };

/** A loop whose timer is called by hand, over steps that answer in turn. */
function start(answers: (() => Promise<SweptFollowUps>)[]) {
  const waits: number[] = [];
  const told: unknown[] = [];
  const swept: { nowMs: number; reservationMs: number; keepMs: number }[] = [];
  let pending: (() => void) | undefined;
  let nowMs = 1000;
  const deps: FollowUpSweepDeps = {
    store: {
      sweepFollowUps(atMs, sweep) {
        swept.push({ nowMs: atMs, ...sweep });
        return answers[swept.length - 1]?.() ?? Promise.resolve({ abandoned: none, done: true });
      },
    },
    reservationMs: 300_000,
    followUpMs: 86_400_000,
    now: () => nowMs,
    after(ms, run) {
      waits.push(ms);
      pending = run;
      return () => {
        pending = undefined;
      };
    },
    onAbandoned: (...abandoned) => told.push(abandoned),
    onFailed: (error) => told.push(error),
  };
  const stop = startFollowUpSweep(deps);
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return {
    waits,
    told,
    swept,
    stop,
    settle,
    isWaiting: () => pending !== undefined,
    async tick() {
      nowMs += 1000;
      const run = pending;
      pending = undefined;
      run?.();
      await settle();
    },
  };
}

test("it looks at once, rests a little while there is more, and longer when all is done", async () => {
  const loop = start([
    async () => ({ abandoned: { ...none, createAccount: 3, sendMessage: 1 }, done: false }),
    async () => ({ abandoned: none, done: true }),
  ]);
  await loop.settle();
  expect(loop.swept).toEqual([{ nowMs: 1000, reservationMs: 300_000, keepMs: 86_700_000 }]);
  expect(loop.waits[0]).toBeLessThan(10_000);
  await loop.tick();
  expect(loop.swept[1]?.nowMs).toBe(2000);
  expect(loop.waits[1]).toBe(10_000);
  expect(loop.told).toEqual([
    ["createAccount", 3],
    ["sendMessage", 1],
  ]);
  await loop.stop();
});

test("it goes on after a step that failed", async () => {
  const trouble = new Error("locked");
  const loop = start([() => Promise.reject(trouble)]);
  await loop.settle();
  expect(loop.told).toEqual([trouble]);
  await loop.tick();
  expect(loop.swept).toHaveLength(2);
  await loop.stop();
});

test("it stops: nothing is waited for, and a step under way is ended first", async () => {
  const idle = start([]);
  await idle.settle();
  expect(idle.isWaiting()).toBe(true);
  await idle.stop();
  expect(idle.isWaiting()).toBe(false);

  let finish = () => {};
  const busy = start([
    () =>
      new Promise((resolve) => {
        finish = () => resolve({ abandoned: none, done: false });
      }),
  ]);
  let isStopped = false;
  const stopping = busy.stop().then(() => {
    isStopped = true;
  });
  await busy.settle();
  expect(isStopped).toBe(false);
  finish();
  await stopping;
  expect(busy.isWaiting()).toBe(false);
});

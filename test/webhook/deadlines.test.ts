// The watch over deadlines.
import { expect, it, vi } from "vitest";
import { createDeadlines } from "../../src/webhook/deadlines.ts";

it("tells of each deadline once, when its time has come and not before but by the lag, whatever their order", async () => {
  const deadlines = createDeadlines();
  const beginMs = performance.now();
  const over: { name: string; lateMs: number; lagMs: number }[] = [];
  const add = (name: string, afterMs: number) => {
    const deadlineMs = beginMs + afterMs;
    const onOver = () => over.push({ name, lateMs: performance.now() - deadlineMs, lagMs: deadlines.lagMs() });
    const deadline = { deadlineMs, onOver, place: -1 };
    deadlines.add(deadline);
    return deadline;
  };
  add("late", 120);
  const removed = add("removed", 40);
  add("early", 20);
  deadlines.remove(removed);
  await vi.waitUntil(() => over.length === 2);
  expect(over.map(({ name }) => name)).toEqual(["early", "late"]);
  for (const { lateMs, lagMs } of over) expect(lateMs).toBeGreaterThanOrEqual(-lagMs);
  deadlines.remove(removed);
  add("again", 0);
  await vi.waitUntil(() => over.length === 3);
});

it("says by how much the event loop is late, and nothing while nothing is watched", async () => {
  const deadlines = createDeadlines();
  expect(deadlines.lagMs()).toBe(0);
  const seen: number[] = [];
  deadlines.add({ deadlineMs: performance.now() + 50, onOver: () => void seen.push(deadlines.lagMs()), place: -1 });
  const busyUntilMs = performance.now() + 300;
  while (performance.now() < busyUntilMs);
  await vi.waitUntil(() => seen.length === 1);
  expect(seen[0]).toBeGreaterThan(200);
  expect(deadlines.lagMs()).toBe(0);
});

it("brings deadlines forward while the event loop is late: the next look may be late as well", async () => {
  const deadlines = createDeadlines();
  const beginMs = performance.now();
  const over: number[] = [];
  deadlines.add({ deadlineMs: beginMs + 1000, onOver: () => void over.push(performance.now() - beginMs), place: -1 });
  const busyUntilMs = beginMs + 600;
  while (performance.now() < busyUntilMs);
  await vi.waitUntil(() => over.length === 1);
  expect(over[0]).toBeLessThan(1000);
});

it("goes on watching the others, whichever are removed", async () => {
  const deadlines = createDeadlines();
  const deadlineMs = performance.now() + 20;
  const over: number[] = [];
  const all = Array.from({ length: 7 }, (_, index) => ({ deadlineMs, onOver: () => void over.push(index), place: -1 }));
  for (const deadline of all) deadlines.add(deadline);
  for (const index of [0, 3, 3, 6]) deadlines.remove(all[index] ?? expect.fail());
  await vi.waitUntil(() => over.length === 4);
  deadlines.add({ deadlineMs, onOver: () => void over.push(7), place: -1 });
  await vi.waitUntil(() => over.includes(7));
  expect(over.toSorted()).toEqual([1, 2, 4, 5, 7]);
});

it("does not tell of one that another has removed in the same moment", async () => {
  const deadlines = createDeadlines();
  const deadlineMs = performance.now() + 20;
  const over: number[] = [];
  const pair = [0, 1].map((index) => ({
    deadlineMs,
    onOver: () => {
      over.push(index);
      for (const deadline of pair) deadlines.remove(deadline);
    },
    place: -1,
  }));
  for (const deadline of pair) deadlines.add(deadline);
  deadlines.add({ deadlineMs: deadlineMs + 30, onOver: () => void over.push(2), place: -1 });
  await vi.waitUntil(() => over.includes(2));
  expect(over).toHaveLength(2);
});

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
    const deadline = { deadlineMs, onOver };
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
  deadlines.add({ deadlineMs: performance.now() + 50, onOver: () => void seen.push(deadlines.lagMs()) });
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
  deadlines.add({ deadlineMs: beginMs + 1000, onOver: () => void over.push(performance.now() - beginMs) });
  const busyUntilMs = beginMs + 600;
  while (performance.now() < busyUntilMs);
  await vi.waitUntil(() => over.length === 1);
  expect(over[0]).toBeLessThan(1000);
});

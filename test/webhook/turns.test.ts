// Work in turns of the event loop.
import { expect, it, vi } from "vitest";
import { createTurns } from "../../src/webhook/turns.ts";

it("runs little at once, and much in portions, in its order, between which others have their turn", async () => {
  const turns = createTurns(10);
  const ran: number[] = [];
  const run = (from: number, count: number) => {
    for (let i = from; i < from + count; i++) turns.run(() => void ran.push(i));
  };
  run(0, 4);
  expect(ran).toEqual([0, 1, 2, 3]);
  run(4, 96);
  expect(ran).toHaveLength(10);
  const seen: number[] = [];
  const look = () => {
    seen.push(ran.length);
    if (ran.length < 120) setImmediate(look);
  };
  look();
  run(100, 20);
  await vi.waitUntil(() => ran.length === 120);
  expect(ran).toEqual(Array.from({ length: 120 }, (_, i) => i));
  const steps = seen.map((count, i) => count - (seen[i - 1] ?? 0));
  expect(Math.max(...steps)).toBeLessThanOrEqual(10);
  run(120, 3);
  await vi.waitUntil(() => ran.length === 123);
});

it("never runs more than twice its measure in a turn, however the work before was spread", async () => {
  const turns = createTurns(10);
  let ran = 0;
  for (let turn = 0; turn < 50; turn++) {
    for (let i = 0; i < turn % 7; i++) turns.run(() => void ran++);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const before = ran;
  for (let i = 0; i < 1000; i++) turns.run(() => void ran++);
  expect(ran - before).toBeLessThanOrEqual(10);
  await vi.waitUntil(() => ran - before === 1000);
});

it("runs work that work calls for", async () => {
  const turns = createTurns(4);
  const ran: string[] = [];
  for (let i = 0; i < 6; i++) {
    turns.run(() => {
      ran.push(`outer ${i}`);
      turns.run(() => void ran.push(`inner ${i}`));
    });
  }
  await vi.waitUntil(() => ran.length === 12);
  expect(new Set(ran).size).toBe(12);
});

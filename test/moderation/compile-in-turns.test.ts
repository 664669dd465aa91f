// Compiling between other work.
import { expect, test } from "vitest";
import { createCompileInTurns } from "../../src/moderation/compile-in-turns.ts";
import { compileInSteps, compilePolicy } from "../../src/policy/compile.ts";
import { runInTurns } from "../../src/policy/steps.ts";

const rules = (count: number) =>
  Array.from({ length: count }, (_, i) => `  - { id: r${i}, on: [create_account], when: operator == "u${i}", then: { flag: {} } }\n`);
const text = (count: number) => `name: n${count}\nrules:\n${rules(count).join("")}`;

/** Counts the turns of the event loop until it is stopped. */
function countTurns(): () => number {
  let turns = 0;
  let counting = true;
  const next = () => {
    turns += 1;
    if (counting) setImmediate(next);
  };
  setImmediate(next);
  return () => {
    counting = false;
    return turns;
  };
}

test("every rule has a turn of its own, and the outcome is that of compiling at once", async () => {
  const compile = createCompileInTurns();
  const stop = countTurns();
  const { policy } = await compile(text(200));
  expect(stop()).toBeGreaterThan(200);
  expect(policy?.version).toBe(compilePolicy(text(200)).policy?.version);
  const bad = "name: x\nrulez: []\n";
  expect(await compile(bad)).toEqual(compilePolicy(bad));
});

test("texts wait for one another, in their order", async () => {
  const compile = createCompileInTurns();
  const ended: string[] = [];
  const stop = countTurns();
  await Promise.all([30, 1, 20].map(async (count) => ended.push((await compile(text(count))).policy?.name ?? "")));
  expect(ended).toEqual(["n30", "n1", "n20"]);
  // Side by side they would have shared their turns.
  expect(stop()).toBeGreaterThan(51);
});

test("steps end in what the work throws", async () => {
  const between: number[] = [];
  const steps = (function* () {
    yield;
    yield;
    throw new Error("no more");
  })();
  await expect(runInTurns(steps, async () => between.push(1))).rejects.toThrow("no more");
  expect(between).toHaveLength(2);
  expect([...compileInSteps("name: x\n")].length).toBeGreaterThan(1);
});

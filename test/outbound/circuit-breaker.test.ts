// A rest for what is dead: after how many failures, for how long, and what ends it.
import { expect, it } from "vitest";
import { createCircuitBreaker } from "../../src/outbound/circuit-breaker.ts";

function start() {
  let nowMs = 0;
  const breaker = createCircuitBreaker({ failures: 3, restMs: 1000 }, () => nowMs);
  const call = (isGood: boolean) => {
    if (!breaker.mayCall()) return "resting";
    breaker.ended(isGood);
    return isGood ? "good" : "bad";
  };
  return { breaker, call, pass: (ms: number) => (nowMs += ms) };
}

it("rests after so many failures in a row, and not after as many with a success between", () => {
  const { call } = start();
  expect([false, false, true, false, false, false, true].map(call)).toEqual(["bad", "bad", "good", "bad", "bad", "bad", "resting"]);
});

it("lets one call through after the rest; the others wait for how that ends", () => {
  const { breaker, call, pass } = start();
  for (const _ of [1, 2, 3]) call(false);
  pass(999);
  expect(breaker.mayCall()).toBe(false);
  pass(1);
  expect([breaker.mayCall(), breaker.mayCall()]).toEqual([true, false]);
  breaker.ended(false);
  pass(999);
  expect(breaker.mayCall()).toBe(false);
  pass(1);
  expect(breaker.mayCall()).toBe(true);
  breaker.ended(true);
  expect([breaker.mayCall(), breaker.mayCall()]).toEqual([true, true]);
});

it("lets another call through when the first one after a rest never ends", () => {
  const { breaker, call, pass } = start();
  for (const _ of [1, 2, 3]) call(false);
  pass(1000);
  expect(breaker.mayCall()).toBe(true);
  pass(1000);
  expect(breaker.mayCall()).toBe(true);
});

it("counts failures that end while it rests", () => {
  const { breaker, pass } = start();
  for (const _ of [1, 2, 3, 4]) breaker.mayCall();
  for (const _ of [1, 2, 3]) breaker.ended(false);
  pass(500);
  breaker.ended(false);
  pass(500);
  expect(breaker.mayCall()).toBe(false);
  pass(500);
  expect(breaker.mayCall()).toBe(true);
});

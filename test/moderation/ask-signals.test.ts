// What is asked of signals ahead of a decision: together where it can be, one after the other where it must be, and within bounds.
import { expect, it } from "vitest";
import { askSignals } from "../../src/moderation/ask-signals.ts";
import type { Signals } from "../../src/moderation/signals.ts";
import type { SignalAnswers } from "../../src/policy/signal-answers.ts";

const forEver = Number.POSITIVE_INFINITY;

/** Signals that say how long a text is, in rounds that are noted. */
function start(known: Record<string, number> = {}) {
  const rounds: string[][] = [];
  let open: string[] | undefined;
  const signals: Signals = {
    known: (signal, text) =>
      known[`${signal} ${text}`] === undefined ? undefined : { value: known[`${signal} ${text}`] ?? 0, failure: "" },
    async ask(_lane, signal, text) {
      if (open === undefined) {
        open = [];
        rounds.push(open);
      }
      open.push(`${signal} ${text}`);
      await new Promise((resolve) => setImmediate(resolve));
      open = undefined;
      return { value: text.length, failure: "" };
    },
    failed: (_signal, failure) => ({ value: 0, failure }),
  };
  const run = async (ask: (answers: SignalAnswers) => unknown) => askSignals({ signals, lane: "live", untilMs: forEver, ask });
  return { signals, rounds, run };
}

it("asks everything that is reached together, each once", async () => {
  const { rounds, run } = start();
  const answers = await run((a) => [a.answerOf("x", "one"), a.answerOf("y", "one"), a.answerOf("x", "three"), a.answerOf("x", "one")]);
  expect(rounds).toEqual([["x one", "y one", "x three"]]);
  expect([answers.answerOf("x", "three"), answers.find("y", "one")]).toEqual([
    { value: 5, failure: "" },
    { value: 3, failure: "" },
  ]);
});

it("asks what an answer leads to next, and nothing when all is known", async () => {
  const { rounds, run } = start({ "known k": 7 });
  await run((a) => a.answerOf("known", "k").value > 5 && a.answerOf("x", "one").value > 2 && a.answerOf("y", "two").value > 2);
  expect(rounds).toEqual([["x one"], ["y two"]]);
  const none = start({ "known k": 7 });
  let evaluations = 0;
  await none.run((a) => {
    evaluations++;
    return a.answerOf("known", "k");
  });
  expect([none.rounds, evaluations]).toEqual([[], 1]);
});

it("goes on for four rounds at most; what is missing then has the value for failures, and keeps it", async () => {
  const { rounds, run } = start();
  const chain = (a: SignalAnswers) => ["a", "b", "c", "d", "e", "f"].every((text) => a.answerOf("x", text).value > 0);
  const answers = await run(chain);
  expect(rounds).toEqual([["x a"], ["x b"], ["x c"], ["x d"]]);
  expect([chain(answers), answers.find("x", "e"), answers.find("x", "f")]).toEqual([false, { value: 0, failure: "unasked" }, undefined]);
});

it("asks 256 questions at most", async () => {
  const { rounds, run } = start();
  const texts = Array.from({ length: 300 }, (_, i) => `text ${i}`);
  const answers = await run((a) => texts.map((text) => a.answerOf("x", text)));
  expect(rounds.flat()).toHaveLength(256);
  expect(texts.filter((text) => answers.answerOf("x", text).failure === "unasked")).toHaveLength(44);
});

it("takes what was asked before", async () => {
  const { signals, rounds, run } = start();
  const earlier = await run((a) => a.answerOf("x", "one"));
  await askSignals({ signals, lane: "trial", untilMs: forEver, earlier, ask: (a) => [a.answerOf("x", "one"), a.answerOf("x", "two")] });
  expect(rounds).toEqual([["x one"], ["x two"]]);
});

it("fails as the rules fail", async () => {
  const { run } = start();
  await expect(run(() => Promise.reject(new Error("the store is gone")))).rejects.toThrow("the store is gone");
});

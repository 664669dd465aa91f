// Signals: what is remembered, what is bounded, what rests, and how long anyone waits. The classifier is a fake whose calls end when a test says so.
import { expect, it, vi } from "vitest";
import { createSignals, type SignalOptions, type Signals } from "../../src/moderation/signals.ts";
import type { SignalReply } from "../../src/signals/signal-source.ts";

const forEver = Number.POSITIVE_INFINITY;
const down: SignalReply = { kind: "failed", cause: "down", message: "ECONNREFUSED" };
const value = (number: number): SignalReply => ({ kind: "answered", value: number });

function start(options: Partial<SignalOptions> = {}) {
  let nowMs = 1_000_000;
  const calls: { text: string; timeoutMs: number; end(reply: SignalReply): Promise<void> }[] = [];
  const outcomes: string[] = [];
  const called: string[] = [];
  const signals = createSignals({
    signals: [
      {
        name: "toxicity",
        source: {
          ask: (text, timeoutMs) =>
            new Promise((resolve) => {
              const end = async (reply: SignalReply) => {
                resolve(reply);
                await new Promise((done) => setImmediate(done));
              };
              calls.push({ text, timeoutMs, end });
            }),
          close() {},
        },
        timeoutMs: 300,
        onFailure: 0.5,
        cacheMs: 60_000,
        cacheEntries: 3,
        maxConnections: 2,
        maxQueue: 2,
        rest: { failures: 3, restMs: 5000 },
        ...options,
      },
    ],
    onCalled: (signal, reply) => called.push(`${signal} ${reply.kind === "answered" ? "answered" : reply.cause}`),
    onAsked: (_signal, outcome) => outcomes.push(outcome),
    now: () => nowMs,
  });
  return { signals, calls, outcomes, called, pass: (ms: number) => (nowMs += ms) };
}

const ask = (signals: Signals, text: string, untilMs = forEver) => signals.ask("live", "toxicity", text, untilMs);
const texts = (calls: { text: string }[]) => calls.map(({ text }) => text);

it("asks with the time limit of the signal, and says what came back", async () => {
  const { signals, calls, outcomes, called } = start();
  const answer = ask(signals, "a");
  expect(calls).toMatchObject([{ text: "a", timeoutMs: 300 }]);
  await calls[0]?.end(value(0.25));
  expect(await answer).toEqual({ value: 0.25, failure: "" });
  expect([outcomes, called]).toEqual([["answered"], ["toxicity answered"]]);
});

it.each([down, { ...down, cause: "timeout" as const }, { ...down, cause: "rubbish" as const }])(
  "a failure gives the value for it: %j",
  async (reply) => {
    const { signals, calls } = start();
    const answer = ask(signals, "a");
    await calls[0]?.end(reply);
    expect(await answer).toEqual({ value: 0.5, failure: reply.kind === "failed" ? reply.cause : "" });
    expect(signals.known("toxicity", "a")).toBeUndefined();
  },
);

it("remembers an answer for its time, and forgets the oldest of more than it may remember", async () => {
  const { signals, calls, outcomes, pass } = start({ maxConnections: 10 });
  for (const [i, text] of ["a", "b", "c"].entries()) {
    const answer = ask(signals, text);
    await calls[i]?.end(value(i));
    await answer;
  }
  expect(["a", "b", "c", "A"].map((text) => signals.known("toxicity", text)?.value)).toEqual([0, 1, 2, undefined]);
  expect(outcomes.slice(3)).toEqual(["remembered", "remembered", "remembered"]);
  void ask(signals, "d");
  await calls[3]?.end(value(3));
  expect(["a", "b", "c", "d"].map((text) => signals.known("toxicity", text)?.value)).toEqual([undefined, 1, 2, 3]);
  pass(59_999);
  expect(signals.known("toxicity", "d")?.value).toBe(3);
  pass(1);
  expect(signals.known("toxicity", "d")).toBeUndefined();
});

it("remembers nothing with cache_seconds: 0", async () => {
  const { signals, calls } = start({ cacheMs: 0 });
  const answer = ask(signals, "a");
  await calls[0]?.end(value(1));
  await answer;
  expect(signals.known("toxicity", "a")).toBeUndefined();
});

it("asks about one text once at a time, whoever wants to know", async () => {
  const { signals, calls } = start();
  const answers = [ask(signals, "a"), ask(signals, "a"), ask(signals, "b")];
  expect(texts(calls)).toEqual(["a", "b"]);
  await calls[0]?.end(value(1));
  await calls[1]?.end(value(2));
  expect((await Promise.all(answers)).map((answer) => answer.value)).toEqual([1, 1, 2]);
});

it("has so many calls at a time, so many that wait in their order, and refuses more", async () => {
  const { signals, calls, outcomes } = start();
  const answers = ["a", "b", "c", "d", "e"].map((text) => ask(signals, text));
  expect(texts(calls)).toEqual(["a", "b"]);
  expect(await answers[4]).toEqual({ value: 0.5, failure: "busy" });
  await calls[1]?.end(value(2));
  expect(texts(calls)).toEqual(["a", "b", "c"]);
  await calls[0]?.end(down);
  expect(texts(calls)).toEqual(["a", "b", "c", "d"]);
  await calls[2]?.end(value(3));
  await calls[3]?.end(value(4));
  expect((await Promise.all(answers)).map((answer) => answer.value)).toEqual([0.5, 2, 3, 4, 0.5]);
  expect(outcomes.toSorted()).toEqual(["answered", "answered", "answered", "busy", "down"]);
});

it("lets who has no more time go with the value for failures; the call goes on, and its answer is remembered", async () => {
  const { signals, calls } = start();
  expect(await ask(signals, "a", performance.now() + 20)).toEqual({ value: 0.5, failure: "deadline" });
  const other = ask(signals, "a");
  expect(texts(calls)).toEqual(["a"]);
  await calls[0]?.end(value(1));
  expect(await other).toEqual({ value: 1, failure: "" });
  expect(signals.known("toxicity", "a")).toEqual({ value: 1, failure: "" });
});

it("begins no call that nobody waits for any more", async () => {
  const { signals, calls } = start({ maxConnections: 1 });
  const first = ask(signals, "a");
  const untilMs = performance.now() + 20;
  expect(await ask(signals, "b", untilMs)).toMatchObject({ failure: "deadline" });
  // A timer may be a little early.
  await vi.waitUntil(() => performance.now() > untilMs);
  expect(await ask(signals, "c", untilMs)).toMatchObject({ failure: "deadline" });
  const wanted = ask(signals, "d");
  await calls[0]?.end(value(1));
  await first;
  expect(texts(calls)).toEqual(["a", "d"]);
  await calls[1]?.end(value(2));
  expect(await wanted).toEqual({ value: 2, failure: "" });
});

it("leaves a classifier alone that fails again and again, those that wait for it too, and tries it after a rest", async () => {
  const { signals, calls, pass } = start();
  const answers = ["a", "b", "c", "d"].map((text) => ask(signals, text));
  for (let i = 0; i < 3; i++) await calls[i]?.end(down);
  expect(await ask(signals, "e")).toEqual({ value: 0.5, failure: "resting" });
  await calls[3]?.end(down);
  expect((await Promise.all(answers)).map(({ failure }) => failure)).toEqual(["down", "down", "down", "down"]);
  expect(calls).toHaveLength(4);
  pass(5000);
  const tried = ask(signals, "f");
  expect(await ask(signals, "g")).toEqual({ value: 0.5, failure: "resting" });
  await calls[4]?.end(value(1));
  expect(await tried).toEqual({ value: 1, failure: "" });
  void ask(signals, "h");
  expect(texts(calls)).toEqual(["a", "b", "c", "d", "f", "h"]);
});

it("gives trials calls and a rest of their own, and one memory", async () => {
  const { signals, calls } = start({ maxConnections: 4 });
  const trial = (text: string) => signals.ask("trial", "toxicity", text, forEver);
  for (const text of ["a", "b", "c"]) void trial(text);
  // A quarter of four calls is one.
  expect(texts(calls)).toEqual(["a"]);
  for (const text of ["k", "l", "m", "n"]) void ask(signals, text);
  expect(texts(calls)).toEqual(["a", "k", "l", "m", "n"]);
  await calls[0]?.end(down);
  await calls[5]?.end(down);
  await calls[6]?.end(down);
  expect(await trial("d")).toMatchObject({ failure: "resting" });
  await calls[1]?.end(value(1));
  expect(signals.known("toxicity", "k")?.value).toBe(1);
  const live = ask(signals, "o");
  await calls.at(-1)?.end(value(2));
  expect(await live).toEqual({ value: 2, failure: "" });
});

it("asks nobody about what is too long, nor a signal that there is not", async () => {
  const { signals, calls, outcomes } = start();
  expect(signals.known("toxicity", "x".repeat(16_384))).toBeUndefined();
  expect(signals.known("toxicity", "é".repeat(8193))).toEqual({ value: 0.5, failure: "too_long" });
  expect(signals.known("spam", "a")).toEqual({ value: 0, failure: "undeclared" });
  expect(await signals.ask("live", "spam", "a", forEver)).toEqual({ value: 0, failure: "undeclared" });
  expect([calls, outcomes]).toEqual([[], ["too_long"]]);
});

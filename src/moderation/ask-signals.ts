// Asks signals ahead of a decision: a decision waits for nothing, so what its rules will ask is found out, and fetched, before it is made.
import type { CompiledPolicy } from "../policy/compile.ts";
import { evaluate, type Question } from "../policy/evaluate.ts";
import type { SignalAnswer, SignalAnswers } from "../policy/signal-answers.ts";
import { createLiveWorld } from "../policy/world.ts";
import type { Store } from "../storage/storage.ts";
import type { FactsOf } from "./facts.ts";
import type { SignalLaneName, Signals } from "./signals.ts";

/** When the answer to a call stops being of use, on the clock of `performance.now()`; undefined: never. */
export interface CallTime {
  readonly usefulUntilMs: number | undefined;
}

/** Answers that were asked for ahead. */
export interface AskedSignals extends SignalAnswers {
  /** The answer when it is there, however it came about. */
  find(signal: string, text: string): SignalAnswer | undefined;
  /** Whether one of these answers is not there because too many were waiting. */
  wasBusy(): boolean;
}

/** Asks what the rules of a policy that asks signals will ask; a decision that does not come by a call has all the time it needs. */
export type SignalsFor = (policy: CompiledPolicy, question: Question, time?: CallTime) => Promise<AskedSignals>;

/**
 * How often the rules are asked at most to find out what they ask: each time what came back is known, and what it leads to is asked next. And how
 * many questions there may be, which is more than two for each of the 100 subscribers of a request.
 */
const maxRounds = 4;
const maxQuestions = 256;

/** The part of the time left that signals may take; in the rest it is decided, written and answered. */
const timeShare = 0.75;

export function createSignalsFor(deps: { store: Pick<Store, "withFacts">; factsOf: FactsOf; signals: Signals }): SignalsFor {
  const { store, factsOf, signals } = deps;
  return (policy, question, time) =>
    askSignals({
      signals,
      lane: "live",
      untilMs: untilMsOf(time?.usefulUntilMs),
      ask: (answers) =>
        store.withFacts(
          question.nowMs,
          (stored) => evaluate(policy, question, createLiveWorld(factsOf(stored, question.appId, policy), [], answers)),
          time?.usefulUntilMs,
        ),
    });
}

function untilMsOf(usefulUntilMs: number | undefined): number {
  if (usefulUntilMs === undefined) return Number.POSITIVE_INFINITY;
  const nowMs = performance.now();
  return nowMs + (usefulUntilMs - nowMs) * timeShare;
}

/** What asking ahead needs. */
export interface AskSignalsOptions {
  signals: Signals;
  lane: SignalLaneName;
  /** When answers must be there, on the clock of `performance.now()`. */
  untilMs: number;
  /** What is known already. */
  earlier?: AskedSignals | undefined;
  /** Asks the rules, by the answers that are there. May ask them several times. */
  ask(answers: SignalAnswers): unknown;
}

/**
 * Asks the rules what they ask, with the values for failures in the place of answers that are not there yet, fetches those together, and asks
 * again until nothing is missing. What an answer leads to is so asked as well, and what a value for failures leads to may be asked for nothing.
 */
export async function askSignals({ signals, lane, untilMs, earlier, ask }: AskSignalsOptions): Promise<AskedSignals> {
  const answers = new Map<string, Map<string, SignalAnswer>>();
  let missing: { signal: string; text: string }[] = [];
  let left = maxQuestions;
  let isOpen = true;

  function find(signal: string, text: string): SignalAnswer | undefined {
    return answers.get(signal)?.get(text) ?? earlier?.find(signal, text);
  }

  function keep(signal: string, text: string, answer: SignalAnswer): SignalAnswer {
    const ofSignal = answers.get(signal) ?? new Map<string, SignalAnswer>();
    answers.set(signal, ofSignal.set(text, answer));
    return answer;
  }

  function answerOf(signal: string, text: string): SignalAnswer {
    const there = find(signal, text);
    if (there !== undefined) return there;
    const known = signals.known(signal, text);
    if (known !== undefined) return keep(signal, text, known);
    const standIn = signals.failed(signal, "unasked");
    if (!isOpen) return keep(signal, text, standIn);
    const isMissing = missing.some((one) => one.signal === signal && one.text === text);
    if (!isMissing && missing.length < left) missing.push({ signal, text });
    return standIn;
  }

  const wasBusy = () => answers.values().some((ofSignal) => ofSignal.values().some(({ failure }) => failure === "busy"));
  const asked: AskedSignals = { answerOf, find, wasBusy };
  for (let round = 0; round < maxRounds; round++) {
    missing = [];
    await ask(asked);
    if (missing.length === 0) break;
    left -= missing.length;
    await Promise.all(missing.map(async ({ signal, text }) => keep(signal, text, await signals.ask(lane, signal, text, untilMs))));
  }
  isOpen = false;
  return asked;
}

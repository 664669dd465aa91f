// The signals that policies may ask: who answers each, what is remembered of its answers, and what stands for an answer that is not to be had.
import { createHash } from "node:crypto";
import type { CircuitBreakerOptions } from "../outbound/circuit-breaker.ts";
import type { SignalAnswer } from "../policy/signal-answers.ts";
import type { SignalReply, SignalSource } from "../signals/signal-source.ts";
import { createSignalLane, type LaneReply, type SignalLane } from "./signal-lane.ts";

/** A signal. */
export interface SignalOptions {
  name: string;
  source: SignalSource;
  /** Milliseconds that a call may take. */
  timeoutMs: number;
  /** What stands for an answer that is not to be had. */
  onFailure: number;
  /** For how long an answer is remembered, and how many are; of more the oldest is forgotten. */
  cacheMs: number;
  cacheEntries: number;
  /** Calls at a time, and how many may wait. */
  maxConnections: number;
  maxQueue: number;
  /** After how many failures in a row it is left alone, and for how long. */
  rest: CircuitBreakerOptions;
}

/** Who asks: decisions and events, or the policy on trial, which has calls, queue and rest of its own so that it takes nothing from them. */
export type SignalLaneName = "live" | "trial";

/** The signals. */
export interface Signals {
  /** What can be said without asking anybody: what is remembered, or that it cannot be asked. Undefined: it has to be asked. */
  known(signal: string, text: string): SignalAnswer | undefined;
  /** Asks, and waits until then at most, on the clock of `performance.now()`. Never rejects. */
  ask(lane: SignalLaneName, signal: string, text: string, untilMs: number): Promise<SignalAnswer>;
  /** What stands for an answer. */
  failed(signal: string, failure: string): SignalAnswer;
}

/** What signals need. */
export interface SignalsDeps {
  signals: readonly SignalOptions[];
  /** Told of every call of a classifier. Must not throw. */
  onCalled(signal: string, reply: SignalReply, durationMs: number): void;
  /** Told how every question was answered: `answered`, `remembered`, or why it was not. Must not throw. */
  onAsked(signal: string, outcome: string): void;
  /** Milliseconds since 1970. */
  now(): number;
}

/** Bytes in UTF-8 that a text may have to be asked about. */
export const maxSignalTextBytes = 16_384;

/** Which part of the calls of decisions those on trial may have besides. */
const trialShare = 0.25;

export function createSignals({ signals, onCalled, onAsked, now }: SignalsDeps): Signals {
  const byName = new Map(signals.map((options) => [options.name, openSignal(options)]));

  function openSignal(options: SignalOptions) {
    const { name, source, timeoutMs, maxConnections, maxQueue, rest, cacheMs, cacheEntries } = options;
    const cache = createCache(cacheEntries);
    const lane = (maxInFlight: number): SignalLane =>
      createSignalLane({
        source,
        timeoutMs,
        maxInFlight,
        maxQueue,
        rest,
        onCalled(key, reply, durationMs) {
          if (reply.kind === "answered" && cacheMs > 0) cache.set(key, { value: reply.value, untilMs: now() + cacheMs });
          onCalled(name, reply, durationMs);
        },
        now,
      });
    return { options, cache, lanes: { live: lane(maxConnections), trial: lane(Math.ceil(maxConnections * trialShare)) } };
  }

  function failed(signal: string, failure: string): SignalAnswer {
    return { value: byName.get(signal)?.options.onFailure ?? 0, failure };
  }

  return {
    failed,
    known(signal, text) {
      const open = byName.get(signal);
      const failure = open === undefined ? "undeclared" : Buffer.byteLength(text) > maxSignalTextBytes ? "too_long" : undefined;
      if (open === undefined || failure !== undefined) {
        // Names of signals that nobody has declared come from policies, of which there may be any number.
        if (open !== undefined) onAsked(signal, "too_long");
        return failed(signal, failure ?? "undeclared");
      }
      const remembered = open.cache.get(keyOf(text));
      if (remembered === undefined || remembered.untilMs <= now()) return undefined;
      onAsked(signal, "remembered");
      return { value: remembered.value, failure: "" };
    },
    async ask(lane, signal, text, untilMs) {
      const open = byName.get(signal);
      if (open === undefined) return failed(signal, "undeclared");
      const reply = await open.lanes[lane].ask(keyOf(text), text, untilMs);
      onAsked(signal, outcomeOf(reply));
      return reply.kind === "answered" ? { value: reply.value, failure: "" } : failed(signal, reply.cause);
    },
  };
}

function outcomeOf(reply: LaneReply): string {
  return reply.kind === "answered" ? "answered" : reply.cause;
}

/** Texts can be long, and their digests are not. */
function keyOf(text: string): string {
  return createHash("sha256").update(text).digest("base64");
}

interface Remembered {
  value: number;
  untilMs: number;
}

/** Answers by the keys of their texts. */
function createCache(maxEntries: number): { get(key: string): Remembered | undefined; set(key: string, answer: Remembered): void } {
  const answers = new Map<string, Remembered>();
  return {
    get: (key) => answers.get(key),
    set(key, answer) {
      // The latest stand at the end.
      answers.delete(key);
      answers.set(key, answer);
      const [oldest] = answers.keys();
      if (answers.size > maxEntries && oldest !== undefined) answers.delete(oldest);
    },
  };
}

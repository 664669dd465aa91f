// One way to a classifier: so many calls at a time, so many that wait, a rest when it is dead, and one call for the same text.
import { type CircuitBreakerOptions, createCircuitBreaker } from "../outbound/circuit-breaker.ts";
import type { SignalReply, SignalSource } from "../signals/signal-source.ts";

/** What came of a question. */
export type LaneReply =
  | SignalReply
  /** `busy`: too many wait; `resting`: it failed so often that it is left alone; `deadline`: who asked could not wait any longer. */
  | { kind: "failed"; cause: "busy" | "resting" | "deadline" };

/** A way to a classifier. */
export interface SignalLane {
  /**
   * Asks about a text, which `key` stands for, and waits until then at most, on the clock of `performance.now()`. A call that was begun goes on
   * without those who asked: others may come to wait for it. Never rejects.
   */
  ask(key: string, text: string, untilMs: number): Promise<LaneReply>;
}

/** What a lane is made of. */
export interface SignalLaneOptions {
  source: SignalSource;
  /** Milliseconds that a call may take. */
  timeoutMs: number;
  maxInFlight: number;
  maxQueue: number;
  rest: CircuitBreakerOptions;
  /** Told of every call, with its text's key. Must not throw. */
  onCalled(key: string, reply: SignalReply, durationMs: number): void;
  /** Milliseconds, for rests. */
  now(): number;
}

/** A call, waiting or under way. */
interface Call {
  readonly key: string;
  readonly text: string;
  /** When the last of those who wait for it gives up. */
  wantedUntilMs: number;
  readonly reply: Promise<LaneReply>;
  settle(reply: LaneReply): void;
}

export function createSignalLane({ source, timeoutMs, maxInFlight, maxQueue, rest, onCalled, now }: SignalLaneOptions): SignalLane {
  const breaker = createCircuitBreaker(rest, now);
  const calls = new Map<string, Call>();
  const waiting: Call[] = [];
  let inFlight = 0;

  function beginNext(): void {
    while (inFlight < maxInFlight) {
      const call = waiting.shift();
      if (call === undefined) return;
      if (call.wantedUntilMs <= performance.now()) end(call, late);
      else if (!breaker.mayCall()) end(call, resting);
      else void make(call);
    }
  }

  async function make(call: Call): Promise<void> {
    inFlight++;
    const startMs = performance.now();
    const reply = await source.ask(call.text, timeoutMs);
    inFlight--;
    breaker.ended(reply.kind === "answered");
    onCalled(call.key, reply, performance.now() - startMs);
    end(call, reply);
    beginNext();
  }

  function end(call: Call, reply: LaneReply): void {
    calls.delete(call.key);
    call.settle(reply);
  }

  return {
    async ask(key, text, untilMs) {
      if (untilMs <= performance.now()) return late;
      let call = calls.get(key);
      if (call === undefined) {
        if (inFlight >= maxInFlight && waiting.length >= maxQueue) return busy;
        const { promise, resolve } = Promise.withResolvers<LaneReply>();
        call = { key, text, wantedUntilMs: untilMs, reply: promise, settle: resolve };
        calls.set(key, call);
        waiting.push(call);
        beginNext();
      }
      call.wantedUntilMs = Math.max(call.wantedUntilMs, untilMs);
      return within(call.reply, untilMs);
    },
  };
}

const late: LaneReply = { kind: "failed", cause: "deadline" };
const busy: LaneReply = { kind: "failed", cause: "busy" };
const resting: LaneReply = { kind: "failed", cause: "resting" };

/** The reply, or that it came too late. */
function within(reply: Promise<LaneReply>, untilMs: number): Promise<LaneReply> {
  if (untilMs === Number.POSITIVE_INFINITY) return reply;
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(late), untilMs - performance.now());
    reply.then((one) => {
      clearTimeout(timer);
      resolve(one);
    });
  });
}

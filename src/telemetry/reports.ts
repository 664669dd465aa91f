// Turns what happens into counts and log lines: everything is counted, and of a burst of the same trouble the first is logged.
import { createBurstGate, type Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";

/** What is told of, each in one place. None of them throws. */
export interface Reports {
  webhookAnswered(report: WebhookAnswered): void;
  /** A webhook was handed to another backend: by a `forward` or a `tap`, for a glob of commands. */
  webhookPassedOn(report: { kind: string; commands: string; outcome: string; durationMs: number; problem: string | undefined }): void;
  /** A fallback was answered and will not be recorded. */
  fallbackDropped(why: string, problem: string): void;
  /** A decision became degraded in the record; the cause and the late verdict are words of the schema, such as `deadline` and `deny`. */
  fallbackRecorded(recorded: { decisionId: string; appId: number; cause: string; lateVerdict: string; isLateDeny: boolean }): void;
  /** A classifier was called; `reply` says how that ended, with the message of a failure. */
  signalCalled(signal: string, reply: { kind: "answered" } | { kind: "failed"; cause: string; message: string }, durationMs: number): void;
  shadowTried(result: string, error?: unknown): void;
  /** Something is in trouble that the text names; texts come from a bounded set. */
  trouble(error: unknown, text: string): void;
}

/** How a request on the webhook listener was answered. */
interface WebhookAnswered {
  command: string;
  outcome: string;
  status: number;
  durationMs: number;
  /** What was wrong, and who had sent it; undefined when nothing was. */
  problem: string | undefined;
  client: string | undefined;
}

/** How long one burst of the same trouble keeps the log quiet. */
export const burstQuietMs = 10_000;

/** What the outcome of a webhook begins with that a fallback answered. */
const fallbackPrefix = "fallback_";

export function createReports(metrics: Metrics, log: Logger, now: () => number): Reports {
  const webhookGate = createBurstGate(burstQuietMs, now);
  const gate = createBurstGate(burstQuietMs, now);
  return {
    webhookAnswered({ command, outcome, status, durationMs, problem, client }) {
      metrics.webhookAnswered(command, outcome, durationMs);
      if (problem === undefined) return;
      if (outcome.startsWith(fallbackPrefix)) metrics.degraded(command, outcome.slice(fallbackPrefix.length));
      const burst = webhookGate(`${command} ${outcome}`);
      if (burst !== undefined) log.warn({ command, outcome, status, problem, client, leftOut: burst.leftOut }, "a webhook was not decided");
    },

    webhookPassedOn({ kind, commands, outcome, durationMs, problem }) {
      metrics.webhookPassedOn(`${kind} ${commands}`, outcome, durationMs);
      if (problem === undefined) return;
      const burst = gate(`${kind} ${commands} ${outcome}`);
      if (burst !== undefined) log.warn({ kind, commands, outcome, problem, leftOut: burst.leftOut }, "a webhook could not be passed on");
    },

    fallbackDropped(why, problem) {
      metrics.fallbackDropped(why);
      const burst = gate(`dropped ${why}`);
      if (burst !== undefined) log.error({ why, problem, leftOut: burst.leftOut }, "an answered fallback will not be recorded");
    },

    fallbackRecorded({ decisionId, appId, cause, lateVerdict, isLateDeny }) {
      metrics.fallbackRecorded(cause, lateVerdict);
      if (!isLateDeny) return;
      const burst = gate("late deny");
      const about = { decision: decisionId, app: appId, cause, leftOut: burst?.leftOut };
      if (burst !== undefined) log.warn(about, "a fallback let something pass that the policy would have stopped");
    },

    signalCalled(signal, reply, durationMs) {
      metrics.signalCalled(signal, reply.kind === "answered" ? "answered" : reply.cause, durationMs);
      if (reply.kind === "answered") return;
      const { cause, message: problem } = reply;
      const burst = gate(`signal ${signal} ${cause}`);
      if (burst !== undefined) log.warn({ signal, cause, problem, leftOut: burst.leftOut }, "a signal had no answer");
    },

    shadowTried(result, error) {
      metrics.shadowTried(result);
      if (error !== undefined && gate("trial failed") !== undefined) log.warn({ error }, "the shadow policy could not be asked");
    },

    trouble(error, text) {
      if (gate(`trouble ${text}`) !== undefined) log.warn({ error }, text);
    },
  };
}

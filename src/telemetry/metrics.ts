// The metrics, in Prometheus' text format.
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { registerTimedCounter } from "./timed-counter.ts";

/** What is counted. Names and labels are public: they change only on purpose. */
export interface Metrics {
  /** A webhook was answered. */
  webhookAnswered(command: string, outcome: string, durationMs: number): void;
  /** An RPC was answered, through any door. */
  rpcAnswered(method: string, code: string, durationMs: number): void;
  /** A webhook was passed on (`forward Group.*`, `tap …`): `answered`, or why not. */
  webhookPassedOn(route: string, outcome: string, durationMs: number): void;
  /** A policy file was looked at: `live`, `unchanged` or `refused`. */
  policyLoaded(result: string): void;
  /** A decision was tried on the shadow policy: `same`, `differs`, `passed_over` or `failed`. */
  shadowTried(result: string): void;
  /** The text that /metrics answers, and its content type. */
  render(): Promise<{ contentType: string; text: string }>;
}

export function createMetrics(version: string): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  new Gauge({ name: "gatehouse_info", help: "1, with the version of this process.", labelNames: ["version"], registers }).set(
    { version },
    1,
  );
  const policies = new Counter({
    name: "gatehouse_policy_loads_total",
    help: "Looks at the policy file, by result: live, unchanged or refused.",
    labelNames: ["result"],
    registers,
  });
  const trials = new Counter({
    name: "gatehouse_shadow_trials_total",
    help: "Decisions that the shadow policy was asked about after the answer: same, differs, passed_over (too busy) or failed.",
    labelNames: ["result"],
    registers,
  });
  return {
    webhookAnswered: registerTimedCounter(registry, {
      counter: {
        name: "gatehouse_webhook_answers_total",
        help: "Answers on the webhook listener, by command (or other) and how they came about.",
      },
      histogram: {
        name: "gatehouse_webhook_duration_seconds",
        help: "Time from a webhook's headers to its answer, by command (or other).",
      },
      labels: ["command", "outcome"],
    }),
    rpcAnswered: registerTimedCounter(registry, {
      counter: { name: "gatehouse_rpc_calls_total", help: "Answered calls of the services, through any door, by method and gRPC code." },
      histogram: { name: "gatehouse_rpc_duration_seconds", help: "Time from a call to its answer, by method." },
      labels: ["method", "code"],
    }),
    webhookPassedOn: registerTimedCounter(registry, {
      counter: {
        name: "gatehouse_passed_on_total",
        help: "Webhooks handed to other backends, by route and how that ended: answered, down, timeout, busy, resting or rubbish.",
      },
      histogram: { name: "gatehouse_passed_on_duration_seconds", help: "Time until a backend answered, by route." },
      labels: ["route", "outcome"],
    }),
    policyLoaded: (result) => policies.inc({ result }),
    shadowTried: (result) => trials.inc({ result }),
    async render() {
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
  };
}

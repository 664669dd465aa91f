// The metrics, in Prometheus' text format.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { registerTimedCounter } from "./timed-counter.ts";

/** What is counted. Names and labels are public: they change only on purpose. */
export interface Metrics {
  /** A webhook was answered. */
  webhookAnswered(command: string, outcome: string, durationMs: number): void;
  /** An RPC was answered, through any door. */
  rpcAnswered(method: string, code: string, durationMs: number): void;
  /** A call was refused because an app or the holder of a key asks too often: `app` or `key`. */
  rateLimited(limit: "app" | "key"): void;
  /** A webhook was passed on (`forward Group.*`, `tap …`): `answered`, or why not. */
  webhookPassedOn(route: string, outcome: string, durationMs: number): void;
  /** A classifier was called: `answered`, or why not. */
  signalCalled(signal: string, outcome: string, durationMs: number): void;
  /** A question to a signal was answered: by a call, `remembered`, or why not. */
  signalAsked(signal: string, outcome: string): void;
  /** A policy file was looked at: `live`, `unchanged` or `refused`. */
  policyLoaded(result: string): void;
  /** A decision was tried on the shadow policy: `same`, `differs`, `passed_over` or `failed`. */
  shadowTried(result: string): void;
  /** A listener is open; `connections` says how many connections it has. */
  listenerOpened(listener: string, connections: () => number): void;
  /** A connection came to nothing: `limit` or `tls`. */
  connectionRefused(listener: string, reason: string): void;
  /** The TLS files of a listener were looked at: `read` or `refused`. With the time, in ms since 1970, when the certificate in use ends. */
  tlsLoaded(listener: string, result: string, expiresAtMs?: number): void;
  /** A before-webhook was answered by the fallback, for a cause such as `deadline`. */
  degraded(command: string, cause: string): void;
  /** An answered fallback will not be recorded: `full`, `refused` or `stopped`. */
  fallbackDropped(why: string): void;
  /** A decision became degraded in the record. The cause and the late verdict are words of the schema, such as `deadline` and `deny`. */
  fallbackRecorded(cause: string, lateVerdict: string): void;
  /** Something was done with items of the spool: `kept`, `delivered`, `refused`, or not kept: `full`, `failed`, `slow`. */
  spooled(kind: string, result: string, count: number): void;
  /** Writes or reads of the store failed, for a cause such as `full`. */
  storeFailed(cause: string, count: number): void;
  /** Adds a value that is asked for whenever the metrics are read. The name is without the prefix `gatehouse_`. */
  watch(name: string, help: string, read: () => number): void;
  /** It became known what followed from a decision, or what events follow from: `confirmed`, `leaked`, `abandoned` or `bypassed`. */
  followedUp(action: string, followUp: string, count?: number): void;
  /** A case was opened: `leak`, `bypass` or `late_deny`. */
  caseOpened(kind: string): void;
  /** How many cases of a kind are open now. */
  openCases(kind: string, count: number): void;
  /** A step of retention has deleted so many decisions or events of a class, and kept the writes of others waiting for so long. */
  oldDeleted(kind: string, count: number, busyMs: number): void;
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
  const rateLimited = new Counter({
    name: "gatehouse_rpc_rate_limited_total",
    help: "Calls refused as RATE_LIMITED, by whose limit it was: app or key (tokens included).",
    labelNames: ["limit"],
    registers,
  });
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
  const storeFailures = new Counter({
    name: "gatehouse_store_failures_total",
    help: "Writes and reads of the store that failed, by cause: locked, full, io, readonly, corrupt, thread_died, stalled or other.",
    labelNames: ["cause"],
    registers,
  });
  const signalQuestions = new Counter({
    name: "gatehouse_signal_questions_total",
    help: "Questions of decisions to signals, by how they were answered: answered, remembered, or not: down, timeout, rubbish, busy, resting, deadline, too_long.",
    labelNames: ["signal", "outcome"],
    registers,
  });
  const open = new Map<string, () => number>();
  new Gauge({
    name: "gatehouse_connections",
    help: "Open connections, by listener.",
    labelNames: ["listener"],
    registers,
    collect() {
      for (const [listener, connections] of open) this.set({ listener }, connections());
    },
  });
  const refused = new Counter({
    name: "gatehouse_connections_refused_total",
    help: "Connections that came to nothing, by listener and reason: limit (there were too many) or tls (the handshake failed).",
    labelNames: ["listener", "reason"],
    registers,
  });
  const tlsLoads = new Counter({
    name: "gatehouse_tls_loads_total",
    help: "Looks at TLS files that are new or have changed, by listener and result: read or refused.",
    labelNames: ["listener", "result"],
    registers,
  });
  const tlsExpiry = new Gauge({
    name: "gatehouse_tls_certificate_expiry_timestamp_seconds",
    help: "When the certificate that new connections get ends, in seconds since 1970, by listener.",
    labelNames: ["listener"],
    registers,
  });
  const fallbacks = new Counter({
    name: "gatehouse_fallbacks_recorded_total",
    help: "Decisions that were recorded as answered by a fallback, by its cause and by what the policy said late.",
    labelNames: ["cause", "late_verdict"],
    registers,
  });
  const degraded = new Counter({
    name: "gatehouse_degraded_total",
    help: "Before-webhooks that the fallback answered, by command and cause: malformed, invalid, deadline, unavailable or overload.",
    labelNames: ["command", "cause"],
    registers,
  });
  const dropped = new Counter({
    name: "gatehouse_fallbacks_dropped_total",
    help: "Answered fallbacks that will not be recorded, by why: full (too many waited), refused (by the service) or stopped.",
    labelNames: ["why"],
    registers,
  });
  const followUps = new Counter({
    name: "gatehouse_follow_ups_total",
    help: "What became known of decisions and events: confirmed, leaked, abandoned or bypassed. One that proves wrong is counted again.",
    labelNames: ["action", "follow_up"],
    registers,
  });
  const casesOpened = new Counter({
    name: "gatehouse_cases_opened_total",
    help: "Cases opened, by kind.",
    labelNames: ["kind"],
    registers,
  });
  const openCases = new Gauge({ name: "gatehouse_open_cases", help: "Cases that are open, by kind.", labelNames: ["kind"], registers });
  const spooled = new Counter({
    name: "gatehouse_spool_items_total",
    help: "Events and fallbacks of the spool: kept, delivered, refused by the service, or not kept: full, failed, slow.",
    labelNames: ["kind", "result"],
    registers,
  });
  const deleted = new Counter({
    name: "gatehouse_retention_deleted_total",
    help: "Decisions and events that were deleted because of their age, by kind: allowed_decisions, flagged_decisions, account_events, subscription_events, message_events.",
    labelNames: ["kind"],
    registers,
  });
  const batches = new Histogram({
    name: "gatehouse_retention_batch_seconds",
    help: "For how long each step of retention kept the writes of others waiting, without the commit.",
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1],
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
        help: "Time from a webhook's arrival to its answer, by command (or other).",
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
    signalCalled: registerTimedCounter(registry, {
      counter: {
        name: "gatehouse_signal_calls_total",
        help: "Calls of classifiers, by signal and how they ended: answered, down, timeout or rubbish.",
      },
      histogram: { name: "gatehouse_signal_duration_seconds", help: "Time until a classifier answered, by signal." },
      labels: ["signal", "outcome"],
    }),
    signalAsked: (signal, outcome) => signalQuestions.inc({ signal, outcome }),
    rateLimited: (limit) => rateLimited.inc({ limit }),
    policyLoaded: (result) => policies.inc({ result }),
    shadowTried: (result) => trials.inc({ result }),
    listenerOpened: (listener, connections) => void open.set(listener, connections),
    connectionRefused: (listener, reason) => refused.inc({ listener, reason }),
    tlsLoaded(listener, result, expiresAtMs) {
      tlsLoads.inc({ listener, result });
      if (expiresAtMs !== undefined) tlsExpiry.set({ listener }, expiresAtMs / 1000);
    },
    degraded: (command, cause) => degraded.inc({ command, cause }),
    fallbackDropped: (why) => dropped.inc({ why }),
    fallbackRecorded: (cause, lateVerdict) => fallbacks.inc({ cause, late_verdict: lateVerdict }),
    spooled: (kind, result, count) => spooled.inc({ kind, result }, count),
    storeFailed: (cause, count) => storeFailures.inc({ cause }, count),
    watch(name, help, read) {
      new Gauge({
        name: `gatehouse_${name}`,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    },
    followedUp: (action, followUp, count = 1) => followUps.inc({ action, follow_up: followUp }, count),
    caseOpened: (kind) => casesOpened.inc({ kind }),
    openCases: (kind, count) => openCases.set({ kind }, count),
    oldDeleted(kind, count, busyMs) {
      deleted.inc({ kind }, count);
      batches.observe(busyMs / 1000);
    },
    async render() {
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
  };
}

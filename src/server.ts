// Puts the service together. This file and gateway-server.ts are the only places that know concrete parts.
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { DescEnum } from "@bufbuild/protobuf";
import { Code, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { AccountService } from "../gen/gatehouse/v1/account_service_pb.ts";
import { AuditService } from "../gen/gatehouse/v1/audit_service_pb.ts";
import { CaseService } from "../gen/gatehouse/v1/case_service_pb.ts";
import { type Decision, DegradedCauseSchema, VerdictSchema } from "../gen/gatehouse/v1/decision_pb.ts";
import { DecisionService } from "../gen/gatehouse/v1/decision_service_pb.ts";
import { ErasureService } from "../gen/gatehouse/v1/erasure_service_pb.ts";
import { ErrorReason } from "../gen/gatehouse/v1/error_reason_pb.ts";
import { FeedService } from "../gen/gatehouse/v1/feed_service_pb.ts";
import { KeyService } from "../gen/gatehouse/v1/key_service_pb.ts";
import { ListService } from "../gen/gatehouse/v1/list_service_pb.ts";
import { ModerationService } from "../gen/gatehouse/v1/moderation_service_pb.ts";
import { PolicyService } from "../gen/gatehouse/v1/policy_service_pb.ts";
import type { Config } from "./config.ts";
import { isLoopback, type ListenAddress } from "./config-values.ts";
import { GatehouseError } from "./errors.ts";
import { drainHttp } from "./listener/listener.ts";
import { loadTls } from "./listener/load-tls.ts";
import { createHttp2SocketServer, createHttpServer } from "./listener/servers.ts";
import { createCheckApp } from "./moderation/apps.ts";
import { createSignalsFor } from "./moderation/ask-signals.ts";
import { createAudit } from "./moderation/audit.ts";
import { createCompileInTurns } from "./moderation/compile-in-turns.ts";
import { createDecide } from "./moderation/decide.ts";
import { createErasures, erasureNotFound } from "./moderation/erasures.ts";
import { createExplainDecision, decisionNotFound } from "./moderation/explain-decision.ts";
import { createFactsOf } from "./moderation/facts.ts";
import { createFeed } from "./moderation/feed.ts";
import { actionWord, caseKindWords, createFollowUpReport } from "./moderation/follow-up-report.ts";
import { startFollowUpSweep } from "./moderation/follow-up-sweep.ts";
import { createKeys } from "./moderation/keys.ts";
import { createLists } from "./moderation/lists.ts";
import { createPolicies } from "./moderation/policies.ts";
import { createPoliciesInForce } from "./moderation/policies-in-force.ts";
import { createPolicyFile, type PolicyFileLoaded } from "./moderation/policy-file.ts";
import { createPublishPolicyFile } from "./moderation/publish-policy-file.ts";
import { createRecord } from "./moderation/record.ts";
import { createRecordFallback, isLateDeny } from "./moderation/record-fallback.ts";
import { startRetention } from "./moderation/retention.ts";
import { createReportShadow } from "./moderation/shadow-report.ts";
import { createShadowTrial } from "./moderation/shadow-trial.ts";
import { undeclaredSignals } from "./moderation/undeclared-signals.ts";
import { createOpenListener } from "./open-listener.ts";
import { openSignals } from "./open-signals.ts";
import { openStore } from "./open-store.ts";
import type { CompiledPolicy } from "./policy/compile.ts";
import { checkEntry } from "./policy/list-matchers.ts";
import { createAppLimit, createRateLimit } from "./rate-limit.ts";
import { createAccountService } from "./rpc/account-service.ts";
import { createApiListener } from "./rpc/api-listener.ts";
import { createAuditService } from "./rpc/audit-service.ts";
import { createAuditSubjects } from "./rpc/audit-subjects.ts";
import { createCallerLimit } from "./rpc/caller-limit.ts";
import { caseNotFound, createCaseService } from "./rpc/case-service.ts";
import { createConnectDoor } from "./rpc/connect-door.ts";
import { createCrossOrigin } from "./rpc/cross-origin.ts";
import { createDecisionService } from "./rpc/decision-service.ts";
import { createErasureService } from "./rpc/erasure-service.ts";
import { createFeedService } from "./rpc/feed-service.ts";
import { createGrpcDoor } from "./rpc/grpc-door.ts";
import { serve } from "./rpc/implementation.ts";
import type { Subjects } from "./rpc/interceptors/access.ts";
import { createCallAdmission } from "./rpc/interceptors/admission.ts";
import { createAuditInterceptor } from "./rpc/interceptors/audit.ts";
import type { OnCall } from "./rpc/interceptors/telemetry.ts";
import { createInterceptors } from "./rpc/interceptors.ts";
import { createKeyService } from "./rpc/key-service.ts";
import { createListService } from "./rpc/list-service.ts";
import { assertKnowable, createListenerAccess } from "./rpc/listener-access.ts";
import { createLocalDoor } from "./rpc/local-door.ts";
import { readMethodAccess } from "./rpc/method-access.ts";
import { createModerationService } from "./rpc/moderation-service.ts";
import { createPolicyService } from "./rpc/policy-service.ts";
import { createErasureReports } from "./telemetry/erasure-reports.ts";
import { createBurstGate, type Logger } from "./telemetry/logger.ts";
import { createMetrics } from "./telemetry/metrics.ts";
import { burstQuietMs, createReports } from "./telemetry/reports.ts";
import { createRetentionReports } from "./telemetry/retention-reports.ts";
import { version } from "./version.ts";
import { createClientAddress } from "./webhook/client-address.ts";
import { createPassOn } from "./webhook/pass-on.ts";
import { createUnrecordedInMemory } from "./webhook/unrecorded-in-memory.ts";
import { createVerify } from "./webhook/verify.ts";
import { createWebhookSide } from "./webhook/webhook-side.ts";

/** A running Gatehouse. */
export interface GatehouseServer {
  /** Where the listeners are, with the ports that port 0 picked. */
  webhook: ListenAddress;
  api: ListenAddress;
  grpc: ListenAddress;
  /** The door for callers in this process. */
  localDoor: Transport;
  /** Stops accepting, lets what was accepted end (at most `graceMs`), commits, closes. Calling it again does nothing more. */
  stop(graceMs: number): Promise<void>;
}

/** How long the store may take to say that it is ready, in milliseconds. */
const readyWithinMs = 1000;

/** How long fallbacks are recorded at a stop, whatever grace there is, in milliseconds. */
const minRecordingMs = 100;

/** Starts everything. Rejects with an error for people when it cannot, and leaves nothing running. */
export async function startServer(config: Config, log: Logger, now: () => number = Date.now): Promise<GatehouseServer> {
  const closers: (() => unknown)[] = [];
  const closeAll = async () => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    return await start(config, log, now, closers);
  } catch (error) {
    await closeAll();
    throw error;
  }
}

async function start(config: Config, log: Logger, now: () => number, closers: (() => unknown)[]): Promise<GatehouseServer> {
  const metrics = createMetrics(version);
  const tls = loadTls({ webhook: config.webhook.tls, api: config.api.tls, grpc: config.grpc.tls });
  const reports = createReports(metrics, log, now);
  const { store, background } = await openStore(config, log, metrics);
  closers.push(() => store.close());

  const audit = createAudit({ store, onLost: (error) => log.error({ error }, "the audit log does not say how an act failed"), now });

  const signals = openSignals(config.signals, { onCalled: reports.signalCalled, onAsked: metrics.signalAsked, now });
  closers.push(() => signals.close());
  const compile = createCompileInTurns();
  const inForce = createPoliciesInForce({ store, compile, onTakenUp: reportUndeclaredSignals });
  const policies = createPolicies({ store, compile, onChanged: (pointer) => inForce.takeUp(pointer), signals: signals.names, now });
  await takeUpPolicies();
  const stopTakingUp = store.onPointerChange?.(takeUpEarly);
  if (stopTakingUp !== undefined) closers.push(stopTakingUp);

  const checkApp = createCheckApp(config.apps.map((app) => app.id));
  const locales = new Map(config.apps.map((app) => [app.id, app.locale]));
  const localeOf = (appId: number) => locales.get(appId) ?? "";
  const factsOf = createFactsOf();
  const shadowTrial = createShadowTrial({ store, policies: inForce, factsOf, signals, onTrial: reports.shadowTried });
  const waits = { reservationMs: config.reservationSeconds * 1000, followUpMs: config.followUpSeconds * 1000 };
  const followUp = { ...waits, messageBypassCases: config.followUpMessageBypassCases };
  closers.push(
    startFollowUpSweep({
      store: background,
      ...waits,
      now,
      after: callAfter,
      onAbandoned: (action, count) => metrics.followedUp(actionWord(action), "abandoned", count),
      onFailed: (error) => log.warn({ error }, "what was abandoned could not be noted; it is tried again"),
    }),
  );
  const onFollowedUp = createFollowUpReport({ metrics, log, gate: createBurstGate(burstQuietMs, now) });
  const signalsFor = createSignalsFor({ store, factsOf, signals });
  const deciding = { store, policies: inForce, factsOf, signalsFor, checkApp, localeOf, ...waits, followUp, onFollowedUp, now };
  const streams = new AbortController();
  const erasures = createErasures({ store, checkApp, randomBytes, now, after: afterMs, ...createErasureReports(log) });
  closers.push(() => erasures.stop());
  const services = [
    serve(
      ModerationService,
      createModerationService({
        decide: createDecide({ ...deciding, shadowTrial }),
        ...createRecord(deciding),
        recordFallback: createRecordFallback({ ...deciding, onRecorded: reportFallback }),
      }),
    ),
    serve(DecisionService, createDecisionService({ store, explainDecision: createExplainDecision({ store, compile }) })),
    serve(CaseService, createCaseService({ store, now })),
    serve(AccountService, createAccountService({ store })),
    serve(ListService, createListService({ lists: createLists({ store, checkEntry, now }) })),
    serve(PolicyService, createPolicyService({ policies, reportShadow: createReportShadow({ store, now }) })),
    serve(KeyService, createKeyService({ keys: createKeys({ store, checkApp, randomBytes, now }) })),
    serve(ErasureService, createErasureService({ erasures })),
    serve(AuditService, createAuditService({ audit })),
    serve(FeedService, createFeedService({ feed: createFeed({ store, stopping: streams.signal }) })),
  ];
  const onInternalError = (error: unknown) => log.error({ error }, "a call failed by a mistake in Gatehouse");
  const descs = services.map(({ service }) => service);
  const subjects: Subjects = {
    decision_id: { appOf: async (id) => (await store.getDecision(id))?.appId, notFound: decisionNotFound },
    case_id: { appOf: async (id) => (await store.getCase(id))?.appId, notFound: caseNotFound },
    erasure_id: { appOf: async (id) => (await store.getErasure(id))?.appId, notFound: erasureNotFound },
  };
  const accessOf = readMethodAccess(descs, Object.keys(subjects));
  const auditing = createAuditInterceptor({ accessOf, subjects: createAuditSubjects({ store }), audit });
  const appLimit = createAppLimit(
    config.apps,
    createRateLimit(() => performance.now()),
  );
  const callAdmission = createCallAdmission({
    maxInFlight: config.rpc.maxInFlight,
    appLimit,
    callerLimit: createCallerLimit(
      config.rpc.keyMaxPerSecond,
      createRateLimit(() => performance.now()),
    ),
    onRateLimited: metrics.rateLimited,
  });
  metrics.watch("rpc_in_flight", "Unary calls from other processes that are under way.", callAdmission.inFlight);
  const onCall: OnCall = ({ service, method, code, durationMs }) => metrics.rpcAnswered(`${service}/${method}`, codeName(code), durationMs);
  const openDoor = (ofNetwork: { access?: Interceptor; admission?: Interceptor }) =>
    createLocalDoor({
      services,
      interceptors: createInterceptors({ onCall, onInternalError, ...ofNetwork, audit: auditing }),
      onLateError: onInternalError,
    });
  const openNetworkDoor = (access: Interceptor) => openDoor({ access, admission: callAdmission.interceptor });
  const localDoor = openDoor({});
  const requiresKey = ({ host }: ListenAddress) => config.auth.required === "always" || !isLoopback(host);
  const isRequired = { api: requiresKey(config.api.listen), grpc: requiresKey(config.grpc.listen) };
  await assertKnowable(config, isRequired, store, now());
  const access = createListenerAccess({ ...config.auth, store, accessOf, subjects, isRequired, onTrouble: reports.trouble, now });

  let stopping = false;
  const grpcDoor = createGrpcDoor({
    localDoor: openNetworkDoor(access.grpc),
    services: descs,
    onInternalError,
    reflection: !isRequired.grpc,
    maxReceiveBytes: config.grpc.maxMessageBytes,
    maxConcurrentCalls: config.grpc.maxCallsPerConnection,
  });
  const ready = async () => {
    if (stopping) throw new GatehouseError(ErrorReason.SHUTTING_DOWN, "The service is stopping.");
    await inForce.upToDate(async () => inForce.live());
    await withinTime(store.check(), readyWithinMs);
  };
  const apiServer = createHttpServer(
    config.api.limits,
    tls.api?.material,
    createApiListener({
      connectDoor: createConnectDoor({
        localDoor: openNetworkDoor(access.api),
        services: descs,
        onInternalError,
        maxReceiveBytes: config.api.maxMessageBytes,
      }),
      ready,
      metrics: renderMetrics,
      checkMetricsReader: access.checkMetricsReader,
      crossOrigin: createCrossOrigin({ origins: config.api.corsOrigins, isOpen: !isRequired.api }),
      onInternalError,
    }),
  );
  const passOn = createPassOn({ forwards: config.forward, taps: config.tap, onPassedOn: reports.webhookPassedOn, now });
  closers.push(() => passOn.close());
  const client = createClient(ModerationService, localDoor);
  const { listener, admission, unrecorded } = createWebhookSide({
    client,
    settings: config.webhook,
    createUnrecorded: (isCalm) =>
      createUnrecordedInMemory({ client, maxCount: config.webhook.maxUnrecorded, isCalm, onDropped: reports.fallbackDropped }),
    verify: createVerify(config.apps, now, config.webhook.signWindowSeconds),
    clientAddress: createClientAddress(config.webhook.trustedProxies, config.webhook.proxyHeader),
    passOn,
    onAnswered: reports.webhookAnswered,
    appLimit,
    newRequestId: undefined,
    tellsBudget: config.signals.length > 0 || store.isRemote === true,
    now,
  });
  metrics.watch("webhook_in_flight", "Webhooks that are being decided or recorded.", admission.inFlight);
  metrics.watch("fallbacks_waiting", "Answered fallbacks that wait for being recorded.", unrecorded.waiting);
  const webhookServer = createHttpServer(config.webhook.limits, tls.webhook?.material, listener);
  const open = createOpenListener({ config, tls, metrics, log, now, closers });
  const grpcServer = createHttp2SocketServer(tls.grpc?.material, grpcDoor.accept);
  const grpc = await open("grpc", grpcServer, config.grpc.maxConnections, (graceMs) => grpcDoor.close(graceMs));
  const api = await open("api", apiServer, config.api.limits.maxConnections, drainHttp(apiServer));
  const webhook = await open("webhook", webhookServer, config.webhook.limits.maxConnections, drainHttp(webhookServer));
  grpcDoor.setServing(true);

  closers.push(startRetention({ store: background, days: config.retention, now, after: afterMs, ...createRetentionReports(metrics, log) }));

  let stopped: Promise<void> | undefined;
  const stop = async (graceMs: number) => {
    stopping = true;
    streams.abort();
    grpcDoor.setServing(false);
    const deadlineMs = performance.now() + graceMs;
    await Promise.all([webhook, api, grpc].map((listener) => listener.close(graceMs)));
    // What a fallback has answered is recorded before the store closes: first what is still being decided, then what waits.
    await Promise.race([admission.empty(), delay(Math.max(0, deadlineMs - performance.now()), undefined, { ref: false })]);
    await unrecorded.close(Math.max(minRecordingMs, deadlineMs - performance.now()));
    for (const close of closers.splice(0).reverse()) await close();
  };
  return {
    webhook: webhook.address,
    api: api.address,
    grpc: grpc.address,
    localDoor,
    stop(graceMs) {
      stopped ??= stop(graceMs);
      return stopped;
    },
  };

  /** Takes up the policies that were in force last, then the policy file. */
  async function takeUpPolicies(): Promise<void> {
    await inForce.takeUp("live");
    await inForce.takeUp("shadow").catch((error) => log.error({ error }, "the shadow policy cannot be tried"));
    const hadPolicy = (await store.getPointedPolicy("live")) !== undefined;
    const path = config.policy;
    if (path === undefined) {
      if (!hadPolicy) log.warn({}, "no policy is live, and no policy file is set: publish one with `gatehouse policy publish --activate`");
      return;
    }
    const file = createPolicyFile(path, { compile, makeLive: createPublishPolicyFile({ store, policies, audit }) });
    const loaded = await file.load();
    reportPolicy(path, loaded);
    if (loaded.kind === "refused" && !hadPolicy) {
      throw new GatehouseError(
        ErrorReason.INVALID_POLICY,
        `The policy cannot be used, and there is none from before:\n${loaded.problem}\nCorrect it, or name another file with GATEHOUSE_POLICY.`,
      );
    }
    closers.push(file.watch((again) => reportPolicy(path, again)));
  }

  /** Compiles what another process has activated before a decision has to wait for that. What fails here is tried, and told of, by the next decision. */
  function takeUpEarly(): void {
    for (const pointer of ["live", "shadow"] as const) inForce.takeUp(pointer).catch(() => undefined);
  }

  /** A policy that is in force stays so when the settings have lost a signal of it: to refuse to start would be the greater harm. */
  function reportUndeclaredSignals({ name, version: policyVersion, signals: named }: CompiledPolicy): void {
    for (const { rule, message } of undeclaredSignals(named, signals.names)) {
      log.error({ policy: name, version: policyVersion, rule, problem: message }, "a rule asks a signal that there is not, and gets 0");
    }
  }

  function reportPolicy(file: string, loaded: PolicyFileLoaded): void {
    metrics.policyLoaded(loaded.kind);
    if (loaded.kind === "live") {
      log.info({ policy: loaded.policy.name, version: loaded.policy.version, file }, "a policy is live");
    } else if (loaded.kind === "refused") {
      log.error({ file, problem: loaded.problem }, "the policy file is refused; the last good policy stays in force");
    }
  }

  async function renderMetrics(): Promise<{ contentType: string; text: string }> {
    // Without the store the other metrics are worth the more.
    const open = await store.countOpenCases().catch(() => []);
    for (const { kind, count } of open) metrics.openCases(caseKindWords.get(kind) ?? "other", count);
    return metrics.render();
  }

  function reportFallback(decision: Decision): void {
    if (isLateDeny(decision)) metrics.caseOpened("late_deny");
    const { decisionId, appId, degradedCause, lateVerdict } = decision;
    reports.fallbackRecorded({
      decisionId,
      appId,
      cause: enumWord(DegradedCauseSchema, degradedCause),
      lateVerdict: enumWord(VerdictSchema, lateVerdict),
      isLateDeny: isLateDeny(decision),
    });
  }
}

/** A value of an enum as labels and settings write it, such as `deny` for VERDICT_DENY. */
function enumWord(schema: DescEnum, value: number): string {
  return schema.value[value]?.localName.toLowerCase() ?? String(value);
}

/** Calls `run` once, unless the returned function is called before. */
function afterMs(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}

/** A gRPC code as its specification writes it, such as INVALID_ARGUMENT; OK for none. */
function codeName(code: Code | undefined): string {
  return code === undefined ? "OK" : (codeNames.get(code) ?? "UNKNOWN");
}

const codeNames = new Map(
  Object.entries(Code).flatMap(([name, code]) =>
    typeof code === "number" ? [[code, name.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase()] as const] : [],
  ),
);

/** The answer of the store, or STORE_UNAVAILABLE when it takes too long. */
async function withinTime(answer: Promise<void>, limitMs: number): Promise<void> {
  const tooLate = delay(limitMs, "late", { ref: false });
  if ((await Promise.race([answer, tooLate])) !== "late") return;
  throw new GatehouseError(ErrorReason.STORE_UNAVAILABLE, `The store has not written anything for ${limitMs} ms: look at its disk.`);
}

function callAfter(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}

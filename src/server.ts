// Puts everything together: the only place that knows concrete classes.
import { randomBytes } from "node:crypto";
import type { Server } from "node:net";
import { Code, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { AccountService } from "../gen/gatehouse/v1/account_service_pb.ts";
import { AuditService } from "../gen/gatehouse/v1/audit_service_pb.ts";
import { CaseService } from "../gen/gatehouse/v1/case_service_pb.ts";
import { DecisionService } from "../gen/gatehouse/v1/decision_service_pb.ts";
import { ErrorReason } from "../gen/gatehouse/v1/error_reason_pb.ts";
import { FeedService } from "../gen/gatehouse/v1/feed_service_pb.ts";
import { KeyService } from "../gen/gatehouse/v1/key_service_pb.ts";
import { ListService } from "../gen/gatehouse/v1/list_service_pb.ts";
import { ModerationService } from "../gen/gatehouse/v1/moderation_service_pb.ts";
import { PolicyService } from "../gen/gatehouse/v1/policy_service_pb.ts";
import type { Config } from "./config.ts";
import { isLoopback, type ListenAddress } from "./config-values.ts";
import { GatehouseError } from "./errors.ts";
import { drainHttp, type Listener, type ListenerSpec, openListener } from "./listener/listener.ts";
import { loadTls } from "./listener/load-tls.ts";
import { createHttp2SocketServer, createHttpServer } from "./listener/servers.ts";
import { createCheckApp } from "./moderation/apps.ts";
import { createAudit } from "./moderation/audit.ts";
import { createCompileInTurns } from "./moderation/compile-in-turns.ts";
import { createDecide } from "./moderation/decide.ts";
import { createExplainDecision, decisionNotFound } from "./moderation/explain-decision.ts";
import { createFactsOf } from "./moderation/facts.ts";
import { createFeed } from "./moderation/feed.ts";
import { caseKindWords, createFollowUpReport } from "./moderation/follow-up-report.ts";
import { startFollowUpSweep } from "./moderation/follow-up-sweep.ts";
import { createKeys } from "./moderation/keys.ts";
import { createLists } from "./moderation/lists.ts";
import { createPolicies } from "./moderation/policies.ts";
import { createPoliciesInForce } from "./moderation/policies-in-force.ts";
import { createPolicyFile, type PolicyFileLoaded } from "./moderation/policy-file.ts";
import { createPublishPolicyFile } from "./moderation/publish-policy-file.ts";
import { createRecord } from "./moderation/record.ts";
import { createReportShadow } from "./moderation/shadow-report.ts";
import { createShadowTrial } from "./moderation/shadow-trial.ts";
import { checkEntry } from "./policy/list-matchers.ts";
import { createAccountService } from "./rpc/account-service.ts";
import { createApiListener } from "./rpc/api-listener.ts";
import { createAuditService } from "./rpc/audit-service.ts";
import { createAuditSubjects } from "./rpc/audit-subjects.ts";
import { caseNotFound, createCaseService } from "./rpc/case-service.ts";
import { createConnectDoor } from "./rpc/connect-door.ts";
import { createCrossOrigin } from "./rpc/cross-origin.ts";
import { createDecisionService } from "./rpc/decision-service.ts";
import { createFeedService } from "./rpc/feed-service.ts";
import { createGrpcDoor } from "./rpc/grpc-door.ts";
import { serve } from "./rpc/implementation.ts";
import type { Subjects } from "./rpc/interceptors/access.ts";
import { createAuditInterceptor } from "./rpc/interceptors/audit.ts";
import { createInterceptors } from "./rpc/interceptors.ts";
import { createKeyService } from "./rpc/key-service.ts";
import { createListService } from "./rpc/list-service.ts";
import { assertKnowable, createListenerAccess } from "./rpc/listener-access.ts";
import { createLocalDoor } from "./rpc/local-door.ts";
import { readMethodAccess } from "./rpc/method-access.ts";
import { createModerationService } from "./rpc/moderation-service.ts";
import { createPolicyService } from "./rpc/policy-service.ts";
import { openSqliteStore } from "./storage/sqlite/sqlite-store.ts";
import { createListenerReports } from "./telemetry/listener-reports.ts";
import { createBurstGate, type Logger } from "./telemetry/logger.ts";
import { createMetrics } from "./telemetry/metrics.ts";
import { version } from "./version.ts";
import { createClientAddress } from "./webhook/client-address.ts";
import { createGateway } from "./webhook/gateway.ts";
import { createPassOn, type PassOnReport } from "./webhook/pass-on.ts";
import { createVerify } from "./webhook/verify.ts";
import { createWebhookListener, type WebhookReport } from "./webhook/webhook-listener.ts";

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

/** How long one burst of the same trouble keeps the log quiet. */
const burstQuietMs = 10_000;

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
  const trialGate = createBurstGate(burstQuietMs, now);
  const store = await openSqliteStore({ path: config.database });
  closers.push(() => store.close());

  const audit = createAudit({ store, onLost: (error) => log.error({ error }, "the audit log does not say how an act failed"), now });

  const compile = createCompileInTurns();
  const inForce = createPoliciesInForce({ store, compile });
  const policies = createPolicies({ store, compile, onChanged: (pointer) => inForce.takeUp(pointer), now });
  await takeUpPolicies();

  const checkApp = createCheckApp(config.apps.map((app) => app.id));
  const locales = new Map(config.apps.map((app) => [app.id, app.locale]));
  const localeOf = (appId: number) => locales.get(appId) ?? "";
  const factsOf = createFactsOf();
  const shadowTrial = createShadowTrial({ store, policies: inForce, factsOf, onTrial: reportTrial });
  const waits = { reservationMs: config.reservationSeconds * 1000, followUpMs: config.followUpSeconds * 1000 };
  closers.push(
    startFollowUpSweep({
      store,
      ...waits,
      now,
      after: callAfter,
      onAbandoned: (count) => metrics.followedUp("create_account", "abandoned", count),
      onFailed: (error) => log.warn({ error }, "what was abandoned could not be noted; it is tried again"),
    }),
  );
  const onFollowedUp = createFollowUpReport({ metrics, log, gate: createBurstGate(burstQuietMs, now) });
  const deciding = { store, policies: inForce, factsOf, checkApp, localeOf, ...waits, onFollowedUp, now };
  const streams = new AbortController();
  const services = [
    serve(
      ModerationService,
      createModerationService({
        decide: createDecide({ ...deciding, shadowTrial }),
        record: createRecord(deciding),
      }),
    ),
    serve(DecisionService, createDecisionService({ store, explainDecision: createExplainDecision({ store, compile }) })),
    serve(CaseService, createCaseService({ store, now })),
    serve(AccountService, createAccountService({ store })),
    serve(ListService, createListService({ lists: createLists({ store, checkEntry, now }) })),
    serve(PolicyService, createPolicyService({ policies, reportShadow: createReportShadow({ store, now }) })),
    serve(KeyService, createKeyService({ keys: createKeys({ store, checkApp, randomBytes, now }) })),
    serve(AuditService, createAuditService({ audit })),
    serve(FeedService, createFeedService({ feed: createFeed({ store, stopping: streams.signal }) })),
  ];
  const onInternalError = (error: unknown) => log.error({ error }, "a call failed by a mistake in Gatehouse");
  const descs = services.map(({ service }) => service);
  const subjects: Subjects = {
    decision_id: { appOf: async (id) => (await store.getDecision(id))?.appId, notFound: decisionNotFound },
    case_id: { appOf: async (id) => (await store.getCase(id))?.appId, notFound: caseNotFound },
  };
  const accessOf = readMethodAccess(descs, Object.keys(subjects));
  const auditing = createAuditInterceptor({ accessOf, subjects: createAuditSubjects({ store }), audit });
  const openDoor = (access?: Interceptor) =>
    createLocalDoor({
      services,
      interceptors: createInterceptors({
        onCall: ({ service, method, code, durationMs }) => metrics.rpcAnswered(`${service}/${method}`, codeName(code), durationMs),
        onInternalError,
        ...(access && { access }),
        audit: auditing,
      }),
      onLateError: onInternalError,
    });
  const localDoor = openDoor();
  const requiresKey = ({ host }: ListenAddress) => config.auth.required === "always" || !isLoopback(host);
  const isRequired = { api: requiresKey(config.api.listen), grpc: requiresKey(config.grpc.listen) };
  await assertKnowable(config, isRequired, store, now());
  const access = createListenerAccess({ ...config.auth, store, accessOf, subjects, isRequired, onTrouble: createTroubleReporter(), now });

  let stopping = false;
  const grpcDoor = createGrpcDoor({
    localDoor: openDoor(access.grpc),
    services: descs,
    onInternalError,
    reflection: !isRequired.grpc,
    maxReceiveBytes: config.grpc.maxMessageBytes,
    maxConcurrentCalls: config.grpc.maxCallsPerConnection,
  });
  const ready = async () => {
    if (stopping) throw new GatehouseError(ErrorReason.SHUTTING_DOWN, "The service is stopping.");
    inForce.live();
    await store.check();
  };
  const apiServer = createHttpServer(
    config.api.limits,
    tls.api?.material,
    createApiListener({
      connectDoor: createConnectDoor({
        localDoor: openDoor(access.api),
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
  const passOn = createPassOn({ forwards: config.forward, taps: config.tap, onPassedOn: createPassOnReporter(), now });
  closers.push(() => passOn.close());
  const webhookServer = createHttpServer(
    config.webhook.limits,
    tls.webhook?.material,
    createWebhookListener({
      gateway: createGateway({ client: createClient(ModerationService, localDoor), fallbacks: config.webhook.fallback }),
      verify: createVerify(config.apps, now, config.webhook.signWindowSeconds),
      clientAddress: createClientAddress(config.webhook.trustedProxies, config.webhook.proxyHeader),
      passOn,
      budgetMs: config.webhook.budgetMs,
      maxBodyBytes: config.webhook.maxBodyBytes,
      onAnswered: createWebhookReporter(),
    }),
  );
  const grpcServer = createHttp2SocketServer(tls.grpc?.material, grpcDoor.accept);
  const grpc = await open("grpc", grpcServer, config.grpc.maxConnections, (graceMs) => grpcDoor.close(graceMs));
  const api = await open("api", apiServer, config.api.limits.maxConnections, drainHttp(apiServer));
  const webhook = await open("webhook", webhookServer, config.webhook.limits.maxConnections, drainHttp(webhookServer));
  grpcDoor.setServing(true);

  let stopped: Promise<void> | undefined;
  const stop = async (graceMs: number) => {
    stopping = true;
    streams.abort();
    grpcDoor.setServing(false);
    await Promise.all([webhook, api, grpc].map((listener) => listener.close(graceMs)));
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

  async function open(
    name: "webhook" | "api" | "grpc",
    server: Server,
    maxConnections: number,
    drain: ListenerSpec["drain"],
  ): Promise<Listener> {
    const reports = createListenerReports(name, metrics, log, now);
    reports.onCertificate(tls[name]?.material.expiresAtMs);
    const address = config[name].listen;
    if (name !== "webhook" && tls[name] === undefined && !isLoopback(address.host)) {
      log.warn({ listener: name }, "keys and calls come here in the clear: set its tls, or put a proxy with TLS in front of it");
    }
    const listener = await openListener(server, { name, address, maxConnections, tls: tls[name], drain, now, ...reports });
    metrics.listenerOpened(name, listener.connectionCount);
    closers.push(() => listener.close(0));
    return listener;
  }

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

  function reportPolicy(file: string, loaded: PolicyFileLoaded): void {
    metrics.policyLoaded(loaded.kind);
    if (loaded.kind === "live") {
      log.info({ policy: loaded.policy.name, version: loaded.policy.version, file }, "a policy is live");
    } else if (loaded.kind === "refused") {
      log.error({ file, problem: loaded.problem }, "the policy file is refused; the last good policy stays in force");
    }
  }

  function reportTrial(result: string, error?: unknown): void {
    metrics.shadowTried(result);
    if (error !== undefined && trialGate("failed") !== undefined) log.warn({ error }, "the shadow policy could not be asked");
  }

  function createPassOnReporter(): (report: PassOnReport) => void {
    const gate = createBurstGate(burstQuietMs, now);
    return ({ kind, commands, outcome, durationMs, problem }) => {
      metrics.webhookPassedOn(`${kind} ${commands}`, outcome, durationMs);
      if (problem === undefined) return;
      const burst = gate(`${kind} ${commands} ${outcome}`);
      if (burst !== undefined) log.warn({ kind, commands, outcome, problem, leftOut: burst.leftOut }, "a webhook could not be passed on");
    };
  }

  function createTroubleReporter(): (error: unknown, text: string) => void {
    const gate = createBurstGate(burstQuietMs, now);
    return (error, text) => {
      if (gate(text) !== undefined) log.warn({ error }, text);
    };
  }

  async function renderMetrics(): Promise<{ contentType: string; text: string }> {
    // Without the store the other metrics are worth the more.
    const open = await store.countOpenCases().catch(() => []);
    for (const { kind, count } of open) metrics.openCases(caseKindWords.get(kind) ?? "other", count);
    return metrics.render();
  }

  function createWebhookReporter(): (report: WebhookReport) => void {
    const gate = createBurstGate(burstQuietMs, now);
    return ({ command, outcome, status, durationMs, problem, client }) => {
      metrics.webhookAnswered(command, outcome, durationMs);
      if (problem === undefined) return;
      const burst = gate(`${command} ${outcome}`);
      if (burst !== undefined) log.warn({ command, outcome, status, problem, client, leftOut: burst.leftOut }, "a webhook was not decided");
    };
  }
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

function callAfter(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}

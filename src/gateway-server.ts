// Puts the gateway together that runs apart from the service: Chat's side, the way to the service, and the spool.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import type { RequestListener } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { ConnectError, createClient } from "@connectrpc/connect";
import { ErrorReason } from "../gen/gatehouse/v1/error_reason_pb.ts";
import { ModerationService } from "../gen/gatehouse/v1/moderation_service_pb.ts";
import type { Config } from "./config.ts";
import { isLoopback, type ListenAddress } from "./config-values.ts";
import { GatehouseError } from "./errors.ts";
import type { ServiceConfig } from "./gateway-settings.ts";
import { drainHttp } from "./listener/listener.ts";
import { loadTls } from "./listener/load-tls.ts";
import { createHttpServer } from "./listener/servers.ts";
import { createOpenListener } from "./open-listener.ts";
import { createAppLimit, createRateLimit } from "./rate-limit.ts";
import { createApiListener } from "./rpc/api-listener.ts";
import { createCrossOrigin } from "./rpc/cross-origin.ts";
import { createValidate } from "./rpc/interceptors/validate.ts";
import { createListenerAccess, type ListenerAccessDeps } from "./rpc/listener-access.ts";
import { readMethodAccess } from "./rpc/method-access.ts";
import { createRemoteDoor, type RemoteDoor, type RemoteTls } from "./rpc/remote-door.ts";
import { fromWireError, toWireError } from "./rpc/wire-error.ts";
import { startDelivery } from "./spool/delivery.ts";
import { failureOf } from "./spool/failures.ts";
import { openSpool, type Spool } from "./spool/spool.ts";
import { createSpooledModeration } from "./spool/spooled-moderation.ts";
import type { Logger } from "./telemetry/logger.ts";
import { createMetrics, type Metrics } from "./telemetry/metrics.ts";
import { createReports } from "./telemetry/reports.ts";
import { createSpoolReports } from "./telemetry/spool-reports.ts";
import { version } from "./version.ts";
import { createClientAddress } from "./webhook/client-address.ts";
import { createPassOn } from "./webhook/pass-on.ts";
import { createRequestIds } from "./webhook/request-ids.ts";
import { createVerify } from "./webhook/verify.ts";
import { createWebhookSide } from "./webhook/webhook-side.ts";

/** A running gateway. */
export interface GatewayServer {
  /** Where the listeners are, with the ports that port 0 picked. */
  webhook: ListenAddress;
  api: ListenAddress;
  /**
   * Stops accepting, lets what was accepted end, delivers what can be delivered (all in at most `graceMs`), and closes. What is left is delivered
   * after the next start. Calling it again does nothing more.
   */
  stop(graceMs: number): Promise<void>;
}

/** How long the service may take to say that it serves, in milliseconds. */
const checkWithinMs = 500;

/** Starts it. Rejects with an error for people when it cannot, and leaves nothing running. The service need not be there. */
export async function startGatewayServer(config: Config, log: Logger, now: () => number = Date.now): Promise<GatewayServer> {
  const closers: (() => unknown)[] = [];
  try {
    return await start(config, log, now, closers);
  } catch (error) {
    for (const close of closers.splice(0).reverse()) await close();
    throw error;
  }
}

async function start(config: Config, log: Logger, now: () => number, closers: (() => unknown)[]): Promise<GatewayServer> {
  const metrics = createMetrics(version);
  const tls = loadTls({ webhook: config.webhook.tls, api: config.api.tls });
  const reports = createReports(metrics, log, now);
  const spoolReports = createSpoolReports(metrics, log, now);
  const door = openDoor(config.service, log);
  closers.push(() => door.close());
  const spool = await openSpool({ ...config.spool, now, onTrouble: spoolReports.trouble });
  closers.push(() => spool.close());
  watchSpool(metrics, spool, now);

  const service = createClient(ModerationService, door.transport);
  const validate = createValidate();
  const { client, unrecorded } = createSpooledModeration({
    client: service,
    spool,
    validate(schema, message) {
      const problem = validate(schema, message);
      return problem && toWireError(problem, (error) => log.error({ error }, "a request could not be checked, by a mistake in Gatehouse"));
    },
    onKept: spoolReports.kept,
    onNotKept: spoolReports.notKept,
    now,
  });
  const passOn = createPassOn({ forwards: config.forward, taps: config.tap, onPassedOn: reports.webhookPassedOn, now });
  closers.push(() => passOn.close());
  const { listener, admission } = createWebhookSide({
    client,
    settings: config.webhook,
    createUnrecorded: () => unrecorded,
    verify: createVerify(config.apps, now, config.webhook.signWindowSeconds),
    clientAddress: createClientAddress(config.webhook.trustedProxies, config.webhook.proxyHeader),
    passOn,
    onAnswered: reports.webhookAnswered,
    appLimit: createAppLimit(
      config.apps,
      createRateLimit(() => performance.now()),
    ),
    tellsBudget: false,
    newRequestId: createRequestIds(randomBytes(4).toString("hex"), now),
    now,
  });
  metrics.watch("webhook_in_flight", "Webhooks that are being decided or recorded.", admission.inFlight);

  let stopping = false;
  const ready = async () => {
    if (stopping) throw new GatehouseError(ErrorReason.SHUTTING_DOWN, "The gateway is stopping.");
    await spool.check();
  };
  const isKeyRequired = config.auth.required === "always" || !isLoopback(config.api.listen.host);
  const apiServer = createHttpServer(
    config.api.limits,
    tls.api?.material,
    createApiListener({
      connectDoor: noServices,
      ready,
      notes: () => serviceNote(door),
      metrics: metrics.render,
      checkMetricsReader: createMetricsReaderCheck(config.auth, isKeyRequired, reports.trouble, now),
      crossOrigin: createCrossOrigin({ origins: config.api.corsOrigins, isOpen: !isKeyRequired }),
      onInternalError: (error) => log.error({ error }, "a page failed by a mistake in Gatehouse"),
    }),
  );
  const webhookServer = createHttpServer(config.webhook.limits, tls.webhook?.material, listener);
  const open = createOpenListener({ config, tls, metrics, log, now, closers });
  const api = await open("api", apiServer, config.api.limits.maxConnections, drainHttp(apiServer));
  const webhook = await open("webhook", webhookServer, config.webhook.limits.maxConnections, drainHttp(webhookServer));
  const delivery = startDelivery({
    spool,
    client: service,
    failureOf: (error) => failureOf(fromWireError(error)),
    onDelivered: (kind, count) => spoolReports.delivered(kind, count, spool.totals().pending),
    onRefused: spoolReports.refused,
    onFailed: (error) => spoolReports.failed(ConnectError.from(error).rawMessage, spool.totals().pending),
  });

  let stopped: Promise<void> | undefined;
  const stop = async (graceMs: number) => {
    stopping = true;
    const deadlineMs = performance.now() + graceMs;
    const leftMs = () => Math.max(0, deadlineMs - performance.now());
    await Promise.all([webhook, api].map((listener) => listener.close(graceMs)));
    await Promise.race([admission.empty(), delay(leftMs(), undefined, { ref: false })]);
    await delivery.stop(leftMs());
    for (const close of closers.splice(0).reverse()) await close();
  };
  return {
    webhook: webhook.address,
    api: api.address,
    stop(graceMs) {
      stopped ??= stop(graceMs);
      return stopped;
    },
  };
}

function openDoor({ address, caFile, certFile, keyFile, apiKey }: ServiceConfig, log: Logger): RemoteDoor {
  if (address === undefined) {
    throw new GatehouseError(
      ErrorReason.INVALID_REQUEST,
      "service.address: the service must be given, such as --service dns:///gatehouse:9090, or GATEHOUSE_SERVICE.",
    );
  }
  if (apiKey !== undefined && caFile === undefined) {
    log.warn({ service: address }, "the API key goes to the service without TLS: whoever is on the way can read it; set service.ca_file");
  }
  const tls = caFile === undefined ? {} : { tls: readTls(caFile, certFile, keyFile) };
  try {
    return createRemoteDoor({ target: address, ...(apiKey && { apiKey }), ...tls });
  } catch (cause) {
    const message = `service: the TLS files cannot be used: ${(cause as Error).message}. They must be PEM, and the key that of the certificate.`;
    throw new GatehouseError(ErrorReason.INVALID_REQUEST, message, { cause });
  }
}

function readTls(caFile: string, certFile: string | undefined, keyFile: string | undefined): RemoteTls {
  const ca = caFile === "system" ? {} : { ca: readPem("service.ca_file", caFile) };
  if (certFile === undefined && keyFile === undefined) return ca;
  if (certFile === undefined || keyFile === undefined) {
    throw new GatehouseError(ErrorReason.INVALID_REQUEST, "service.cert_file and service.key_file: set both, or neither.");
  }
  return { ...ca, identity: { cert: readPem("service.cert_file", certFile), key: readPem("service.key_file", keyFile) } };
}

function readPem(setting: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new GatehouseError(ErrorReason.INVALID_REQUEST, `${setting}: ${file} cannot be read: ${(cause as Error).message}.`, { cause });
  }
}

function watchSpool(metrics: Metrics, { totals }: Spool, now: () => number): void {
  metrics.watch("spool_waiting", "Events and fallbacks in the spool that wait for the service.", () => totals().pending);
  metrics.watch("spool_bytes", "Bytes that the spool holds, of at most spool.max_bytes.", () => totals().bytes);
  metrics.watch("spool_refused", "Events and fallbacks in the spool that the service refused for good.", () => totals().refused);
  metrics.watch("spool_oldest_seconds", "For how long the oldest has waited; 0 when none waits.", () => {
    const { oldestMs } = totals();
    return oldestMs === undefined ? 0 : Math.max(0, now() - oldestMs) / 1000;
  });
}

/** The gateway has no store, so that its callers are known by the bootstrap key and by tokens alone. */
function createMetricsReaderCheck(
  auth: Config["auth"],
  isKeyRequired: boolean,
  onTrouble: ListenerAccessDeps["onTrouble"],
  now: () => number,
) {
  const isRequired = { api: isKeyRequired, grpc: false };
  const store = { getKey: async () => undefined, noteKeyUse: async () => undefined, onKeyChange: () => () => undefined };
  const accessOf = readMethodAccess([], []);
  return createListenerAccess({ ...auth, store, accessOf, subjects: {}, isRequired, onTrouble, now }).checkMetricsReader;
}

/** Whether the service can be reached: worth knowing, and no reason to send Chat's webhooks elsewhere, which would find the same. */
async function serviceNote(door: RemoteDoor): Promise<Record<string, string>> {
  try {
    await door.check(checkWithinMs);
    return { service: "serving" };
  } catch (error) {
    return { service: `away: ${ConnectError.from(error).rawMessage}` };
  }
}

/** Calls belong to the service. */
const noServices: RequestListener = (_req, res) => {
  res
    .writeHead(404, { "Content-Type": "text/plain" })
    .end("This is a gateway: /healthz, /readyz and /metrics are here, the services are not.\n");
};

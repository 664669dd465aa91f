// Opens the listeners of a server, each with what operators learn of it.
import type { Server } from "node:net";
import type { Config } from "./config.ts";
import { isLoopback } from "./config-values.ts";
import { type Listener, type ListenerSpec, openListener } from "./listener/listener.ts";
import type { LoadedTls } from "./listener/load-tls.ts";
import { createListenerReports } from "./telemetry/listener-reports.ts";
import type { Logger } from "./telemetry/logger.ts";
import type { Metrics } from "./telemetry/metrics.ts";

type ListenerName = "webhook" | "api" | "grpc";

/** What listeners are opened with. */
export interface OpenListenerDeps {
  config: Config;
  /** What the TLS files hold that the settings name. */
  tls: Partial<Record<ListenerName, LoadedTls | undefined>>;
  metrics: Metrics;
  log: Logger;
  /** Milliseconds since 1970. */
  now(): number;
  /** Gets what closes the listener at once. */
  closers: (() => unknown)[];
}

/** Opens a listener where the settings say, for a server that was made with its limits and TLS. */
export type OpenListener = (name: ListenerName, server: Server, maxConnections: number, drain: ListenerSpec["drain"]) => Promise<Listener>;

export function createOpenListener({ config, tls, metrics, log, now, closers }: OpenListenerDeps): OpenListener {
  return async (name, server, maxConnections, drain) => {
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
  };
}

// What operators learn of a listener's connections and certificates: counted each time, logged once per burst.
import { createBurstGate, type Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";

/** What happens to one listener beside its requests. */
export interface ListenerReports {
  /** It serves with a certificate that ends then, in milliseconds since 1970; undefined: it has none. */
  onCertificate(expiresAtMs: number | undefined): void;
  /** A connection came to nothing: `limit` or `tls`. */
  onRefused(reason: string): void;
  /** Its TLS files have changed. */
  onTlsRead(read: { kind: "read"; material: { expiresAtMs: number } } | { kind: "refused"; problem: string }): void;
}

/** How long one burst of the same trouble keeps the log quiet. */
const burstQuietMs = 10_000;

/** Reports on the listener that settings and metrics call `listener`. */
export function createListenerReports(listener: string, metrics: Metrics, log: Logger, now: () => number): ListenerReports {
  const gate = createBurstGate(burstQuietMs, now);
  const onCertificate = (expiresAtMs: number | undefined) => {
    if (expiresAtMs === undefined) return;
    metrics.tlsLoaded(listener, "read", expiresAtMs);
    if (expiresAtMs <= now()) log.error({ listener }, "the certificate has ended: clients will refuse it");
  };
  return {
    onCertificate,
    onRefused(reason) {
      metrics.connectionRefused(listener, reason);
      const burst = gate(reason);
      if (burst !== undefined) log.warn({ listener, reason, leftOut: burst.leftOut }, "a connection came to nothing");
    },
    onTlsRead(read) {
      if (read.kind === "read") {
        log.info({ listener }, "new connections get the new certificate");
        onCertificate(read.material.expiresAtMs);
        return;
      }
      metrics.tlsLoaded(listener, "refused");
      log.error({ listener, problem: read.problem }, "the TLS files are refused; the certificate from before stays in use");
    },
  };
}

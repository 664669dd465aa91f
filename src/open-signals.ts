// Opens the signals that the settings declare: a classifier each, over HTTP or gRPC.
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createClient } from "@connectrpc/connect";
import { ErrorReason } from "../gen/gatehouse/v1/error_reason_pb.ts";
import { SignalService } from "../gen/gatehouse/v1/signal_service_pb.ts";
import { GatehouseError } from "./errors.ts";
import { createSignals, type Signals, type SignalsDeps } from "./moderation/signals.ts";
import { createHttpExchange } from "./outbound/http-exchange.ts";
import { createRemoteDoor } from "./rpc/remote-door.ts";
import type { SignalConfig } from "./signal-settings.ts";
import { createGrpcSignal } from "./signals/grpc-signal.ts";
import { createHttpSignal } from "./signals/http-signal.ts";
import type { SignalSource } from "./signals/signal-source.ts";

/** Open signals. */
export interface OpenSignals extends Signals {
  names: ReadonlySet<string>;
  /** Ends all connections. */
  close(): void;
}

/** Of an answer that is one number. */
const maxAnswerBytes = 65_536;

/** Opens them. Nothing is connected before the first question. Throws INVALID_REQUEST when a file cannot be read. */
export function openSignals(configs: readonly SignalConfig[], deps: Omit<SignalsDeps, "signals">): OpenSignals {
  const signals = configs.map((config) => ({
    ...config,
    source: openSource(config),
    cacheMs: config.cacheSeconds * 1000,
    rest: { failures: config.restAfter, restMs: config.restMs },
  }));
  return {
    ...createSignals({ signals, ...deps }),
    names: new Set(configs.map(({ name }) => name)),
    close() {
      for (const { source } of signals) source.close();
    },
  };
}

function openSource({ name: signal, at, token, caFile, maxConnections }: SignalConfig): SignalSource {
  const ca = caFile === undefined || caFile === "system" ? undefined : readPem(signal, caFile);
  if (at.kind === "http") {
    // Trials have connections besides those of decisions.
    const exchange = createHttpExchange({ url: at.url, maxConnections: maxConnections * 2, maxAnswerBytes, ca });
    return createHttpSignal({ signal, url: at.url, token, exchange });
  }
  const tls = caFile === undefined ? {} : { tls: ca === undefined ? {} : { ca } };
  const { transport, close } = createRemoteDoor({ target: at.target, ...(token !== undefined && { apiKey: token }), ...tls });
  return createGrpcSignal({ signal, client: createClient(SignalService, transport), close });
}

/** TLS takes any text for authorities, and then trusts nobody: so it is looked at here. */
function readPem(signal: string, file: string): Buffer {
  try {
    const pem = readFileSync(file);
    new X509Certificate(pem);
    return pem;
  } catch (cause) {
    const why = (cause as Error).message;
    const message = `signals: ${signal}: the ca_file ${file} cannot be used: ${why}. It must be certificates in PEM.`;
    throw new GatehouseError(ErrorReason.INVALID_REQUEST, message, { cause });
  }
}

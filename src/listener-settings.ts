// The settings of the listeners beside their addresses: TLS, limits, proxies, origins.
import { oneOf, optionalText, readOrigins, readRanges, type Setting, wholeNumber } from "./config-values.ts";
import type { HttpLimits } from "./listener/servers.ts";
import type { TlsFiles } from "./listener/tls-files.ts";
import { type ProxyHeader, proxyHeaders } from "./webhook/client-address.ts";

/** What is set of the listeners here. */
export interface ListenerConfig {
  webhook: {
    signWindowSeconds: number;
    trustedProxies: string[];
    proxyHeader: ProxyHeader;
    limits: HttpLimits;
    tls: TlsFiles | undefined;
  };
  api: { corsOrigins: string[]; maxMessageBytes: number; limits: HttpLimits; tls: TlsFiles | undefined };
  grpc: { maxConnections: number; maxCallsPerConnection: number; maxMessageBytes: number; tls: TlsFiles | undefined };
}

const connections = wholeNumber(1, 1_000_000);
const headerBytes = wholeNumber(4096, 1_048_576);
const keepAlive = wholeNumber(1, 3600);
const messageBytes = wholeNumber(65_536, 67_108_864);

export const listenerSettings = {
  signWindowSeconds: {
    key: "webhook.sign_window_seconds",
    env: "GATEHOUSE_WEBHOOK_SIGN_WINDOW_SECONDS",
    default: "60",
    meaning: "How far `RequestTime` of a signed webhook may be from this machine's clock.",
    read: wholeNumber(1, 3600),
  },
  trustedProxies: {
    key: "webhook.trusted_proxies",
    env: "GATEHOUSE_WEBHOOK_TRUSTED_PROXIES",
    default: "",
    meaning:
      "Address ranges of the proxies in front, such as `10.0.0.0/8,192.0.2.7`; what they say of the sender's address is believed in the log.",
    read: readRanges,
  },
  proxyHeader: {
    key: "webhook.proxy_header",
    env: "GATEHOUSE_WEBHOOK_PROXY_HEADER",
    default: "x-forwarded-for",
    meaning: `The header in which they say it: ${proxyHeaders.join(" or ")}.`,
    read: oneOf(proxyHeaders),
  },
  webhookMaxConnections: {
    key: "webhook.max_connections",
    env: "GATEHOUSE_WEBHOOK_MAX_CONNECTIONS",
    default: "10000",
    meaning: "Connections at a time; further ones are closed at once, and counted.",
    read: connections,
  },
  webhookMaxHeaderBytes: {
    key: "webhook.max_header_bytes",
    env: "GATEHOUSE_WEBHOOK_MAX_HEADER_BYTES",
    default: "16384",
    meaning: "Bytes of a webhook's URL and headers together; more get 431.",
    read: headerBytes,
  },
  webhookRequestTimeoutMs: {
    key: "webhook.request_timeout_ms",
    env: "GATEHOUSE_WEBHOOK_REQUEST_TIMEOUT_MS",
    default: "10000",
    meaning: "Milliseconds until a webhook must have arrived, or it gets 408; its headers have 5 seconds at most.",
    read: wholeNumber(100, 60_000),
  },
  webhookKeepAliveSeconds: {
    key: "webhook.keep_alive_seconds",
    env: "GATEHOUSE_WEBHOOK_KEEP_ALIVE_SECONDS",
    default: "75",
    meaning:
      "How long a connection may lie idle between webhooks; longer than a proxy in front keeps it, or webhooks are lost between the two.",
    read: keepAlive,
  },
  webhookCertFile: {
    key: "webhook.tls.cert_file",
    env: "GATEHOUSE_WEBHOOK_TLS_CERT_FILE",
    default: "",
    meaning:
      "The certificate of the webhook listener, a PEM file with the intermediate ones; read again when it changes. None: plain HTTP.",
    read: optionalText,
  },
  webhookKeyFile: {
    key: "webhook.tls.key_file",
    env: "GATEHOUSE_WEBHOOK_TLS_KEY_FILE",
    default: "",
    meaning: "Its private key, a PEM file without a passphrase.",
    read: optionalText,
  },
  corsOrigins: {
    key: "api.cors_origins",
    env: "GATEHOUSE_API_CORS_ORIGINS",
    default: "",
    meaning: "Origins of web pages that may call from a browser, such as `https://console.example.com`, beside the api listener's own.",
    read: readOrigins,
  },
  apiMaxMessageBytes: {
    key: "api.max_message_bytes",
    env: "GATEHOUSE_API_MAX_MESSAGE_BYTES",
    default: "4194304",
    meaning: "Bytes that a message of a call may have, decompressed.",
    read: messageBytes,
  },
  apiMaxConnections: {
    key: "api.max_connections",
    env: "GATEHOUSE_API_MAX_CONNECTIONS",
    default: "1000",
    meaning: "Connections at a time, as above.",
    read: connections,
  },
  apiMaxHeaderBytes: {
    key: "api.max_header_bytes",
    env: "GATEHOUSE_API_MAX_HEADER_BYTES",
    default: "16384",
    meaning: "Bytes of a call's URL and headers together; more get 431.",
    read: headerBytes,
  },
  apiRequestTimeoutMs: {
    key: "api.request_timeout_ms",
    env: "GATEHOUSE_API_REQUEST_TIMEOUT_MS",
    default: "300000",
    meaning: "Milliseconds until a call must have arrived, with all that a client streams; its headers have 5 seconds at most.",
    read: wholeNumber(1000, 3_600_000),
  },
  apiKeepAliveSeconds: {
    key: "api.keep_alive_seconds",
    env: "GATEHOUSE_API_KEEP_ALIVE_SECONDS",
    default: "75",
    meaning: "How long a connection may lie idle between calls.",
    read: keepAlive,
  },
  apiCertFile: {
    key: "api.tls.cert_file",
    env: "GATEHOUSE_API_TLS_CERT_FILE",
    default: "",
    meaning: "The certificate of the api listener, as above.",
    read: optionalText,
  },
  apiKeyFile: {
    key: "api.tls.key_file",
    env: "GATEHOUSE_API_TLS_KEY_FILE",
    default: "",
    meaning: "Its private key, as above.",
    read: optionalText,
  },
  apiClientCaFile: {
    key: "api.tls.client_ca_file",
    env: "GATEHOUSE_API_TLS_CLIENT_CA_FILE",
    default: "",
    meaning: "Mutual TLS: who connects, also for `/healthz` and `/metrics`, must have a certificate that a CA in this PEM file signed.",
    read: optionalText,
  },
  grpcMaxMessageBytes: {
    key: "grpc.max_message_bytes",
    env: "GATEHOUSE_GRPC_MAX_MESSAGE_BYTES",
    default: "4194304",
    meaning: "Bytes that a message of a call may have, decompressed.",
    read: messageBytes,
  },
  grpcMaxConnections: {
    key: "grpc.max_connections",
    env: "GATEHOUSE_GRPC_MAX_CONNECTIONS",
    default: "1000",
    meaning: "Connections at a time, as above.",
    read: connections,
  },
  grpcMaxCallsPerConnection: {
    key: "grpc.max_calls_per_connection",
    env: "GATEHOUSE_GRPC_MAX_CALLS_PER_CONNECTION",
    default: "1000",
    meaning: "Calls that one connection may have open; clients hold further ones back.",
    read: wholeNumber(1, 100_000),
  },
  grpcCertFile: {
    key: "grpc.tls.cert_file",
    env: "GATEHOUSE_GRPC_TLS_CERT_FILE",
    default: "",
    meaning: "The certificate of the grpc listener, as above.",
    read: optionalText,
  },
  grpcKeyFile: {
    key: "grpc.tls.key_file",
    env: "GATEHOUSE_GRPC_TLS_KEY_FILE",
    default: "",
    meaning: "Its private key, as above.",
    read: optionalText,
  },
  grpcClientCaFile: {
    key: "grpc.tls.client_ca_file",
    env: "GATEHOUSE_GRPC_TLS_CLIENT_CA_FILE",
    default: "",
    meaning: "Mutual TLS, as above.",
    read: optionalText,
  },
} satisfies Record<string, Setting<unknown>>;

/** Reads them; `get` reads one setting, `problem` takes what is wrong with several at once. */
export function readListenerConfig(get: <T>(setting: Setting<T>) => T, problem: (text: string) => void): ListenerConfig {
  const s = listenerSettings;
  const tls = (listener: string, certFile?: string, keyFile?: string, clientCaFile?: string): TlsFiles | undefined => {
    if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile, clientCaFile };
    if ([certFile, keyFile, clientCaFile].some((file) => file !== undefined)) {
      problem(`${listener}.tls: needs both cert_file and key_file; one alone, or client_ca_file without them, is of no use.`);
    }
    return undefined;
  };
  const limits = (maxConnections: number, maxHeaderBytes: number, requestTimeoutMs: number, keepAliveSeconds: number): HttpLimits => ({
    maxConnections,
    maxHeaderBytes,
    requestTimeoutMs,
    keepAliveMs: keepAliveSeconds * 1000,
  });
  return {
    webhook: {
      signWindowSeconds: get(s.signWindowSeconds),
      trustedProxies: get(s.trustedProxies),
      proxyHeader: get(s.proxyHeader),
      limits: limits(
        get(s.webhookMaxConnections),
        get(s.webhookMaxHeaderBytes),
        get(s.webhookRequestTimeoutMs),
        get(s.webhookKeepAliveSeconds),
      ),
      tls: tls("webhook", get(s.webhookCertFile), get(s.webhookKeyFile)),
    },
    api: {
      corsOrigins: get(s.corsOrigins),
      maxMessageBytes: get(s.apiMaxMessageBytes),
      limits: limits(get(s.apiMaxConnections), get(s.apiMaxHeaderBytes), get(s.apiRequestTimeoutMs), get(s.apiKeepAliveSeconds)),
      tls: tls("api", get(s.apiCertFile), get(s.apiKeyFile), get(s.apiClientCaFile)),
    },
    grpc: {
      maxConnections: get(s.grpcMaxConnections),
      maxCallsPerConnection: get(s.grpcMaxCallsPerConnection),
      maxMessageBytes: get(s.grpcMaxMessageBytes),
      tls: tls("grpc", get(s.grpcCertFile), get(s.grpcKeyFile), get(s.grpcClientCaFile)),
    },
  };
}

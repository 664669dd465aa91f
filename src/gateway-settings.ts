// The settings of a gateway apart from the service: where that is, and what is kept while it is away.
import { Invalid, optionalText, quoted, readDatabase, wholeNumber } from "./config-values.ts";

/** The service that a gateway of its own calls; a member that is undefined is not set. */
export interface ServiceConfig {
  /** A gRPC target. */
  address: string | undefined;
  /** A file of authorities, or `system`; undefined: no TLS. */
  caFile: string | undefined;
  certFile: string | undefined;
  keyFile: string | undefined;
  apiKey: string | undefined;
}

/** Their part of the table in config.ts. */
export const gatewaySettings = {
  serviceAddress: {
    key: "service.address",
    env: "GATEHOUSE_SERVICE",
    default: "",
    meaning:
      "For `gatehouse gateway`: the service, as a gRPC target such as `dns:///gatehouse:9090`. Calls go round all addresses of a name.",
    read: readTarget,
  },
  serviceCaFile: {
    key: "service.ca_file",
    env: "GATEHOUSE_SERVICE_CA_FILE",
    default: "",
    meaning: "The authorities, in PEM, by which the gateway knows the service in TLS; `system`: those that Node trusts. Empty: no TLS.",
    read: optionalText,
  },
  serviceCertFile: {
    key: "service.cert_file",
    env: "GATEHOUSE_SERVICE_CERT_FILE",
    default: "",
    meaning: "The gateway's own certificate in TLS, in PEM, when the service asks for one.",
    read: optionalText,
  },
  serviceKeyFile: {
    key: "service.key_file",
    env: "GATEHOUSE_SERVICE_KEY_FILE",
    default: "",
    meaning: "The private key of that certificate, in PEM.",
    read: optionalText,
  },
  serviceApiKey: {
    key: "service.api_key",
    env: "GATEHOUSE_API_KEY",
    default: "",
    meaning: "The API key that the gateway shows to the service. Better in the variable than in the file.",
    read: optionalText,
  },
  spoolPath: {
    key: "spool.path",
    env: "GATEHOUSE_SPOOL",
    default: "data/gateway-spool.db",
    meaning: "The file in which the gateway keeps what the service could not take; made when it is not there.",
    read: readDatabase,
  },
  spoolMaxBytes: {
    key: "spool.max_bytes",
    env: "GATEHOUSE_SPOOL_MAX_BYTES",
    default: "268435456",
    meaning: "Bytes that the spool may hold; when it is full, events are not acknowledged.",
    read: wholeNumber(65_536, 2 ** 40),
  },
};

/** A gRPC target, of the schemes that grpc-js resolves. */
const target = /^(?:(?:dns:\/\/\/)?(?:\[[0-9A-Fa-f:.]+\]|[^\s/:[\]]+):\d{1,5}|ipv[46]:[^\s/]+:\d{1,5}|unix:\S+)$/;

/** A gRPC target with a port; undefined for nothing. Throws Invalid. */
export function readTarget(value: unknown): string | undefined {
  if (value === "") return undefined;
  if (typeof value === "string" && target.test(value)) return value;
  throw new Invalid(`must be a gRPC target with a port, such as dns:///gatehouse:9090, not ${quoted(value)}.`);
}

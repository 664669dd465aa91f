// The settings: one table, from which the file, the environment, the checks and the README's table all follow.
import { readFileSync } from "node:fs";
import { isMap, isScalar, type Node, parseDocument } from "yaml";
import { type AuthConfig, authSettings, jwtConfig } from "./config-auth.ts";
import {
  type AppConfig,
  Invalid,
  type ListenAddress,
  oneOf,
  readAddress,
  readApps,
  readDatabase,
  readPolicyPath,
  type Setting,
  trueOrFalse,
  wholeNumber,
} from "./config-values.ts";
import { gatewaySettings, type ServiceConfig } from "./gateway-settings.ts";
import { type LimitConfig, limitSettings, readLimitConfig } from "./limit-settings.ts";
import { type ListenerConfig, listenerSettings, readListenerConfig } from "./listener-settings.ts";
import type { RetentionDays } from "./moderation/retention.ts";
import { didYouMean } from "./nearest.ts";
import { type ForwardConfig, type PassOnConfig, readForwards, readTaps } from "./pass-on-settings.ts";
import { retentionSettings } from "./retention-settings.ts";
import { readSignals, type SignalConfig } from "./signal-settings.ts";
import { type LogLevel, logLevels } from "./telemetry/logger.ts";

/** Everything that can be set. */
export interface Config extends ListenerConfig {
  apps: AppConfig[];
  webhook: ListenerConfig["webhook"] &
    LimitConfig["webhook"] & {
      listen: ListenAddress;
      maxBodyBytes: number;
      fallback: { createAccount: "allow" | "deny"; addSubscribers: "allow" | "deny"; sendMessage: "allow" | "deny" | "discard" };
    };
  api: ListenerConfig["api"] & { listen: ListenAddress };
  grpc: ListenerConfig["grpc"] & { listen: ListenAddress };
  auth: AuthConfig;
  rpc: LimitConfig["rpc"];
  database: string;
  /** The policy file; undefined: none, policies come by PolicyService. */
  policy: string | undefined;
  /** How long an allowed creation takes room and name when no event confirms it. */
  reservationSeconds: number;
  /** How long a creation waits for an event that comes late. */
  followUpSeconds: number;
  /** Whether a message that nobody was asked about opens a case. */
  followUpMessageBypassCases: boolean;
  retention: RetentionDays;
  /** Where webhooks go that are none of ours, and where copies go. */
  forward: ForwardConfig[];
  tap: PassOnConfig[];
  /** The classifiers that rules can ask. */
  signals: SignalConfig[];
  /** The service that a gateway of its own calls. */
  service: ServiceConfig;
  /** What a gateway of its own keeps while the service is away. */
  spool: { path: string; maxBytes: number };
  log: { level: LogLevel };
}

/** All settings, in the order of the README's table. */
export const settings = {
  apps: {
    key: "apps",
    env: "GATEHOUSE_APPS",
    default: "",
    meaning:
      "The apps that are served, by SDKAppID, each with the webhook tokens of the console, if any: `1400000000=tokenA|tokenB,1400000001`.",
    read: readApps,
  },
  webhookListen: {
    key: "webhook.listen",
    env: "GATEHOUSE_WEBHOOK_LISTEN",
    default: "127.0.0.1:8080",
    meaning: "Where Chat's webhooks arrive. Port 0 picks a free one, here and below.",
    read: readAddress,
  },
  ...limitSettings.webhook,
  webhookMaxBodyBytes: {
    key: "webhook.max_body_bytes",
    env: "GATEHOUSE_WEBHOOK_MAX_BODY_BYTES",
    default: "262144",
    meaning: "Bytes that a webhook's body may have; larger ones get 413.",
    read: wholeNumber(16_384, 16_777_216),
  },
  fallbackCreateAccount: {
    key: "webhook.fallback.create_account",
    env: "GATEHOUSE_WEBHOOK_FALLBACK_CREATE_ACCOUNT",
    default: "allow",
    meaning: "The answer to a creation when no verdict can be had in time: allow or deny.",
    read: oneOf(["allow", "deny"] as const),
  },
  fallbackAddSubscribers: {
    key: "webhook.fallback.add_subscribers",
    env: "GATEHOUSE_WEBHOOK_FALLBACK_ADD_SUBSCRIBERS",
    default: "allow",
    meaning: "The answer to a subscription when no verdict can be had in time: allow or deny.",
    read: oneOf(["allow", "deny"] as const),
  },
  fallbackSendMessage: {
    key: "webhook.fallback.send_message",
    env: "GATEHOUSE_WEBHOOK_FALLBACK_SEND_MESSAGE",
    default: "allow",
    meaning: "The answer to a message when no verdict can be had in time: allow, deny, or discard in silence.",
    read: oneOf(["allow", "deny", "discard"] as const),
  },
  apiListen: {
    key: "api.listen",
    env: "GATEHOUSE_API_LISTEN",
    default: "127.0.0.1:8081",
    meaning:
      "Where Connect, gRPC-Web and JSON calls, /healthz, /readyz and /metrics are served. Beyond loopback only with a way to know callers: see `auth`.",
    read: readAddress,
  },
  grpcListen: {
    key: "grpc.listen",
    env: "GATEHOUSE_GRPC_LISTEN",
    default: "127.0.0.1:9090",
    meaning: "Where gRPC calls are served. Beyond loopback only with a way to know callers: see `auth`.",
    read: readAddress,
  },
  ...listenerSettings,
  ...authSettings,
  ...limitSettings.rpc,
  database: {
    key: "database",
    env: "GATEHOUSE_DATABASE",
    default: "data/gatehouse.db",
    meaning:
      "What keeps everything: an SQLite file, made when it is not there, or `postgres://user:password@host:port/database`, which any number of processes may share; of several hosts, `host:port,host:port`, the one that takes writes is used.",
    read: readDatabase,
  },
  policy: {
    key: "policy",
    env: "GATEHOUSE_POLICY",
    default: "config/policy.yaml",
    meaning:
      "The policy file; it goes live at start and whenever it changes, if it is good. `none`: policies are published by `gatehouse policy`.",
    read: readPolicyPath,
  },
  reservationSeconds: {
    key: "reservation_seconds",
    env: "GATEHOUSE_RESERVATION_SECONDS",
    default: "300",
    meaning: "How long an allowed creation counts as an account and takes its name while no event has confirmed it.",
    read: wholeNumber(1, 86_400),
  },
  followUpSeconds: {
    key: "follow_up_seconds",
    env: "GATEHOUSE_FOLLOW_UP_SECONDS",
    default: "86400",
    meaning: "How long after a decision, and after what it is about happened, an event that comes late is still joined with the decision.",
    read: wholeNumber(1, 2_592_000),
  },
  followUpMessageBypassCases: {
    key: "follow_up_message_bypass_cases",
    env: "GATEHOUSE_FOLLOW_UP_MESSAGE_BYPASS_CASES",
    default: "false",
    meaning: "Whether a message that nobody was asked about opens a case: true or false. Senders by REST may leave out webhooks.",
    read: trueOrFalse,
  },
  ...retentionSettings,
  forward: {
    key: "forward",
    env: "GATEHOUSE_FORWARD",
    default: "",
    meaning:
      "Where webhooks go that Gatehouse does not handle, by a glob over commands, the first that fits: `Group.*=http://127.0.0.1:9000/chat,…`.",
    read: readForwards,
  },
  tap: {
    key: "tap",
    env: "GATEHOUSE_TAP",
    default: "",
    meaning: "Where copies of webhooks go, whose answers nobody waits for: `OfficialAccount.*=http://127.0.0.1:9000/chat,…`.",
    read: readTaps,
  },
  signals: {
    key: "signals",
    env: "GATEHOUSE_SIGNALS",
    default: "",
    meaning:
      'Classifiers that rules can ask as `signal(name, text)`, by name; in the variable as JSON: `{"toxicity": {"url": "http://127.0.0.1:9100/", "on_failure": 0}}`.',
    read: readSignals,
  },
  ...gatewaySettings,
  logLevel: {
    key: "log.level",
    env: "GATEHOUSE_LOG_LEVEL",
    default: "info",
    meaning: `How much is logged: ${logLevels.join(", ")}.`,
    read: oneOf(logLevels),
  },
} satisfies Record<string, Setting<unknown>>;

/** The variable that names the file. Here as with every setting, an empty variable says nothing. */
export const configFileEnv = "GATEHOUSE_CONFIG";

/** The file that is read when nothing names one and it is there. */
export const defaultConfigFile = "config/gatehouse.yaml";

/** The settings, or everything that is wrong with them, a line each. */
export type ConfigRead = { config: Config; problems: []; warnings: string[] } | { config: undefined; problems: string[] };

/** Reads the file (the named one, `GATEHOUSE_CONFIG`, or the default one) and the environment. Paths are relative to the working directory. */
export function loadConfig(env: NodeJS.ProcessEnv, file: string | undefined = env[configFileEnv] || undefined): ConfigRead {
  try {
    return readConfig(env, readFileSync(file ?? defaultConfigFile, "utf8"), file ?? defaultConfigFile);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (file === undefined && code === "ENOENT") return readConfig(env, "", defaultConfigFile);
    return { config: undefined, problems: [`${file ?? defaultConfigFile}: cannot be read: ${message}`] };
  }
}

/** Makes settings from a file's text and the environment. */
export function readConfig(env: NodeJS.ProcessEnv, text: string, file: string): ConfigRead {
  const problems: string[] = [];
  const values = readFileValues(text, file, problems);
  const get = <T>(setting: Setting<T>): T => {
    const fromEnv = env[setting.env] || undefined;
    const fromFile = values.get(setting.key);
    const [where, value] =
      fromEnv !== undefined ? [setting.env, fromEnv] : [fromFile?.where ?? setting.key, fromFile?.value ?? setting.default];
    try {
      return setting.read(value);
    } catch (error) {
      if (!(error instanceof Invalid)) throw error;
      problems.push(`${where}: ${error.message}`);
      return undefined as T;
    }
  };
  const apps = get(settings.apps);
  const limits = readLimitConfig(get);
  const listeners = readListenerConfig(get, (problem) => problems.push(problem));
  const config: Config = {
    apps,
    webhook: {
      ...listeners.webhook,
      listen: get(settings.webhookListen),
      ...limits.webhook,
      maxBodyBytes: get(settings.webhookMaxBodyBytes),
      fallback: {
        createAccount: get(settings.fallbackCreateAccount),
        addSubscribers: get(settings.fallbackAddSubscribers),
        sendMessage: get(settings.fallbackSendMessage),
      },
    },
    api: { ...listeners.api, listen: get(settings.apiListen) },
    grpc: { ...listeners.grpc, listen: get(settings.grpcListen) },
    auth: {
      required: get(settings.authRequired),
      bootstrapKey: get(settings.authBootstrapKey),
      jwt: jwtConfig(
        {
          issuer: get(settings.authJwtIssuer),
          audience: get(settings.authJwtAudience),
          jwksUrl: get(settings.authJwtJwksUrl),
          jwksFile: get(settings.authJwtJwksFile),
          roleClaim: get(settings.authJwtRoleClaim),
          appClaim: get(settings.authJwtAppClaim),
        },
        (problem) => problems.push(problem),
      ),
    },
    rpc: limits.rpc,
    database: get(settings.database),
    policy: get(settings.policy),
    reservationSeconds: get(settings.reservationSeconds),
    followUpSeconds: get(settings.followUpSeconds),
    followUpMessageBypassCases: get(settings.followUpMessageBypassCases),
    retention: {
      allowedDecisions: get(settings.retentionDecisionsDays),
      flaggedDecisions: get(settings.retentionFlaggedDecisionsDays),
      subscriptionEvents: get(settings.retentionSubscriptionEventsDays),
      messageEvents: get(settings.retentionMessageEventsDays),
      accountEvents: get(settings.retentionEventsDays),
    },
    forward: get(settings.forward),
    tap: get(settings.tap),
    signals: get(settings.signals),
    service: {
      address: get(settings.serviceAddress),
      caFile: get(settings.serviceCaFile),
      certFile: get(settings.serviceCertFile),
      keyFile: get(settings.serviceKeyFile),
      apiKey: get(settings.serviceApiKey),
    },
    spool: { path: get(settings.spoolPath), maxBytes: get(settings.spoolMaxBytes) },
    log: { level: get(settings.logLevel) },
  };
  return problems.length === 0 ? { config, problems: [], warnings: unknownVariables(env) } : { config: undefined, problems };
}

/** Says of each variable that looks like a setting and is none. Not an error: container platforms make such variables from service names. */
function unknownVariables(env: NodeJS.ProcessEnv): string[] {
  const known = [configFileEnv, ...Object.values(settings).map((setting) => setting.env)];
  return Object.keys(env)
    .filter((name) => name.startsWith("GATEHOUSE_") && !known.includes(name) && !clientEnv.has(name))
    .map((name) => `${name}: no such setting; ignored.${didYouMean(name, known)}`);
}

/** Variables that the commands read, not the service. */
const clientEnv = new Set([
  "GATEHOUSE_SERVER",
  "GATEHOUSE_WEBHOOK_URL",
  "GATEHOUSE_WEBHOOK_TOKEN",
  "GATEHOUSE_APP",
  "GATEHOUSE_API_KEY",
  "GATEHOUSE_CA_FILE",
  "GATEHOUSE_CERT_FILE",
  "GATEHOUSE_KEY_FILE",
]);

/** The values in a file by the keys of the settings, with where they stand. */
function readFileValues(text: string, file: string, problems: string[]): Map<string, { where: string; value: unknown }> {
  const values = new Map<string, { where: string; value: unknown }>();
  const document = parseDocument(text);
  for (const error of document.errors) problems.push(`${file}: ${error.message.split("\n", 1)[0]}`);
  const keys = Object.values(settings).map((setting) => setting.key);
  const where = (node: Node | null | undefined) => `${file}:${text.slice(0, node?.range?.[0] ?? 0).split("\n").length}`;
  const walk = (node: unknown, prefix: string): void => {
    if (!isMap(node)) {
      problems.push(`${where(node as Node)}: ${prefix.slice(0, -1) || "the file"} must be a mapping of settings.`);
      return;
    }
    for (const { key, value } of node.items) {
      const name = prefix + (isScalar(key) ? String(key.value) : "?");
      if (keys.includes(name)) {
        values.set(name, { where: `${where(key as Node)}: ${name}`, value: (value as Node | null)?.toJS(document) ?? "" });
      } else if (keys.some((known) => known.startsWith(`${name}.`))) {
        if (value !== null && !(isScalar(value) && value.value === null)) walk(value, `${name}.`);
      } else {
        problems.push(`${where(key as Node)}: ${name}: no such setting.${didYouMean(name, keys)}`);
      }
    }
  };
  if (document.errors.length === 0 && document.contents !== null) walk(document.contents, "");
  return values;
}

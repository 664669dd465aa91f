// Reads the settings of signals: classifiers by name, as a mapping in the file or as its JSON in a variable.
import { Invalid } from "./config-values.ts";
import { readTarget } from "./gateway-settings.ts";

/** A classifier that rules can ask. */
export interface SignalConfig {
  name: string;
  /** Where it is: an address that takes posts of JSON, or a gRPC target. */
  at: { kind: "http"; url: URL } | { kind: "grpc"; target: string };
  timeoutMs: number;
  /** What stands for an answer that is not to be had. */
  onFailure: number;
  cacheSeconds: number;
  cacheEntries: number;
  maxConnections: number;
  maxQueue: number;
  restAfter: number;
  restMs: number;
  /** What it is shown as a bearer token. */
  token: string | undefined;
  /** A file of authorities, or `system`; undefined: those that Node trusts over https, and no TLS over gRPC. */
  caFile: string | undefined;
}

/** Those that are whole numbers: the member that holds each, what counts when it is not given, and the bounds. */
const numbers = {
  timeout_ms: { member: "timeoutMs", default: 300, min: 10, max: 10_000 },
  cache_seconds: { member: "cacheSeconds", default: 300, min: 0, max: 86_400 },
  cache_entries: { member: "cacheEntries", default: 10_000, min: 1, max: 1_000_000 },
  max_connections: { member: "maxConnections", default: 16, min: 1, max: 1024 },
  max_queue: { member: "maxQueue", default: 256, min: 0, max: 65_536 },
  rest_after: { member: "restAfter", default: 5, min: 1, max: 1000 },
  rest_ms: { member: "restMs", default: 5000, min: 100, max: 600_000 },
} as const;

type Numbers = Pick<SignalConfig, (typeof numbers)[keyof typeof numbers]["member"]>;

const keys = ["url", "grpc", "on_failure", "token", "ca_file", ...Object.keys(numbers)];

/** `{ toxicity: { url: …, on_failure: 0 } }`. Throws Invalid with everything that is wrong. */
export function readSignals(value: unknown): SignalConfig[] {
  const signals = typeof value === "string" ? readText(value) : (value ?? {});
  if (typeof signals !== "object" || signals === null || Array.isArray(signals))
    throw new Invalid('must be a mapping, such as: { toxicity: { url: "http://127.0.0.1:9100/", on_failure: 0 } }.');
  const problems: string[] = [];
  const read = Object.entries(signals).flatMap(([name, signal]) => {
    try {
      return [readSignal(name, signal)];
    } catch (error) {
      if (!(error instanceof Invalid)) throw error;
      problems.push(`${name}: ${error.message}`);
      return [];
    }
  });
  if (problems.length > 0) throw new Invalid(problems.join(" "));
  return read;
}

function readText(text: string): unknown {
  if (text === "") return {};
  try {
    return JSON.parse(text);
  } catch {
    throw new Invalid('must be JSON in a variable, such as {"toxicity": {"url": "http://127.0.0.1:9100/", "on_failure": 0}}.');
  }
}

function readSignal(name: string, value: unknown): SignalConfig {
  if (!/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/.test(name))
    throw new Invalid('the name of a signal is a letter, then up to 63 letters, digits, "_", "." and "-".');
  if (typeof value !== "object" || value === null) throw new Invalid("a signal must have a url or grpc, and on_failure.");
  const given = value as Record<string, unknown>;
  const unknownKey = Object.keys(given).find((key) => !keys.includes(key));
  if (unknownKey !== undefined) throw new Invalid(`a signal has no "${unknownKey}"; it has ${keys.join(", ")}.`);
  const { on_failure: onFailure, token, ca_file: caFile } = given;
  if (typeof onFailure !== "number" || !Number.isFinite(onFailure))
    throw new Invalid("on_failure must be a number: what rules get when there is no answer. 0 usually lets pass, 1 usually stops.");
  return {
    name,
    at: readPlace(given),
    onFailure,
    ...readNumbers(given),
    token: readWord("token", token),
    caFile: readWord("ca_file", caFile),
  };
}

function readPlace({ url, grpc }: Record<string, unknown>): SignalConfig["at"] {
  if ((url === undefined) === (grpc === undefined))
    throw new Invalid("give either url, for a POST of JSON, or grpc, for gatehouse.v1.SignalService.");
  if (grpc !== undefined) {
    const target = readTarget(grpc);
    if (target === undefined) throw new Invalid("grpc must be a target with a port, such as dns:///classifier:9100.");
    return { kind: "grpc", target };
  }
  const parsed = typeof url === "string" ? URL.parse(url) : null;
  if (parsed === null || !/^https?:$/.test(parsed.protocol) || parsed.username !== "" || parsed.password !== "" || parsed.hash !== "")
    throw new Invalid("url must be one such as http://127.0.0.1:9100/, without a user or a fragment.");
  return { kind: "http", url: parsed };
}

function readNumbers(given: Record<string, unknown>): Numbers {
  const read: Partial<Record<keyof Numbers, number>> = {};
  for (const [key, { member, default: fallback, min, max }] of Object.entries(numbers)) {
    const value = given[key] ?? fallback;
    if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max)
      throw new Invalid(`${key} must be a whole number from ${min} to ${max}.`);
    read[member] = value;
  }
  return read as Numbers;
}

function readWord(key: string, value: unknown): string | undefined {
  if (value === undefined || (typeof value === "string" && /^[\x21-\x7e]+$/.test(value))) return value;
  throw new Invalid(`${key} must be text without spaces; leave it out to have none.`);
}

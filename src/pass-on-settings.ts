// Reads the settings of webhooks that are passed on: forwards and taps, as a list in the file or as text in a variable.
import { Invalid } from "./config-values.ts";
import { compileGlob } from "./text/glob.ts";
import { PatternError } from "./text/pattern-error.ts";

/** Where webhooks of some commands go, or go as well. */
export interface PassOnConfig {
  /** A glob over commands, such as `Group.*`. */
  commands: string;
  url: URL;
  timeoutMs: number;
  maxConnections: number;
  maxQueue: number;
}

/** Where webhooks go that are none of ours. */
export interface ForwardConfig extends PassOnConfig {
  fallback: "allow" | "deny";
}

const defaults = { timeoutMs: 1500, maxConnections: 64, maxQueue: 256 };

/** `Group.*=http://127.0.0.1:9000/chat,…`, or a list of routes. */
export function readForwards(value: unknown): ForwardConfig[] {
  return readRoutes(value, "forward").map(({ fallback = "allow", ...route }) => {
    if (fallback !== "allow" && fallback !== "deny") throw new Invalid('the fallback of a forward must be "allow" or "deny".');
    return { ...route, fallback };
  });
}

/** The same, without fallbacks. */
export function readTaps(value: unknown): PassOnConfig[] {
  return readRoutes(value, "tap").map(({ fallback, ...route }) => {
    if (fallback !== undefined) throw new Invalid("a tap has no fallback: nothing waits for its answer.");
    return route;
  });
}

function readRoutes(value: unknown, noun: string): (PassOnConfig & { fallback: unknown })[] {
  const items = typeof value === "string" ? readText(value, noun) : value;
  if (!Array.isArray(items)) throw new Invalid(`must be a list, such as: [{ commands: "Group.*", url: "http://127.0.0.1:9000/chat" }].`);
  return items.map((item: unknown) => {
    if (typeof item !== "object" || item === null) throw new Invalid(`each ${noun} must have commands and a url.`);
    const { commands, url, timeout_ms, max_connections, max_queue, fallback, ...rest } = item as Record<string, unknown>;
    const [unknownKey] = Object.keys(rest);
    if (unknownKey !== undefined) {
      throw new Invalid(`a ${noun} has no "${unknownKey}"; it has commands, url, timeout_ms, max_connections, max_queue and fallback.`);
    }
    return {
      commands: readGlob(commands, noun),
      url: readUrl(url, noun),
      timeoutMs: readWhole("timeout_ms", timeout_ms, defaults.timeoutMs, 10, 1900),
      maxConnections: readWhole("max_connections", max_connections, defaults.maxConnections, 1, 1024),
      maxQueue: readWhole("max_queue", max_queue, defaults.maxQueue, 0, 65_536),
      fallback,
    };
  });
}

function readText(text: string, noun: string): { commands: string; url: string }[] {
  const parts = text.split(",").map((part) => part.trim());
  return parts.filter(Boolean).map((part) => {
    const equals = part.indexOf("=");
    if (equals === -1) throw new Invalid(`a ${noun} must be commands=url, such as Group.*=http://127.0.0.1:9000/chat, not "${part}".`);
    return { commands: part.slice(0, equals), url: part.slice(equals + 1) };
  });
}

function readGlob(value: unknown, noun: string): string {
  if (typeof value !== "string" || value === "") throw new Invalid(`a ${noun} needs commands, a glob such as "Group.*".`);
  try {
    compileGlob(value);
    return value;
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw new Invalid(error.message);
  }
}

function readUrl(value: unknown, noun: string): URL {
  const url = typeof value === "string" ? URL.parse(value) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "" || url.hash !== "") {
    throw new Invalid(`the url of a ${noun} must be one such as http://127.0.0.1:9000/chat, without a user or a fragment.`);
  }
  return url;
}

function readWhole(name: string, value: unknown, fallback: number, min: number, max: number): number {
  if (value === undefined) return fallback;
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new Invalid(`${name} must be a whole number from ${min} to ${max}.`);
}

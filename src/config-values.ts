// Reads the values of settings, from the file or from the text of a variable, and says what is wrong with them.

import { serverUrls } from "./storage/postgres/servers.ts";
import { parseCidr } from "./text/cidr.ts";
import { PatternError } from "./text/pattern-error.ts";

/** One setting. */
export interface Setting<T> {
  /** Where it stands in the file, such as `webhook.listen`. */
  key: string;
  /** The variable that overrides the file. */
  env: string;
  /** What counts when neither says anything, as one would write it; empty when there is no default. */
  default: string;
  meaning: string;
  /** Reads a value from the file or a variable's text. Throws Invalid. */
  read(value: unknown): T;
}

/** An address to listen on. */
export interface ListenAddress {
  host: string;
  /** 0 picks a free one. */
  port: number;
}

/** An app whose webhooks and calls are accepted. */
export interface AppConfig {
  /** SDKAppID. */
  id: number;
  /** Tokens of the console's webhook authentication. */
  tokens: string[];
  /** What must end the path of the webhook's URL. */
  pathSecret?: string | undefined;
  /** What must be the parameter `token` of the webhook's URL. */
  querySecret?: string | undefined;
  /** The language of messages from rules, a BCP 47 tag; empty: as the policy writes them. */
  locale: string;
  /** How many decisions and records it may ask for in a second; undefined: as many as it likes. */
  maxPerSecond: number | undefined;
}

/** A value that a setting cannot have; the message says what it must be. */
export class Invalid extends Error {}

export function readApps(value: unknown): AppConfig[] {
  const apps = typeof value === "string" ? readAppsText(value) : readAppsList(value);
  if (apps.length === 0)
    throw new Invalid('at least one app must be given, by its SDKAppID: set GATEHOUSE_APPS=1400000000, or "apps" in the file.');
  const seen = new Set<number>();
  for (const { id } of apps) {
    if (seen.has(id)) throw new Invalid(`app ${id} is given twice.`);
    seen.add(id);
  }
  return apps;
}

function readAppsText(text: string): AppConfig[] {
  const parts = text.split(",").map((part) => part.trim());
  return parts.filter(Boolean).map((part) => {
    const equals = part.indexOf("=");
    const id = equals === -1 ? part : part.slice(0, equals);
    const tokens = equals === -1 ? [] : part.slice(equals + 1).split("|");
    return { id: readAppId(id), tokens: tokens.map((token) => readToken(token, id)), locale: "", maxPerSecond: undefined };
  });
}

function readAppsList(value: unknown): AppConfig[] {
  if (!Array.isArray(value)) throw new Invalid("must be a list of apps, such as: [{ id: 1400000000 }].");
  return value.map((item: unknown) => {
    if (typeof item === "number") return { id: readAppId(item), tokens: [], locale: "", maxPerSecond: undefined };
    if (typeof item !== "object" || item === null)
      throw new Invalid("each app must be a number or have an id, such as: { id: 1400000000 }.");
    const { id, tokens = [], path_secret, query_secret, locale = "", max_per_second, ...rest } = item as Record<string, unknown>;
    const [unknownKey] = Object.keys(rest);
    if (unknownKey !== undefined)
      throw new Invalid(`an app has no "${unknownKey}"; it has id, tokens, path_secret, query_secret, locale and max_per_second.`);
    if (!Array.isArray(tokens)) throw new Invalid(`the tokens of app ${id} must be a list.`);
    return {
      id: readAppId(id),
      tokens: tokens.map((token) => readToken(token, String(id))),
      pathSecret: readSecret("path_secret", path_secret, String(id)),
      querySecret: readSecret("query_secret", query_secret, String(id)),
      locale: readLocale(locale, String(id)),
      maxPerSecond: max_per_second === undefined ? undefined : readMaxPerSecond(max_per_second, String(id)),
    };
  });
}

function readAppId(value: unknown): number {
  const id = typeof value === "string" && /^\d{1,10}$/.test(value) ? Number(value) : value;
  if (typeof id === "number" && Number.isInteger(id) && id > 0 && id < 2 ** 32) return id;
  throw new Invalid(`"${String(value)}" is not an SDKAppID; that is a whole number such as 1400000000.`);
}

function readToken(value: unknown, app: string): string {
  if (typeof value === "string" && value.trim() !== "") return value;
  throw new Invalid(`a token of app ${app} is empty or not text; put it in quotes, or leave it out.`);
}

/** Its characters are those that stand for themselves everywhere in a URL. */
function readSecret(name: string, value: unknown, app: string): string | undefined {
  if (value === undefined || (typeof value === "string" && /^[\w.~-]{16,256}$/.test(value))) return value;
  throw new Invalid(`the ${name} of app ${app} must be 16 to 256 letters, digits, "-", "_", "." or "~"; leave it out to have none.`);
}

function readMaxPerSecond(value: unknown, app: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 1_000_000) return value;
  throw new Invalid(`the max_per_second of app ${app} must be a whole number from 1 to 1000000, not ${quoted(value)}.`);
}

function readLocale(value: unknown, app: string): string {
  try {
    if (typeof value === "string") return value === "" ? "" : (Intl.getCanonicalLocales(value)[0] ?? "");
  } catch {
    // Falls through: it is no tag.
  }
  throw new Invalid(`the locale of app ${app} must be a language tag such as zh or pt-BR, not ${quoted(value)}.`);
}

export function readPolicyPath(value: unknown): string | undefined {
  return value === "none" ? undefined : nonEmptyText(value);
}

export function readAddress(value: unknown): ListenAddress {
  const match = typeof value === "string" ? /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(value) : null;
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port > 65535) throw new Invalid(`must be host:port, such as 127.0.0.1:8080, not ${quoted(value)}.`);
  return { host, port };
}

/** Whether only this machine can reach the host. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** A path to an SQLite file, or the URL of a PostgreSQL database. */
export function readDatabase(value: unknown): string {
  const database = nonEmptyText(value);
  if (isPostgresUrl(database)) {
    const urls = serverUrls(database).map((server) => URL.parse(server));
    const [url = null] = urls;
    // Many passwords have characters that a URL must escape. It is not repeated here, because it may have a password in it.
    if (url === null || urls.includes(null))
      throw new Invalid("is no URL: special characters of a password are written as %23 for #, %40 for @ and so on.");
    if (url.pathname.length < 2) throw new Invalid("names no database: postgres://user:password@host:5432/database.");
    if (!["read-write", "primary"].includes(url.searchParams.get("target_session_attrs") ?? "primary"))
      throw new Invalid(
        "has target_session_attrs: leave it out, or set it to read-write; of several hosts the one that takes writes is used.",
      );
    return database;
  }
  if (/^[a-z][a-z0-9+]*:\/\//i.test(database))
    throw new Invalid("must be a path to an SQLite file, such as data/gatehouse.db, or postgres://user:password@host:5432/database.");
  return database;
}

/** Whether it is the URL of a PostgreSQL database, and not a path. */
export function isPostgresUrl(database: string): boolean {
  return /^postgres(?:ql)?:\/\//i.test(database);
}

/** Text, or undefined for none. */
export function optionalText(value: unknown): string | undefined {
  return value === "" || value === null || value === undefined ? undefined : nonEmptyText(value);
}

export function readRanges(value: unknown): string[] {
  const ranges = readTexts(value);
  for (const range of ranges) {
    try {
      parseCidr(range);
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      throw new Invalid(error.message);
    }
  }
  return ranges;
}

export function readOrigins(value: unknown): string[] {
  const origins = readTexts(value);
  for (const origin of origins) {
    const url = URL.parse(origin);
    if (url === null || url.origin !== origin || !/^https?:$/.test(url.protocol))
      throw new Invalid(`"${origin}" is not an origin; write one such as https://console.example.com, without a slash at the end.`);
  }
  return origins;
}

/** A list of texts, or a text with commas between them. */
function readTexts(value: unknown): string[] {
  const items: unknown[] | undefined = typeof value === "string" ? value.split(",") : Array.isArray(value) ? value : undefined;
  if (!items?.every((item) => typeof item === "string")) throw new Invalid("must be a list of texts.");
  return items.map((item) => item.trim()).filter(Boolean);
}

function nonEmptyText(value: unknown): string {
  if (typeof value === "string" && value.trim() !== "") return value;
  throw new Invalid(`must be text, not ${quoted(value)}.`);
}

export function wholeNumber(min: number, max: number): (value: unknown) => number {
  return (value) => {
    const number = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
    if (typeof number === "number" && Number.isInteger(number) && number >= min && number <= max) return number;
    throw new Invalid(`must be a whole number from ${min} to ${max}, not ${quoted(value)}.`);
  };
}

/** Nothing, or what `read` takes. */
export function optional<T>(read: (value: unknown) => T): (value: unknown) => T | undefined {
  return (value) => (value === "" ? undefined : read(value));
}

export function oneOf<T extends string>(words: readonly T[]): (value: unknown) => T {
  return (value) => {
    const word = words.find((candidate) => candidate === value);
    if (word !== undefined) return word;
    throw new Invalid(`must be one of ${words.join(", ")}, not ${quoted(value)}.`);
  };
}

/** Reads true or false, as a file or a variable has it. */
export function trueOrFalse(value: unknown): boolean {
  if (value === true || value === "true") return true;
  if (value === false || value === "false") return false;
  throw new Invalid(`must be true or false, not ${quoted(value)}.`);
}

export function quoted(value: unknown): string {
  if (value === "" || value === null || value === undefined) return "nothing";
  return typeof value === "object" ? "a list or mapping" : `"${String(value)}"`;
}

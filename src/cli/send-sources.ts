// Where the webhooks of `gatehouse send` come from: samples, files, or nothing but flags.
import { readFileSync } from "node:fs";
import { didYouMean } from "../nearest.ts";
import { CommandError, UsageError } from "./command.ts";
import { type JsonObject, samples, type Vector } from "./samples.ts";

/** A webhook and the name it goes by in output. */
export interface Source {
  name: string;
  vector: Vector;
}

/** The webhooks of the samples with these names, for this app. */
export function fromSamples(names: readonly string[], appId: number): Source[] {
  return names.map((name) => {
    const sample = Object.hasOwn(samples, name) ? samples[name] : undefined;
    if (sample === undefined) {
      throw new UsageError(
        `there is no sample ${name}.${didYouMean(name, Object.keys(samples))} \`gatehouse send --list\` shows them; a file needs --file or a path with a "/" or ".json".`,
      );
    }
    return { name, vector: { query: query(sample.body.CallbackCommand, sample.platform, appId), body: sample.body } };
  });
}

/** The names of the samples that make the life of an account, in its order. */
export function lifeOfAnAccount(): string[] {
  return Object.entries(samples).flatMap(([name, sample]) => (sample.inLife ? [name] : []));
}

/** A webhook that has nothing but its command and time. */
export function fromCommand(command: string, appId: number, nowMs: number): Source {
  return { name: command, vector: { query: query(command, "RESTAPI", appId), body: { CallbackCommand: command, EventTime: nowMs } } };
}

/**
 * The webhooks of a file; `-` is the standard input. Each is a vector, or a body on its own, which gets a query for this app. Several stand
 * in an array, or one on a line.
 */
export function fromFile(path: string, appId: number): Source[] {
  const values = parseValues(path, readText(path));
  return values.map((value, index) => {
    const name = values.length === 1 ? path : `${path} #${index + 1}`;
    if (!isObject(value)) throw new CommandError(`${name} is not a JSON object.`);
    return { name, vector: "body" in value || "rawBody" in value ? readVector(name, value) : fromBody(value, appId) };
  });
}

function readText(path: string): string {
  try {
    return readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (error) {
    const reason = error instanceof Error && "code" in error && error.code === "ENOENT" ? "there is no such file" : String(error);
    throw new CommandError(`cannot read ${path}: ${reason}.`);
  }
}

function parseValues(path: string, text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [value];
  } catch (whole) {
    const lines = text.split("\n").filter((line) => line.trim() !== "");
    try {
      return lines.map((line): unknown => JSON.parse(line));
    } catch {
      const message = whole instanceof Error ? whole.message : String(whole);
      throw new CommandError(`${path} is neither JSON nor one JSON value on each line: ${message}.`);
    }
  }
}

function readVector(name: string, value: JsonObject): Vector {
  const { note, query: parameters = {}, body, rawBody, want } = value;
  if (!isObject(parameters)) throw new CommandError(`${name}: query must be an object of strings.`);
  if (body !== undefined && rawBody !== undefined) throw new CommandError(`${name}: has both body and rawBody; give one.`);
  if (rawBody !== undefined && typeof rawBody !== "string") throw new CommandError(`${name}: rawBody must be a string.`);
  if (body !== undefined && !isObject(body)) throw new CommandError(`${name}: body must be an object; use rawBody for anything else.`);
  if (want !== undefined && !isObject(want)) throw new CommandError(`${name}: want must be an object.`);
  return {
    query: Object.fromEntries(Object.entries(parameters).map(([key, parameter]) => [key, String(parameter)])),
    ...(typeof note === "string" && { note }),
    ...(body !== undefined && { body }),
    ...(rawBody !== undefined && { rawBody }),
    ...(want !== undefined && { want }),
  };
}

function fromBody(body: JsonObject, appId: number): Vector {
  return { query: query(typeof body.CallbackCommand === "string" ? body.CallbackCommand : "", "RESTAPI", appId), body };
}

/** The parameters of the webhook protocol, in the order of the vendor's sample URL. */
function query(command: string, platform: string, appId: number): Record<string, string> {
  return { SdkAppid: String(appId), CallbackCommand: command, contenttype: "json", ClientIP: "127.0.0.1", OptPlatform: platform };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

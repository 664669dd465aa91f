// Makes the HTTP request of a webhook: applies the changes that flags ask for, and signs it.
import { createHash } from "node:crypto";
import { CommandError, UsageError } from "./command.ts";
import type { JsonObject, Vector } from "./samples.ts";

/** What flags change in every webhook before it is sent. */
export interface Changes {
  /** Members of the body to set, in this order. */
  members: readonly (readonly [string, unknown])[];
  /** Members of the body to leave out. */
  withoutMembers: readonly string[];
  /** Parameters of the URL to set, in this order. */
  parameters: readonly (readonly [string, string])[];
  /** Parameters of the URL to leave out. */
  withoutParameters: readonly string[];
}

/** How to sign a request. */
export interface Signing {
  token: string;
  /** `RequestTime`, in Unix seconds. */
  requestTime: number;
}

/** A webhook ready to go. */
export interface WebhookRequest {
  url: URL;
  body: string;
}

/** Reads `Key=text` or `Key:=json` of `--set`. */
export function readMember(value: string): readonly [string, unknown] {
  const [, key, json, text] = /^([^=:]+)(?::=(.*)|=(.*))$/s.exec(value) ?? [];
  if (key === undefined) throw new UsageError(`--set needs Key=text or Key:=json, not "${value}".`);
  if (json === undefined) return [key, text];
  try {
    return [key, JSON.parse(json)];
  } catch {
    throw new UsageError(`--set ${key}:= needs JSON after it, not "${json}"; Key=text sets a string.`);
  }
}

/** Reads `Key=value` of `--query`. */
export function readParameter(value: string): readonly [string, string] {
  const [, key, text] = /^([^=]+)=(.*)$/s.exec(value) ?? [];
  if (key === undefined || text === undefined) throw new UsageError(`--query needs Key=value, not "${value}".`);
  return [key, text];
}

/** The request that brings the vector to `target`, whose own path and parameters stay. */
export function createRequest(target: URL, vector: Vector, changes: Changes, signing: Signing | undefined): WebhookRequest {
  const parameters = new Map<string, string>(Object.entries(vector.query));
  for (const [key, value] of changes.parameters) parameters.set(key, value);
  for (const key of changes.withoutParameters) parameters.delete(key);
  if (signing !== undefined) {
    parameters.set("Sign", sign(signing));
    parameters.set("RequestTime", String(signing.requestTime));
  }
  const url = new URL(target);
  for (const [key, value] of parameters) url.searchParams.append(key, value);
  return { url, body: createBody(vector, changes) };
}

/** The signature of the vendor's "Webhook Authentication": the lower-case hexadecimal SHA-256 of token and time, one after the other. */
export function sign({ token, requestTime }: Signing): string {
  return createHash("sha256").update(`${token}${requestTime}`).digest("hex");
}

function createBody(vector: Vector, changes: Changes): string {
  if (vector.rawBody !== undefined) {
    if (changes.members.length + changes.withoutMembers.length > 0) {
      throw new CommandError("members of a rawBody cannot be changed: it is sent as it stands.");
    }
    return vector.rawBody;
  }
  const body: JsonObject = { ...vector.body };
  for (const [key, value] of changes.members) body[key] = value;
  for (const key of changes.withoutMembers) delete body[key];
  return JSON.stringify(body);
}

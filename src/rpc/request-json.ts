// Messages as the audit log keeps them: JSON in which long texts and lists stand as their digests.
import { createHash } from "node:crypto";
import { type DescMessage, type JsonValue, type MessageShape, toJson } from "@bufbuild/protobuf";

const maxTextLength = 200;
const maxListLength = 20;

/** The message as JSON, abridged. */
export function requestJson<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): string {
  return JSON.stringify(abridge(toJson(schema, message)));
}

/** A text of more than 200 characters stands as its SHA-256 and size, a list of more than 20 items as its first 20, SHA-256 and size. */
export function abridge(value: JsonValue): JsonValue {
  if (typeof value === "string" && value.length > maxTextLength) return { sha256: sha256(value), bytes: Buffer.byteLength(value) };
  if (Array.isArray(value)) {
    const items = value.slice(0, maxListLength).map(abridge);
    return value.length <= maxListLength ? items : { first: items, count: value.length, sha256: sha256(JSON.stringify(value)) };
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, abridge(member)]));
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

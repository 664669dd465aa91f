// Digests by which repeats are recognised.
import { createHash } from "node:crypto";
import { type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";

/**
 * The SHA-256 of a message's content in an app: type, app, time and fields, each with its length, so that no two contents share an input.
 * `eventTimeMs` is undefined when there is none.
 */
export function contentDigest<Desc extends DescMessage>(
  schema: Desc,
  message: MessageShape<Desc>,
  appId: number,
  eventTimeMs: number | undefined,
): Uint8Array {
  const head = Buffer.from(JSON.stringify([schema.typeName, appId, eventTimeMs ?? null]));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(head.length);
  return createHash("sha256").update(length).update(head).update(toBinary(schema, message)).digest();
}

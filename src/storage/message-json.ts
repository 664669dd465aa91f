// What the codecs of decisions and events share: messages as protobuf JSON, written by hand because the generic way is ten times slower.
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import type { Origin } from "../../gen/gatehouse/v1/origin_pb.ts";

/** One member for every field of a message, so that the compiler points at each codec that a new field is missing from. */
export type EveryField<Message> = { [Field in Exclude<keyof Message, `$${string}`>]-?: unknown };

/** Undefined for the zero of a field, which JSON then leaves out. */
export function unlessZero<T extends string | number | boolean>(value: T): T | undefined {
  return value ? value : undefined;
}

/** Undefined for no items, which JSON then leaves out. */
export function unlessNone<T>(items: readonly T[]): readonly T[] | undefined {
  return items.length === 0 ? undefined : items;
}

/** Undefined for a map without entries, which JSON then leaves out. */
export function unlessEmpty<T extends object>(map: T): T | undefined {
  for (const _ in map) return map;
  return undefined;
}

/** An origin in protobuf JSON. */
export function originJson(origin: Origin | undefined): EveryField<Origin> | undefined {
  if (origin === undefined) return undefined;
  return {
    clientIp: unlessZero(origin.clientIp),
    platform: unlessZero(origin.platform),
    source: unlessZero(origin.source),
    traceId: unlessZero(origin.traceId),
  };
}

/** A time as a column has it: whole milliseconds since 1970, null when it is not set. */
export function timeColumn(time: Timestamp | undefined): number | null {
  return time === undefined ? null : timestampMs(time);
}

/** A digest as a column or a stamp has it: lower-case hexadecimal, which sorts as the bytes do. */
export function digestHex(digest: Uint8Array): string {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength).toString("hex");
}

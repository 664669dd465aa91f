// Times of the schema from milliseconds, where a request cannot afford create() of the protobuf library.
import type { Timestamp } from "@bufbuild/protobuf/wkt";

/** The time that is so many milliseconds after 1970; the same as timestampFromMs() of the library makes. */
export function timestampOfMs(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1000);
  return { $typeName: "google.protobuf.Timestamp", seconds: BigInt(seconds), nanos: (ms - seconds * 1000) * 1_000_000 };
}

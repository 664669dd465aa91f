// Times as the schema has them, to the millisecond.
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";

/** The same time without what is finer than a millisecond. */
export function toWholeMs(time: Timestamp | undefined): Timestamp | undefined {
  return time === undefined || time.nanos % 1_000_000 === 0 ? time : timestampFromMs(wholeMs(time));
}

/** Milliseconds since 1970; undefined for no time. */
export function msOf(time: Timestamp | undefined): number | undefined {
  return time === undefined ? undefined : wholeMs(time);
}

function wholeMs({ seconds, nanos }: Timestamp): number {
  return Number(seconds) * 1000 + Math.floor(nanos / 1_000_000);
}

// Reads flags that are times: a date and time, or how long from now or ago.
import { type Timestamp, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { UsageError } from "./command.ts";

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** The end of the year 9999, the last that a timestamp can name. */
const lastMs = 253_402_300_799_999;

/** A time to come: `30d` is in 30 days. */
export function readTimeAhead(flag: string, value: string, nowMs: number): Timestamp {
  return readTime(flag, value, nowMs, 1);
}

/** A time that has passed: `24h` is 24 hours ago. */
export function readTimeAgo(flag: string, value: string, nowMs: number): Timestamp {
  return readTime(flag, value, nowMs, -1);
}

function readTime(flag: string, value: string, nowMs: number, direction: 1 | -1): Timestamp {
  const [, count = "", unit = ""] = /^(\d{1,9})([smhdw])$/.exec(value) ?? [];
  const ms = count === "" ? readIso(value) : nowMs + direction * Number(count) * (unitMs[unit] ?? 0);
  if (ms >= 0 && ms <= lastMs) return timestampFromMs(ms);
  const example = new Date(nowMs + direction * (unitMs.d ?? 0)).toISOString().slice(0, 10);
  throw new UsageError(`${flag} must be a time such as 90s, 15m, 24h, 30d, 2w, ${example} or ${example}T08:30:00Z, not "${value}".`);
}

/** A date, which begins at midnight UTC, or a date and time with its zone; NaN for anything else. */
function readIso(value: string): number {
  if (!/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/.test(value)) return Number.NaN;
  const ms = Date.parse(value);
  // Date.parse takes 30 February for 1 March.
  const day = Number(value.slice(8, 10));
  return new Date(Date.parse(value.slice(0, 10))).getUTCDate() === day ? ms : Number.NaN;
}

// Flags that are times.
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { createProgress, formatCount } from "../../src/cli/progress.ts";
import { readTimeAgo, readTimeAhead } from "../../src/cli/time-flags.ts";
import { nowMs } from "./harness.ts";

test.each([
  ["0s", 0],
  ["90s", 90_000],
  ["15m", 900_000],
  ["24h", 86_400_000],
  ["30d", 2_592_000_000],
  ["2w", 1_209_600_000],
])("%s is that long from now, or ago", (value, ms) => {
  expect(timestampMs(readTimeAhead("--expires", value, nowMs))).toBe(nowMs + ms);
  expect(timestampMs(readTimeAgo("--since", value, nowMs))).toBe(nowMs - ms);
});

test.each([
  ["2030-01-31", Date.UTC(2030, 0, 31)],
  ["2030-01-31T08:30Z", Date.UTC(2030, 0, 31, 8, 30)],
  ["2030-01-31T08:30:15.250+08:00", Date.UTC(2030, 0, 31, 0, 30, 15, 250)],
])("%s is that time", (value, ms) => {
  expect(timestampMs(readTimeAhead("--expires", value, nowMs))).toBe(ms);
});

test.each(["", "soon", "30", "d", "-1d", "1.5h", "30 d", "2030-02-30", "2030-13-01", "2030-01-31T08:30", "999999999w", "31.1.2030"])(
  '"%s" is no time',
  (value) => {
    expect(() => readTimeAhead("--expires", value, nowMs)).toThrow(/--expires must be a time such as 90s, .*30d, .*, not "/);
  },
);

test("progress is told once a second, and not of what is quick", () => {
  let now = 0;
  let said = "";
  const io = { stdout: { write() {} }, stderr: { write: (text: string) => (said += text) }, env: {}, now: () => now };
  const progress = createProgress("imported", io);
  for (const ms of [400, 900, 1100, 1500, 2200]) {
    now = ms;
    progress.add(10_000);
  }
  expect(said).toBe("imported 30 000 (1.1 s, 27 273/s)\nimported 50 000 (2.2 s, 22 727/s)\n");
  expect(progress.summary()).toBe("2.2 s, 22 727/s");
  expect([0, 999, 1000, 1234567].map(formatCount)).toEqual(["0", "999", "1 000", "1 234 567"]);
});

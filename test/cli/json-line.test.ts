// What machines read a line each stays one line to all of them.
import { once } from "node:events";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { expect, it } from "vitest";
import { jsonLine } from "../../src/cli/json-line.ts";

it("is one line to readers that end lines at more than a newline, and the same value", async () => {
  const value = { name: "a\u2028b\u2029c\u0085d\r\n\v\f\u001e", "\u2028": ["\\u2028"] };
  const line = jsonLine(value);
  expect(JSON.parse(line)).toEqual(value);
  for (const end of ["\r", "\v", "\f", "\u001e", "\u0085", "\u2028", "\u2029"]) expect(line).not.toContain(end);
  expect(line.indexOf("\n")).toBe(line.length - 1);
  const lines: string[] = [];
  const reader = createInterface({ input: Readable.from([line, line]) }).on("line", (found) => lines.push(found));
  await once(reader, "close");
  expect(lines.map((found) => JSON.parse(found))).toEqual([value, value]);
});

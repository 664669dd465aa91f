// Files of entries: lines, NDJSON and CSV, in pieces of any size.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type EntryFormat, readEntries } from "../../../src/cli/lists/entry-file.ts";

async function* chunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

async function read(text: string | Buffer, { format, name = "f", size = 7 }: { format?: EntryFormat; name?: string; size?: number } = {}) {
  const entries: [number, string, string, string][] = [];
  for await (const part of readEntries(chunks(Buffer.from(text), size), name, format)) {
    for (const { line, entry } of part)
      entries.push([line, entry.value, entry.reason, entry.expireTime === undefined ? "" : String(entry.expireTime.seconds)]);
  }
  return entries;
}

const values = async (text: string, options: Parameters<typeof read>[1] = {}) => (await read(text, options)).map(([, value]) => value);

describe("a file of entries", () => {
  it("is read by lines, without their ends and without empty ones", async () => {
    expect(await read("a\r\n\n  \nb c\n# no comment\n官方")).toEqual([
      [1, "a", "", ""],
      [4, "b c", "", ""],
      [5, "# no comment", "", ""],
      [6, "官方", "", ""],
    ]);
    expect(await values("\ufeffa\nb\ufeffc\n")).toEqual(["a", "b\ufeffc"]);
    expect(await values("")).toEqual([]);
    expect(await values("\n\n")).toEqual([]);
  });

  it("is read as NDJSON when its name or first line says so", async () => {
    const line = '{"value": "a\\nb", "reason": "r", "expireTime": "2030-01-01T00:00:00Z"}';
    const wanted = [[2, "a\nb", "r", "1893456000"]];
    expect(await read(`\n${line}\n`)).toEqual(wanted);
    expect(await read(`\n${line}\n`, { name: "x.ndjson" })).toEqual(wanted);
    expect(await read(`\n${line}\n`, { format: "ndjson" })).toEqual(wanted);
    expect(await values('"a"\n"b"\n', { format: "ndjson" })).toEqual(["a", "b"]);
    expect(await values(`${line}\n`, { format: "lines" })).toEqual([line]);
  });

  it("is read as CSV when its name says so", async () => {
    const text = 'Reason,value,expire_time\n"a ""good"" one, really",x,2030-01-01T00:00:00Z\n,y,\n';
    expect(await read(text, { name: "x.csv" })).toEqual([
      [2, "x", 'a "good" one, really', "1893456000"],
      [3, "y", "", ""],
    ]);
  });

  it("is the same in pieces of any size", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: "grapheme" })), fc.integer({ min: 1, max: 50 }), async (lines, size) => {
        const clean = lines.map((line) => line.replace(/[\r\n]/g, "").trim()).filter((line) => line !== "");
        expect(await values(clean.join("\n"), { size, format: "lines" })).toEqual(clean);
      }),
    );
  });

  it.each<[string, string | Buffer, EntryFormat, RegExp]>([
    ["white space around a value", "a\n b\n", "lines", /^f:2: the value begins or ends with white space/],
    ["bytes that are no UTF-8", Buffer.from([0x61, 0x0a, 0x62, 0x0a, 0xff, 0x0a]), "lines", /^f:3: the line is not UTF-8/],
    ["JSON that is broken", '{"value":"a"}\n{"value":\n', "ndjson", /^f:2: not an entry such as/],
    ["an unknown key", '{"valeu":"a"}\n', "ndjson", /^f:1: not an entry .*valeu/],
    ["a number", "7\n", "ndjson", /^f:1: not an entry/],
    ["a CSV without its heading", "x,y\n", "csv", /^f:1: the first line has a column "x".*value, reason/],
    ["a CSV without values", "reason\n", "csv", /^f:1: the first line needs a column value/],
    ["a row with too few cells", "value,reason\nx\n", "csv", /^f:2: 1 cells where the first line has 2 columns/],
    ["a quotation mark in a cell", 'value\nx"y\n', "csv", /^f:2: a quotation mark is out of place/],
    ["a time that is none", "value,expire_time\nx,soon\n", "csv", /^f:2: expire_time must be a time/],
    ["a line that never ends", "a\n".concat("x".repeat(100_000)), "lines", /^f:\d+: the line is longer than 65536 bytes/],
  ])("with %s says where", async (_name, text, format, message) => {
    await expect(read(text, { format, size: 4096 })).rejects.toThrow(message);
  });

  it("gives what stands before a mistake", async () => {
    const seen: string[] = [];
    const reading = (async () => {
      for await (const part of readEntries(chunks(Buffer.from("a\nb\n c\nd\n"), 100), "f", "lines"))
        seen.push(...part.map(({ entry }) => entry.value));
    })();
    await expect(reading).rejects.toThrow("f:3:");
    expect(seen).toEqual(["a", "b"]);
  });
});

// Unified diffs: they look as those of `diff -u` do, and always make one text of the other.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findChanges, unifiedDiff } from "../../src/text/text-diff.ts";

const diff = (from: string, to: string) => unifiedDiff({ name: "a", text: from }, { name: "b", text: to });
const numbered = (count: number) => Array.from({ length: count }, (_, i) => `${i + 1}\n`).join("");

/** Does what a unified diff says to a text. */
function apply(text: string, patch: string): string {
  const source = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const result: string[] = [];
  let at = 0;
  const lines = patch.match(/[^\n]*\n/g)?.slice(2) ?? [];
  for (const [index, line] of lines.entries()) {
    const header = /^@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@\n$/.exec(line);
    if (header) {
      const start = header[2] === "0" ? Number(header[1]) : Number(header[1]) - 1;
      result.push(...source.slice(at, start));
      at = start;
      continue;
    }
    if (line.startsWith("\\")) continue;
    const content = lines[index + 1]?.startsWith("\\") ? line.slice(1, -1) : line.slice(1);
    if (line[0] !== "+") expect(source[at++]).toBe(content);
    if (line[0] !== "-") result.push(content);
  }
  return [...result, ...source.slice(at)].join("");
}

describe("a unified diff", () => {
  it.each([
    ["the same texts", "a\nb\n", "a\nb\n", ""],
    ["a line that changed", "a\nb\nc\n", "a\nB\nc\n", "--- a\n+++ b\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"],
    ["a first line", "", "a\n", "--- a\n+++ b\n@@ -0,0 +1 @@\n+a\n"],
    ["nothing left", "a\n", "", "--- a\n+++ b\n@@ -1 +0,0 @@\n-a\n"],
    ["a last newline", "a", "a\n", "--- a\n+++ b\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n"],
    ["empty lines", "\n\n", "\n", "--- a\n+++ b\n@@ -1,2 +1 @@\n \n-\n"],
    [
      "an insertion in the middle",
      numbered(9),
      numbered(9).replace("5\n", "5\nx\n"),
      "--- a\n+++ b\n@@ -3,6 +3,7 @@\n 3\n 4\n 5\n+x\n 6\n 7\n 8\n",
    ],
  ])("of %s", (_name, from, to, wanted) => {
    expect(diff(from, to)).toBe(wanted);
  });

  it("has hunks that meet when at most six lines lie between", () => {
    const change = (gap: number) => {
      const lines = ["x\n", ...Array.from({ length: gap }, (_, i) => `${i}\n`), "x\n"];
      return diff(lines.join(""), lines.join("").replaceAll("x", "y")).match(/^@@/gm)?.length;
    };
    expect([change(5), change(6), change(7)]).toEqual([1, 1, 2]);
  });

  it("makes one text of the other, and is the shortest that does", () => {
    const text = fc.array(fc.constantFrom("a", "b", "c", "", "d"), { maxLength: 25 }).map((lines) => lines.join("\n"));
    fc.assert(
      fc.property(text, text, (from, to) => {
        expect(apply(from, diff(from, to))).toBe(to);
        const [a, b] = [[...from], [...to]];
        const { removed, added } = findChanges(a, b);
        const kept = a.filter((_, i) => removed[i] === 0);
        expect(kept).toEqual(b.filter((_, i) => added[i] === 0));
        expect(kept.length).toBe(longestCommon(a, b));
      }),
      { numRuns: 500 },
    );
  });

  it("is what GNU diff says", () => {
    const to = numbered(40).replace("3\n", "three\n").replace("20\n", "").replace("38\n", "38\nmore\n").trimEnd();
    expect(diff(numbered(40), to)).toBe(
      [
        ["--- a", "+++ b", "@@ -1,6 +1,6 @@", " 1", " 2", "-3", "+three", " 4", " 5", " 6"],
        ["@@ -17,7 +17,6 @@", " 17", " 18", " 19", "-20", " 21", " 22", " 23"],
        ["@@ -36,5 +35,6 @@", " 36", " 37", " 38", "+more", " 39", "-40", "+40", "\\ No newline at end of file", ""],
      ]
        .flat()
        .join("\n"),
    );
  });

  it.each([
    ["half a million short lines that are all others", "a\n".repeat(524_288), "b\n".repeat(524_288)],
    ["one line of a mebibyte", "a".repeat(1_048_576), "b".repeat(1_048_576)],
    ["lines that repeat in another rhythm", "a\nb\na\n".repeat(100_000), "b\na\na\n".repeat(100_000)],
  ])("of %s is made in bounded time", (_name, from, to) => {
    const startMs = performance.now();
    const patch = diff(from, to);
    expect(performance.now() - startMs).toBeLessThan(5000);
    expect(patch.endsWith("\n")).toBe(true);
  });
});

function longestCommon(a: readonly string[], b: readonly string[]): number {
  let row = new Array<number>(b.length + 1).fill(0);
  for (const item of a) {
    const next = [0];
    for (const [j, other] of b.entries()) next.push(item === other ? (row[j] ?? 0) + 1 : Math.max(row[j + 1] ?? 0, next[j] ?? 0));
    row = next;
  }
  return row[b.length] ?? 0;
}

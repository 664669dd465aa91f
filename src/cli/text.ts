// How values look on a terminal: made safe, aligned, and with times people and machines both read.
import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";

// Control characters could drive the terminal; line separators, direction marks and invisible characters could make a name look like
// another one or a line look like two.
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
const shortEscapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
const wide =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303f\uff01-\uff60\uffe0-\uffe6]/u;
const combining = /\p{M}/u;

/** The text with everything that does not show as itself written as an escape. */
export function safe(text: string): string {
  return text.replace(unsafe, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return shortEscapes[character] ?? (code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`);
  });
}

/** The text made safe, or `-` when there is none. */
export function orDash(text: string): string {
  return text === "" ? "-" : safe(text);
}

/** An ISO 8601 time in UTC, to the millisecond; `-` when there is none. */
export function formatTime(time: Timestamp | undefined): string {
  if (time === undefined) return "-";
  const date = timestampDate(time);
  return Number.isNaN(date.getTime()) ? `${time.seconds}s` : date.toISOString();
}

/** The name of a value of a generated enum in lower case; a number for one that this schema does not have. */
export function enumWord(values: Readonly<Record<string, number>>, value: number): string {
  const name = Object.keys(values).find((key) => values[key] === value);
  return name === undefined ? String(value) : name.toLowerCase();
}

/** Rows in aligned columns under their headings, one line each, ending in a newline. Cells must be safe. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => width(row[column] ?? ""))));
  return all
    .map((row) => `${row.map((cell, column) => pad(cell, widths[column] ?? 0)).join("  ")}`.trimEnd())
    .join("\n")
    .concat("\n");
}

/** Names and values in two columns, one line each, ending in a newline. Values must be safe. */
export function fields(pairs: readonly (readonly [string, string])[]): string {
  const longest = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${name.padEnd(longest)}  ${value}\n`).join("");
}

function pad(cell: string, columns: number): string {
  return cell + " ".repeat(columns - width(cell));
}

/** How many columns of a terminal the text takes: Chinese characters take two. */
function width(text: string): number {
  let columns = 0;
  for (const character of text) columns += wide.test(character) ? 2 : combining.test(character) ? 0 : 1;
  return columns;
}

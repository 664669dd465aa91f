// JSON as one line, for every reader of lines.

/** Ends of lines to some readers, such as Node's readline and Python's splitlines, which JSON lets stand as they are. */
const otherLineEnds = /[\u0085\u2028\u2029]/g;

/** The value as JSON and a newline, with nothing else in it that anybody takes for the end of a line. */
export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value).replace(otherLineEnds, (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, "0")}`)}\n`;
}

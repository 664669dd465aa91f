// Reads comma-separated values (RFC 4180), where no value goes over the end of its line.

const columns = ["value", "reason", "author", "source", "expire_time"];

/** The cells of a line; a text says what is wrong with it. */
export function splitCsvLine(line: string): string[] | string {
  const cells: string[] = [];
  const cell = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (;;) {
    const match = cell.exec(line);
    if (match === null)
      return 'a quotation mark is out of place. A cell with a comma or a quotation mark is written "a ""b"", c", on one line.';
    cells.push(match[1] === undefined ? (match[2] ?? "") : match[1].replaceAll('""', '"'));
    if (match[3] === "") return cells;
  }
}

/** The names of the columns that a first line gives; a text says what is wrong with it. */
export function readCsvHeader(cells: readonly string[]): string[] | string {
  const names = cells.map((name) => name.trim().toLowerCase());
  const unknown = names.find((name) => !columns.includes(name));
  if (unknown === undefined && names.includes("value") && new Set(names).size === names.length) return names;
  const problem = unknown === undefined ? "needs a column value, and each column once" : `has a column "${unknown}"`;
  return `the first line ${problem}. It must name the columns, of which there are: ${columns.join(", ")}.`;
}

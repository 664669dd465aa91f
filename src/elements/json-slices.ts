// Finds where values stand in a JSON text, so that what is not changed can be handed on byte for byte.

/** Where a value stands in a JSON text: positions in UTF-16 units, the end excluded. */
export interface JsonSlice {
  start: number;
  end: number;
}

/** The value of the whole text. Here and below the text must be JSON: it has been parsed before. */
export function wholeValue(json: string): JsonSlice {
  const start = skipBlanks(json, 0);
  return { start, end: valueEnd(json, start) };
}

/** The member of an object, as JSON.parse reads it: the last of several. Undefined when there is none, or the value is no object. */
export function memberOf(json: string, object: JsonSlice, name: string): JsonSlice | undefined {
  let found: JsonSlice | undefined;
  if (json[object.start] !== "{") return undefined;
  let at = skipBlanks(json, object.start + 1);
  while (json[at] === '"') {
    const nameEnd = valueEnd(json, at);
    const value = valueAt(json, skipBlanks(json, nameEnd) + 1);
    if (textOf(json, { start: at, end: nameEnd }) === name) found = value;
    at = skipBlanks(json, skipBlanks(json, value.end) + 1);
  }
  return found;
}

/** The items of a list; none when the value is no list. */
export function itemsOf(json: string, list: JsonSlice): JsonSlice[] {
  const items: JsonSlice[] = [];
  if (json[list.start] !== "[") return items;
  let at = skipBlanks(json, list.start + 1);
  while (json[at] !== "]") {
    const item = valueAt(json, at);
    items.push(item);
    at = skipBlanks(json, item.end);
    if (json[at] === ",") at = skipBlanks(json, at + 1);
  }
  return items;
}

/** All texts in a value, however deep, in the order in which they stand; the names of members are none. */
export function textsIn(json: string, { start, end }: JsonSlice): JsonSlice[] {
  const texts: JsonSlice[] = [];
  let at = start;
  while (at < end) {
    if (json[at] !== '"') {
      at++;
      continue;
    }
    const text = { start: at, end: valueEnd(json, at) };
    at = skipBlanks(json, text.end);
    if (json[at] !== ":" || at >= end) texts.push(text);
  }
  return texts;
}

/** The text that a JSON string stands for; undefined when the value is none. */
export function textOf(json: string, { start, end }: JsonSlice): string | undefined {
  return json[start] === '"' ? (JSON.parse(json.slice(start, end)) as string) : undefined;
}

function valueAt(json: string, from: number): JsonSlice {
  const start = skipBlanks(json, from);
  return { start, end: valueEnd(json, start) };
}

function skipBlanks(json: string, from: number): number {
  let at = from;
  while (json[at] === " " || json[at] === "\n" || json[at] === "\r" || json[at] === "\t") at++;
  return at;
}

/** Where the value ends that begins here. */
function valueEnd(json: string, start: number): number {
  const first = json[start];
  if (first === '"') return stringEnd(json, start);
  let at = start;
  if (first !== "{" && first !== "[") {
    while (at < json.length && !",]} \n\r\t".includes(json[at] ?? "")) at++;
    return at;
  }
  let depth = 0;
  while (at < json.length) {
    const unit = json[at];
    if (unit === '"') {
      at = stringEnd(json, at);
      continue;
    }
    if (unit === "{" || unit === "[") depth++;
    if (unit === "}" || unit === "]") depth--;
    at++;
    if (depth === 0) break;
  }
  return at;
}

function stringEnd(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length && json[at] !== '"') at += json[at] === "\\" ? 2 : 1;
  return at + 1;
}

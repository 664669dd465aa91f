// Tells two texts apart, as `diff -u` does.

/** The longest edit script that is looked for; texts that differ by more are told apart as if nothing in between were the same. */
const maxEdits = 1500;

const contextLines = 3;

/**
 * A unified diff of two texts with three lines of context, ending in a newline; empty when they are the same. It always makes `to` of `from`, and
 * is the shortest one unless they differ in more than 1500 lines. Takes at most some 10 million steps, whatever the texts are.
 */
export function unifiedDiff(from: { name: string; text: string }, to: { name: string; text: string }): string {
  if (from.text === to.text) return "";
  const before = linesOf(from.text);
  const after = linesOf(to.text);
  const changed = findChanges(before, after);
  const hunks = groupHunks(stepThrough(changed)).map((hunk) => formatHunk(hunk, before, after));
  return [`--- ${from.name}\n`, `+++ ${to.name}\n`, ...hunks].join("");
}

/** Which items of two sequences are not in the other, in the sense of the shortest edit script: 1 for those, 0 for the ones that stay. */
export function findChanges(before: readonly string[], after: readonly string[]): { removed: Uint8Array; added: Uint8Array } {
  const removed = new Uint8Array(before.length);
  const added = new Uint8Array(after.length);
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let beforeEnd = before.length;
  let afterEnd = after.length;
  while (beforeEnd > start && afterEnd > start && before[beforeEnd - 1] === after[afterEnd - 1]) {
    beforeEnd--;
    afterEnd--;
  }
  const numbers = new Map<string, number>();
  const numbered = (items: readonly string[], end: number) => Int32Array.from(items.slice(start, end), (item) => numberOf(numbers, item));
  const script = shortestScript(numbered(before, beforeEnd), numbered(after, afterEnd));
  if (script === undefined) {
    removed.fill(1, start, beforeEnd);
    added.fill(1, start, afterEnd);
  } else {
    for (const index of script.removed) removed[start + index] = 1;
    for (const index of script.added) added[start + index] = 1;
  }
  return { removed, added };
}

function numberOf(numbers: Map<string, number>, item: string): number {
  const known = numbers.get(item);
  if (known !== undefined) return known;
  numbers.set(item, numbers.size);
  return numbers.size - 1;
}

/** The positions to remove from `a` and to add from `b`, by Myers's greedy algorithm; undefined when there are more than `maxEdits`. */
function shortestScript(a: Int32Array, b: Int32Array): { removed: number[]; added: number[] } | undefined {
  const most = Math.min(a.length + b.length, maxEdits);
  // furthest[middle + k]: how far into `a` a path on diagonal k = x - y comes.
  const middle = most + 1;
  const furthest = new Int32Array(2 * most + 3);
  const trace: Int32Array[] = [];
  for (let edits = 0; edits <= most; edits++) {
    trace.push(furthest.slice(middle - edits, middle + edits + 1));
    const lowest = -edits + 2 * Math.max(0, edits - b.length);
    const highest = edits - 2 * Math.max(0, edits - a.length);
    for (let k = lowest; k <= highest; k += 2) {
      const below = furthest[middle + k + 1] ?? 0;
      const left = furthest[middle + k - 1] ?? 0;
      let x = k === -edits || (k !== edits && left < below) ? below : left + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      furthest[middle + k] = x;
      if (x >= a.length && x - k >= b.length) return walkBack(trace, a.length, b.length);
    }
  }
  return undefined;
}

function walkBack(trace: readonly Int32Array[], aLength: number, bLength: number): { removed: number[]; added: number[] } {
  const removed: number[] = [];
  const added: number[] = [];
  let x = aLength;
  let y = bLength;
  for (let edits = trace.length - 1; edits > 0; edits--) {
    const furthest = trace[edits] ?? new Int32Array();
    const k = x - y;
    const below = furthest[edits + k + 1] ?? 0;
    const left = furthest[edits + k - 1] ?? 0;
    const isAddition = k === -edits || (k !== edits && left < below);
    const previousX = isAddition ? below : left;
    const previousY = previousX - (isAddition ? k + 1 : k - 1);
    if (isAddition) added.push(previousY);
    else removed.push(previousX);
    x = previousX;
    y = previousY;
  }
  return { removed, added };
}

/** One line of a diff: the line of `before` or `after` that it shows, and where both stand then. */
interface Step {
  sign: " " | "-" | "+";
  before: number;
  after: number;
}

function* stepThrough({ removed, added }: { removed: Uint8Array; added: Uint8Array }): Generator<Step> {
  let before = 0;
  let after = 0;
  while (before < removed.length || after < added.length) {
    if (removed[before] === 1) yield { sign: "-", before: before++, after };
    else if (added[after] === 1) yield { sign: "+", before, after: after++ };
    else yield { sign: " ", before: before++, after: after++ };
  }
}

/** The changes with their context; those whose contexts meet are in one hunk. */
function groupHunks(steps: Iterable<Step>): Step[][] {
  const hunks: Step[][] = [];
  let context: Step[] = [];
  let current: Step[] | undefined;
  for (const step of steps) {
    if (step.sign === " ") {
      context.push(step);
      if (context.length <= contextLines || (current !== undefined && context.length <= 2 * contextLines)) continue;
      if (current === undefined) {
        context.shift();
      } else {
        current.push(...context.slice(0, contextLines));
        current = undefined;
        context = context.slice(-contextLines);
      }
      continue;
    }
    if (current === undefined) {
      current = [];
      hunks.push(current);
    }
    current.push(...context, step);
    context = [];
  }
  current?.push(...context.slice(0, contextLines));
  return hunks;
}

function formatHunk(hunk: readonly Step[], before: readonly string[], after: readonly string[]): string {
  const lines = hunk.map(({ sign, before: i, after: j }) => {
    const line = (sign === "+" ? after[j] : before[i]) ?? "";
    return line.endsWith("\n") ? `${sign}${line}` : `${sign}${line}\n\\ No newline at end of file\n`;
  });
  const range = (sign: "-" | "+", first: number) => {
    const count = hunk.filter((step) => step.sign === " " || step.sign === sign).length;
    return `${sign}${count === 0 ? first : first + 1}${count === 1 ? "" : `,${count}`}`;
  };
  return `@@ ${range("-", hunk[0]?.before ?? 0)} ${range("+", hunk[0]?.after ?? 0)} @@\n${lines.join("")}`;
}

/** The lines of a text, each with its newline. */
function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

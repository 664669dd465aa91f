// An Aho–Corasick automaton over UTF-16 units, in typed arrays: finds thousands of strings in one pass over a text.

/** A finished automaton. Each string is known by its index in the list it was built from. */
export interface PhraseAutomaton {
  /**
   * Calls `found` with the index of each string that ends in the text and the position after its end, by rising position, until it returns true.
   * Takes time of at most the length of the text times the number of strings that are suffixes of one another; returns whether `found` did.
   */
  scan(text: string, found: (index: number, end: number) => boolean): boolean;
  /** The bytes of its tables. */
  memoryBytes: number;
}

/**
 * Builds the automaton. The strings must be sorted by their UTF-16 units, without duplicates and without the empty string.
 *
 * Nodes are numbered breadth first, so the children of a node lie side by side and in order, and node n was reached over the unit `units[n]`.
 */
export function buildPhraseAutomaton(strings: readonly string[]): PhraseAutomaton {
  const { units, firstChild, stringOf } = buildTrie(strings);
  const nodes = stringOf.length;
  const rootEnd = firstChild[1] ?? 1;
  const lowest = rootEnd > 1 ? (units[1] ?? 0) : 0;
  const fromRoot = new Int32Array(rootEnd > 1 ? (units[rootEnd - 1] ?? 0) - lowest + 1 : 0);
  for (let child = 1; child < rootEnd; child++) fromRoot[(units[child] ?? 0) - lowest] = child;

  /** Returns the child of a node over a unit, or 0, the root, when there is none. */
  const childOf = (node: number, unit: number): number => {
    if (node === 0) return fromRoot[unit - lowest] ?? 0;
    let low = firstChild[node] ?? 0;
    const end = firstChild[node + 1] ?? 0;
    let high = end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((units[middle] ?? 0) < unit) low = middle + 1;
      else high = middle;
    }
    return low < end && units[low] === unit ? low : 0;
  };

  // The node of the longest proper suffix that is in the trie, and the nearest node on that chain where a string ends (0 for none).
  const suffix = new Int32Array(nodes);
  const ending = new Int32Array(nodes);
  for (let node = 0; node < nodes; node++) {
    for (let child = firstChild[node] ?? 0; child < (firstChild[node + 1] ?? 0); child++) {
      let target = 0;
      if (node !== 0) {
        let from = suffix[node] ?? 0;
        target = childOf(from, units[child] ?? 0);
        while (target === 0 && from !== 0) {
          from = suffix[from] ?? 0;
          target = childOf(from, units[child] ?? 0);
        }
      }
      suffix[child] = target;
      ending[child] = (stringOf[target] ?? -1) >= 0 ? target : (ending[target] ?? 0);
    }
  }

  return {
    scan(text, found) {
      let node = 0;
      for (let i = 0; i < text.length; i++) {
        const unit = text.charCodeAt(i);
        let next = childOf(node, unit);
        while (next === 0 && node !== 0) {
          node = suffix[node] ?? 0;
          next = childOf(node, unit);
        }
        node = next;
        let at = (stringOf[node] ?? -1) >= 0 ? node : (ending[node] ?? 0);
        while (at !== 0) {
          if (found(stringOf[at] ?? -1, i + 1)) return true;
          at = ending[at] ?? 0;
        }
      }
      return false;
    },
    memoryBytes: [units, firstChild, stringOf, fromRoot, suffix, ending].reduce((sum, table) => sum + table.byteLength, 0),
  };
}

/** Builds the trie level by level: the strings that share a node's prefix are a range of the sorted list. */
function buildTrie(strings: readonly string[]): { units: Uint16Array; firstChild: Int32Array; stringOf: Int32Array } {
  const nodes = countNodes(strings);
  const units = new Uint16Array(nodes);
  const firstChild = new Int32Array(nodes + 1);
  const stringOf = new Int32Array(nodes).fill(-1);
  const rangeStart = new Int32Array(nodes);
  const rangeEnd = new Int32Array(nodes);
  rangeEnd[0] = strings.length;
  let next = 1;
  let depth = 0;
  let levelEnd = 1;
  for (let node = 0; node < nodes; node++) {
    if (node === levelEnd) {
      depth++;
      levelEnd = next;
    }
    firstChild[node] = next;
    let at = rangeStart[node] ?? 0;
    const end = rangeEnd[node] ?? 0;
    if (strings[at]?.length === depth) stringOf[node] = at++;
    while (at < end) {
      const unit = strings[at]?.charCodeAt(depth) ?? 0;
      units[next] = unit;
      rangeStart[next] = at;
      while (at < end && strings[at]?.charCodeAt(depth) === unit) at++;
      rangeEnd[next] = at;
      next++;
    }
  }
  firstChild[nodes] = next;
  return { units, firstChild, stringOf };
}

/** One node for the root and one for each unit that is not shared with the string before. */
function countNodes(strings: readonly string[]): number {
  let nodes = 1;
  let previous = "";
  for (const string of strings) {
    let shared = 0;
    while (shared < previous.length && previous.charCodeAt(shared) === string.charCodeAt(shared)) shared++;
    nodes += string.length - shared;
    previous = string;
  }
  return nodes;
}

// The writes that wait for their turn: two queues, so that decisions go before what can wait longer, with a bound on each.

/** Whether a write goes before the others. */
export type Turn = "first" | "later";

/** Writes that wait, each with what belongs to it. */
export interface WaitingWrites<Item> {
  /** Takes an item in, unless its queue is full: then false. */
  add(item: Item, turn: Turn): boolean;
  /** Takes the next items out, at most `limit`: those of the first turn, but always some that came later, so that nothing waits for ever. */
  take(limit: number): Item[];
  /** Takes all out. */
  takeAll(): Item[];
  /** How many wait. */
  count(): number;
  /** About how many bytes they hold. */
  bytes(): number;
}

/** How much may wait in each queue. What goes first gets more room: it is refused last. */
const maxWaiting = {
  first: { count: 20_000, bytes: 2 ** 26 },
  later: { count: 10_000, bytes: 2 ** 26 },
} as const;

/** The part of a batch that those of the later turn have for themselves: one in so many. */
const laterShare = 5;

/** Creates the queues, empty. `sizeOf` says about how many bytes an item holds. */
export function createWaitingWrites<Item>(sizeOf: (item: Item) => number): WaitingWrites<Item> {
  const queues: Record<Turn, { items: Item[]; bytes: number }> = { first: { items: [], bytes: 0 }, later: { items: [], bytes: 0 } };

  function takeFrom(turn: Turn, limit: number): Item[] {
    const queue = queues[turn];
    const taken = queue.items.slice(0, limit);
    queue.items = queue.items.slice(taken.length);
    if (queue.items.length === 0) queue.bytes = 0;
    else for (const item of taken) queue.bytes -= sizeOf(item);
    return taken;
  }

  return {
    add(item, turn) {
      const queue = queues[turn];
      const { count, bytes } = maxWaiting[turn];
      if (queue.items.length >= count || queue.bytes >= bytes) return false;
      queue.items.push(item);
      queue.bytes += sizeOf(item);
      return true;
    },
    take(limit) {
      const { first, later } = queues;
      if (later.items.length === 0) return takeFrom("first", limit);
      const room = Math.max(limit - first.items.length, Math.ceil(limit / laterShare));
      const laterItems = takeFrom("later", room);
      return [...takeFrom("first", limit - laterItems.length), ...laterItems];
    },
    takeAll: () => [...takeFrom("first", Number.POSITIVE_INFINITY), ...takeFrom("later", Number.POSITIVE_INFINITY)],
    count: () => queues.first.items.length + queues.later.items.length,
    bytes: () => queues.first.bytes + queues.later.bytes,
  };
}

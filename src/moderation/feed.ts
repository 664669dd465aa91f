// Reads the feed from a cursor on: a page at a time, or as it goes on.
import { setImmediate as nextTurn } from "node:timers/promises";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";
import type { Feed, FeedChange, FeedFilter } from "../storage/storage.ts";
import { formatCursor, invalidCursor, parseCursor } from "./feed-cursor.ts";

/** What the feed needs. */
export interface FeedDeps {
  store: Feed;
  /** Ends every watch when it is aborted. */
  stopping: AbortSignal;
  /** How long a watch is silent at most. Default: 10 seconds. */
  heartbeatMs?: number;
  /** How long a watcher may leave a message unread. Default: 30 seconds. */
  slowMs?: number;
}

/** What to read. */
export interface FeedQuery {
  /** Go on after this cursor; empty: begin at `start`. */
  cursor: string;
  start: "beginning" | "now";
  filter: FeedFilter;
}

/** A change, or a sign of life without one, and the cursor after which to go on. */
export interface FeedMessage {
  change: FeedChange | undefined;
  cursor: string;
}

/** A part of the feed. */
export interface FeedPage {
  changes: (FeedMessage & { change: FeedChange })[];
  /** Where to go on, also when there were no changes. */
  cursor: string;
  /** Whether there may be more already. */
  hasMore: boolean;
}

/** The feed; every method throws INVALID_CURSOR and CURSOR_EXPIRED. */
export interface FeedUseCases {
  /** At most `limit` changes. */
  list(query: FeedQuery, limit: number): Promise<FeedPage>;
  /**
   * The changes, and then new ones as they come, until the signal is aborted. A message without a change is sent as soon as all that is there was
   * sent, and whenever nothing else was for a while. Throws SLOW_CONSUMER at the next message when the one before was left unread for too long,
   * and SHUTTING_DOWN when the service stops.
   */
  watch(query: FeedQuery, signal?: AbortSignal): AsyncGenerator<FeedMessage, void, void>;
}

const defaultHeartbeatMs = 10_000;
const defaultSlowMs = 30_000;

/** How many changes a watch has in memory at most. */
const changesPerRead = 100;

export function createFeed({ store, stopping, heartbeatMs = defaultHeartbeatMs, slowMs = defaultSlowMs }: FeedDeps): FeedUseCases {
  const watching = new Set<Bell>();
  stopping.addEventListener("abort", () => {
    for (const bell of watching) bell.ring();
  });

  async function positionOf({ cursor, start }: FeedQuery): Promise<number> {
    if (cursor === "") return start === "now" ? store.latestPosition() : store.earliestPosition();
    const position = parseCursor(cursor);
    if (position > (await store.latestPosition())) {
      throw invalidCursor("The cursor is ahead of everything in this feed, so it is from another database. Begin with a start.");
    }
    const parting = await store.partingBefore(position);
    if (parting !== undefined) throw undone(formatCursor(parting));
    return position;
  }

  async function read(position: number, filter: FeedFilter, limit: number) {
    const part = await store.readChanges(position, filter, limit);
    // What is deleted while it is read is missed too.
    if (position < (await store.earliestPosition())) throw cursorExpired();
    return { ...part, isEnd: part.next >= (await store.latestPosition()) };
  }

  /** What is read while the service stops may find the store closed already. */
  function throwUnlessStopping(error: unknown): never {
    throw stopping.aborted ? shuttingDown() : error;
  }

  return {
    async list(query, limit) {
      const { changes, next, isEnd } = await read(await positionOf(query), query.filter, limit);
      return { changes: changes.map(messageOf), cursor: formatCursor(next), hasMore: !isEnd };
    },

    async *watch(query, signal) {
      // The bell hangs before the first read: what is committed after that read rings it. It is a hint, and the position is the truth.
      const bell = createBell();
      const takeDown = store.onChange(bell.ring);
      watching.add(bell);
      signal?.addEventListener("abort", bell.ring);
      try {
        let position = await positionOf(query);
        let sentMs = performance.now();
        let hasCaughtUp = false;
        while (!signal?.aborted) {
          if (stopping.aborted) throw shuttingDown();
          const { changes, next, isEnd } = await read(position, query.filter, changesPerRead).catch(throwUnlessStopping);
          position = next;
          const messages: FeedMessage[] = changes.map(messageOf);
          const isDue = performance.now() - sentMs >= heartbeatMs;
          if ((isEnd && !hasCaughtUp) || (isDue && messages.length === 0)) messages.push({ change: undefined, cursor: formatCursor(next) });
          hasCaughtUp ||= isEnd;
          for (const message of messages) {
            if (stopping.aborted) throw shuttingDown();
            sentMs = performance.now();
            yield message;
            if (performance.now() - sentMs > slowMs) throw slowConsumer(slowMs);
          }
          if (stopping.aborted) throw shuttingDown();
          if (isEnd) await bell.heard(sentMs + heartbeatMs - performance.now());
          // A watcher that never waits must not keep all others waiting.
          else await nextTurn();
        }
      } finally {
        signal?.removeEventListener("abort", bell.ring);
        watching.delete(bell);
        takeDown();
      }
    },
  };
}

/** Something to wait for that remembers. */
interface Bell {
  ring(): void;
  /** Resolves when it was rung since this resolved last, or when the time is over. */
  heard(timeoutMs: number): Promise<void>;
}

function createBell(): Bell {
  let isRung = false;
  let wake: (() => void) | undefined;
  return {
    ring() {
      isRung = true;
      wake?.();
    },
    async heard(timeoutMs) {
      if (!isRung) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, timeoutMs);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        wake = undefined;
      }
      isRung = false;
    },
  };
}

function messageOf(change: FeedChange) {
  return { change, cursor: formatCursor(change.position) };
}

function undone(lastCursor: string): GatehouseError {
  return new GatehouseError(
    ErrorReason.INVALID_CURSOR,
    `The database was restored from a backup that ends before the cursor: what you have read after the cursor ${lastCursor} is undone. Go back to what you had then and go on after it, or begin anew with a start.`,
    { metadata: { last_cursor: lastCursor } },
  );
}

function cursorExpired(): GatehouseError {
  return new GatehouseError(
    ErrorReason.CURSOR_EXPIRED,
    "What comes after the cursor is not kept any more. Begin anew without a cursor, and read the registry for what was missed.",
  );
}

function slowConsumer(slowMs: number): GatehouseError {
  return new GatehouseError(
    ErrorReason.SLOW_CONSUMER,
    `A message was left unread for more than ${slowMs / 1000} s. Go on from the last cursor that came, and read faster than you work on it.`,
  );
}

function shuttingDown(): GatehouseError {
  return new GatehouseError(
    ErrorReason.SHUTTING_DOWN,
    "The service is stopping. Go on from the last cursor, here again or at another replica.",
  );
}

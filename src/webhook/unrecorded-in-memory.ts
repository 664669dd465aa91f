// Keeps fallbacks in memory until they are recorded: for a service in this process, which takes with it what it could not write.
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import type { ModerationService, RecordFallbackRequest } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import type { Unrecorded } from "./unrecorded.ts";

/** What keeping needs. */
export interface UnrecordedInMemoryDeps {
  client: Pick<Client<typeof ModerationService>, "recordFallback">;
  /** How many fallbacks are kept at most; with more, the oldest are dropped. */
  maxCount: number;
  /** Whether there is time to spare: nothing is recorded while there is none. */
  isCalm(): boolean;
  /** Told of every fallback that will not be recorded. Must not throw. */
  onDropped(why: DropCause, problem: string): void;
}

/** Why a fallback is not recorded: too many waited, the service refused it for good, or the process ends. */
export type DropCause = "full" | "refused" | "stopped";

/** Fallbacks in memory. Events are not kept: what is not on disk must not be acknowledged. */
export interface UnrecordedInMemory extends Unrecorded {
  /** How many wait. */
  waiting(): number;
  /** Records what it can for so long, whether or not there is time to spare, and drops the rest. */
  close(graceMs: number): Promise<void>;
}

/** How many bytes are kept at most. */
const maxBytes = 2 ** 26;

/** How many are recorded at a time. */
const atATime = 16;

/** How long to wait when there is no time to spare, and after failures, doubling from one to the next. */
const pauseMs = 50;
const firstBackoffMs = 100;
const maxBackoffMs = 5000;

interface Kept {
  request: RecordFallbackRequest;
  sizeBytes: number;
}

export function createUnrecordedInMemory({ client, maxCount, isCalm, onDropped }: UnrecordedInMemoryDeps): UnrecordedInMemory {
  const queue = createDroppingQueue(maxCount, () => onDropped("full", "too many fallbacks wait to be recorded"));
  let running: Promise<void> = Promise.resolve();
  let isRunning = false;
  let state: "open" | "closing" | "closed" = "open";
  let wake: (() => void) | undefined;

  /** Waits, until the time has passed or it is closed. */
  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms).unref();
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async function run(): Promise<void> {
    isRunning = true;
    let backoffMs = 0;
    while (queue.size() > 0) {
      if (backoffMs > 0) await pause(backoffMs);
      while (state === "open" && !isCalm()) await pause(pauseMs);
      const failed = (await Promise.all(queue.take(atATime).map(record))).filter((kept) => kept !== undefined);
      for (const kept of failed) keep(kept);
      backoffMs = failed.length === 0 ? 0 : Math.min(maxBackoffMs, Math.max(firstBackoffMs, backoffMs * 2));
    }
    isRunning = false;
  }

  function keep(kept: Kept): void {
    if (state === "closed") onDropped("stopped", "the process ends");
    else queue.add(kept);
  }

  /** Records one; gives it back when it is worth trying again. */
  async function record(kept: Kept): Promise<Kept | undefined> {
    try {
      await client.recordFallback(kept.request);
      return undefined;
    } catch (error) {
      const { code, rawMessage } = ConnectError.from(error);
      if (!refusals.has(code)) return kept;
      onDropped("refused", rawMessage);
      return undefined;
    }
  }

  return {
    keepEventMs: 0,
    keepEvent: async () => false,
    keepFallback(request, sizeBytes) {
      keep({ request, sizeBytes });
      if (!isRunning) running = run();
    },
    waiting: queue.size,
    async close(graceMs) {
      state = "closing";
      wake?.();
      let timer: NodeJS.Timeout | undefined;
      const over = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, graceMs);
      });
      await Promise.race([running, over]);
      clearTimeout(timer);
      state = "closed";
      for (const _ of queue.take(Number.POSITIVE_INFINITY)) onDropped("stopped", "the process ends");
    },
  };
}

/** The codes with which the service refuses a fallback for good. */
const refusals = new Set([Code.InvalidArgument, Code.NotFound, Code.AlreadyExists, Code.PermissionDenied, Code.Unauthenticated]);

/** A queue that drops its oldest when it is full, in count or in bytes. */
function createDroppingQueue(maxCount: number, onDrop: () => void) {
  let items: (Kept | undefined)[] = [];
  let head = 0;
  let bytes = 0;

  function shift(): Kept | undefined {
    const item = items[head];
    if (item === undefined) return undefined;
    items[head] = undefined;
    head++;
    bytes -= item.sizeBytes;
    // Now and then in one piece: taking the first off an array moves all others.
    if (head > 1000 && head * 2 > items.length) {
      items = items.slice(head);
      head = 0;
    }
    return item;
  }

  const size = () => items.length - head;
  return {
    size,
    add(item: Kept): void {
      items.push(item);
      bytes += item.sizeBytes;
      while (size() > maxCount || (bytes > maxBytes && size() > 1)) {
        shift();
        onDrop();
      }
    },
    take(limit: number): Kept[] {
      const taken: Kept[] = [];
      while (taken.length < limit) {
        const item = shift();
        if (item === undefined) break;
        taken.push(item);
      }
      return taken;
    },
  };
}

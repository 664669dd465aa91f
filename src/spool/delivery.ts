// Delivers what the spool holds: in order, again and again until the service has it, and past what it refuses for good.
import { setImmediate as nextTurn } from "node:timers/promises";
import { fromBinary } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import {
  type ModerationService,
  RecordFallbackRequestSchema,
  type RecordRequest,
  RecordRequestSchema,
} from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import type { Failure } from "./failures.ts";
import type { Spool } from "./spool.ts";
import type { KeptItem, RefusedItem, SpoolKind } from "./spool-file.ts";

/** What delivering needs. */
export interface DeliveryDeps {
  spool: Pick<Spool, "read" | "settle" | "totals" | "onKept">;
  client: Client<typeof ModerationService>;
  /** What an error that the client threw means. */
  failureOf(error: unknown): Failure;
  /** Told of what the service has taken. Must not throw, here and below. */
  onDelivered(kind: SpoolKind, count: number): void;
  /** Told of what the service refuses for good, and of what is therefore set aside. */
  onRefused(kind: SpoolKind, refused: RefusedItem): void;
  /** Told of each try that failed. */
  onFailed(error: unknown): void;
}

/** A delivery that goes on by itself. */
export interface Delivery {
  /** Goes on until the spool is empty, the service has been away for a moment, or so many milliseconds are over; then ends. */
  stop(graceMs: number): Promise<void>;
}

/** How much is read, and goes to the service, at a time: within what RecordBatch takes. */
const maxItems = 500;
const maxBytes = 2 ** 20;

/** How many fallbacks are recorded at the same time. */
const fallbacksAtOnce = 64;

/** How long a call may take. */
const callTimeoutMs = 10_000;

/** How long nothing is tried after a failure: twice as long after each further one. */
const firstBackoffMs = 50;
const maxBackoffMs = 1_000;

/** At a stop: how long a service that cannot be reached is waited for; a channel takes so long to find it when it has come back. */
const maxAwayMs = 1_500;

/** How often the service may stumble over one item before that is set aside. */
const maxMistakes = 5;

/**
 * Begins. The events of an app are recorded in the order in which they were kept, and no event before a fallback that was kept earlier; a
 * fallback may be recorded before events that were kept shortly before it. A delivery whose answer is lost is repeated, which changes nothing.
 */
export function startDelivery({ spool, client, failureOf, onDelivered, onRefused, onFailed }: DeliveryDeps): Delivery {
  const ending = new AbortController();
  const mistakes = new Map<number, number>();
  let stopping = false;
  let giveUpAtMs = Number.POSITIVE_INFINITY;
  let wake = () => {};
  let backoffMs = 0;
  spool.onKept(() => {
    if (backoffMs === 0) wake();
  });
  const running = run();

  async function run(): Promise<void> {
    while (!ending.signal.aborted) {
      if (spool.totals().pending === 0) {
        if (stopping) return;
        await pause(undefined);
        continue;
      }
      try {
        await deliverSome();
        backoffMs = 0;
      } catch (error) {
        if (performance.now() > giveUpAtMs) return;
        onFailed(error);
        backoffMs = Math.min(maxBackoffMs, backoffMs * 2 || firstBackoffMs);
        await pause(backoffMs);
      }
    }
  }

  /** Resolves after so long, or when it is woken. */
  function pause(timeoutMs: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const timer = timeoutMs === undefined ? undefined : setTimeout(resolve, timeoutMs);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Delivers the first items, and takes away what was delivered. Throws what kept it from delivering them all. */
  async function deliverSome(): Promise<void> {
    const items = await spool.read(maxItems, maxBytes);
    // What is counted may still be on its way to the disk.
    if (items.length === 0) return nextTurn();
    const done: Done = { delivered: [], refused: [] };
    let failed: { error: unknown } | undefined;
    try {
      await deliverFallbacks(
        items.filter(({ kind }) => kind === "fallback"),
        done,
      );
      for (const events of eventsByApp(items).values()) await deliverEvents(events, done);
    } catch (error) {
      failed = { error };
    }
    await spool.settle(
      done.delivered.map(({ seq }) => seq),
      done.refused.map(({ refused }) => refused),
    );
    for (const { seq } of [...done.delivered, ...done.refused.map(({ refused }) => refused)]) mistakes.delete(seq);
    for (const { kind, count } of countByKind(done.delivered)) onDelivered(kind, count);
    for (const { kind, refused } of done.refused) onRefused(kind, refused);
    if (failed !== undefined) throw failed.error;
  }

  async function deliverFallbacks(items: readonly KeptItem[], done: Done): Promise<void> {
    const left = items.values();
    let failed: { error: unknown } | undefined;
    const deliverEach = async () => {
      for (const item of left) {
        if (failed !== undefined) return;
        try {
          await deliverOne(item, done, () => client.recordFallback(fromBinary(RecordFallbackRequestSchema, item.body), callOptions()));
        } catch (error) {
          failed ??= { error };
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(fallbacksAtOnce, items.length) }, deliverEach));
    if (failed !== undefined) throw failed.error;
  }

  /** Together when the service takes them so, or else one by one, to find those that it does not take. */
  async function deliverEvents(events: readonly KeptEvent[], done: Done): Promise<void> {
    const [first] = events;
    if (first === undefined) return;
    try {
      await client.recordBatch({ appId: first.request.appId, requests: events.map(({ request }) => request) }, callOptions());
      done.delivered.push(...events.map(({ item }) => item));
    } catch (error) {
      if (failureOf(error).kind === "later") throw error;
      for (const { item, request } of events) await deliverOne(item, done, () => client.record(request, callOptions()));
    }
  }

  /** Throws unless it is delivered or refused. */
  async function deliverOne(item: KeptItem, done: Done, call: () => Promise<unknown>): Promise<void> {
    try {
      await call();
      done.delivered.push(item);
    } catch (error) {
      const failure = failureOf(error);
      if (failure.kind === "later") throw error;
      const { seq, kind } = item;
      if (failure.kind === "mistake") {
        const count = (mistakes.get(seq) ?? 0) + 1;
        mistakes.set(seq, count);
        if (count < maxMistakes) throw error;
      }
      done.refused.push({ kind, refused: { seq, reason: failure.reason, message: failure.message } });
    }
  }

  function callOptions() {
    return { timeoutMs: callTimeoutMs, signal: ending.signal };
  }

  return {
    async stop(graceMs) {
      stopping = true;
      giveUpAtMs = performance.now() + Math.min(graceMs, maxAwayMs);
      wake();
      const timer = setTimeout(() => {
        ending.abort();
        wake();
      }, graceMs);
      await running;
      clearTimeout(timer);
    },
  };
}

interface Done {
  delivered: KeptItem[];
  refused: { kind: SpoolKind; refused: RefusedItem }[];
}

interface KeptEvent {
  item: KeptItem;
  request: RecordRequest;
}

function eventsByApp(items: readonly KeptItem[]): Map<number, KeptEvent[]> {
  const byApp = new Map<number, KeptEvent[]>();
  for (const item of items) {
    if (item.kind !== "event") continue;
    const request = fromBinary(RecordRequestSchema, item.body);
    const events = byApp.get(request.appId);
    if (events === undefined) byApp.set(request.appId, [{ item, request }]);
    else events.push({ item, request });
  }
  return byApp;
}

function countByKind(items: readonly KeptItem[]): { kind: SpoolKind; count: number }[] {
  const counts = new Map<SpoolKind, number>();
  for (const { kind } of items) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].map(([kind, count]) => ({ kind, count }));
}

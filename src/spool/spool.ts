// The spool: what was acknowledged while the service was away, on disk until the service has it.
import { mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";
import { lockFile, type ProcessLock } from "../process-lock.ts";
import { itemOverheadBytes, type KeptItem, type RefusedItem, type SpoolItem, type SpoolTotals } from "./spool-file.ts";
import type { SpoolAnswer, SpoolRequest } from "./spool-requests.ts";

/**
 * What became of an item to keep: it is on disk; there is no room; the disk did not take it, or may not have; too much waits for the disk already.
 */
export type Appended = "kept" | "full" | "failed" | "slow";

/** An open spool. */
export interface Spool {
  /**
   * Resolves to `kept` when the item is on disk, after all that was appended before it. Appends that overlap share a commit. Never rejects.
   */
  append(item: SpoolItem): Promise<Appended>;
  /** The first items that wait, in their order: at most so many, and so many bytes unless the first alone is larger. */
  read(maxItems: number, maxBytes: number): Promise<KeptItem[]>;
  /** Takes away what the service has, and sets aside what it refuses for good. */
  settle(delivered: readonly number[], refused: readonly RefusedItem[]): Promise<void>;
  /** Resolves when the disk takes and gives; rejects with STORE_UNAVAILABLE when it does not, or takes long. */
  check(): Promise<void>;
  /** How much there is, with what is being appended. */
  totals(): SpoolTotals;
  /** Calls the listener whenever something was kept. It must not throw. */
  onKept(listener: () => void): void;
  /** Ends after what was begun. Calling it again does nothing. */
  close(): Promise<void>;
}

/** What a spool needs. */
export interface SpoolOptions {
  /** The file. It and its folder are made when they are not there. Beside it appear `-wal`, `-shm` and `-lock`. */
  path: string;
  /** How many bytes may be kept, those of refused items included. */
  maxBytes: number;
  /** Milliseconds since 1970. */
  now(): number;
  /** Told of what the disk did not take. Must not throw. */
  onTrouble(error: unknown): void;
}

/** How many items share a commit at most. */
const maxBatchItems = 1000;

/** How long a check may take. */
const checkWithinMs = 1000;

/** How many bytes may wait for the disk, in memory: a disk that stands still must not fill that. */
const maxUnderWayBytes = 2 ** 24;

/** How long a thread that died is left alone before the next one is started. */
const restartMs = 1000;

const workerFile = new URL(import.meta.url.endsWith(".ts") ? "./spool-worker.ts" : "./spool-worker.js", import.meta.url);

interface Waiting {
  item: SpoolItem;
  resolve(appended: Appended): void;
}

/**
 * Opens the spool, keeps other processes out of it until it is closed, and goes on with what an earlier process left in it. Rejects with
 * STORE_UNAVAILABLE when another process has it, or when it cannot be read and written.
 */
export async function openSpool({ path, maxBytes, now, onTrouble }: SpoolOptions): Promise<Spool> {
  const absolute = resolve(path);
  const lock = lockSpool(absolute);
  let worker: Worker | undefined;
  let notBeforeMs = 0;
  let answers: ((answer: SpoolAnswer) => void)[] = [];
  let totals: SpoolTotals = { pending: 0, bytes: 0, oldestMs: undefined, refused: 0 };
  let waiting: Waiting[] = [];
  const underWay = { items: 0, bytes: 0 };
  let isAppending = false;
  let closing: Promise<void> | undefined;
  const listeners: (() => void)[] = [];

  function start(): Worker {
    const started = new Worker(workerFile, { workerData: absolute });
    started.on("message", (answer: SpoolAnswer) => {
      if (answer.kind === "done") totals = answer.totals;
      answers.shift()?.(answer);
    });
    const end = (cause: unknown) => {
      if (worker !== started) return;
      worker = undefined;
      notBeforeMs = performance.now() + restartMs;
      const lost = answers;
      answers = [];
      for (const settle of lost) settle({ kind: "failed", message: `The thread of the spool ended: ${String(cause)}` });
    };
    started.on("error", end);
    started.on("exit", (code) => end(`code ${code}`));
    return started;
  }

  function ask(request: Exclude<SpoolRequest, { kind: "close" }>): Promise<SpoolAnswer> {
    if (worker === undefined && performance.now() < notBeforeMs) {
      return Promise.resolve({ kind: "failed", message: "The thread of the spool has just ended, and is not started anew yet." });
    }
    worker ??= start();
    worker.postMessage(request);
    return new Promise((resolve) => answers.push(resolve));
  }

  async function askOrThrow(request: Exclude<SpoolRequest, { kind: "close" }>): Promise<KeptItem[]> {
    const answer = await ask(request);
    if (answer.kind === "done") return answer.items;
    throw unusable(absolute, new Error(answer.message));
  }

  async function appendWaiting(): Promise<void> {
    isAppending = true;
    while (waiting.length > 0) {
      const batch = waiting.slice(0, maxBatchItems);
      waiting = waiting.slice(batch.length);
      const answer = await ask({ kind: "append", items: batch.map(({ item }) => item) });
      for (const { item } of batch) {
        underWay.items--;
        underWay.bytes -= sizeOf(item);
      }
      if (answer.kind === "failed") onTrouble(new Error(answer.message));
      for (const { resolve: settle } of batch) settle(answer.kind === "done" ? "kept" : "failed");
      if (answer.kind === "done") for (const listener of listeners) listener();
    }
    isAppending = false;
  }

  async function end(): Promise<void> {
    while (isAppending || answers.length > 0) await new Promise(setImmediate);
    const stopping = worker;
    worker = undefined;
    if (stopping !== undefined) {
      const exited = new Promise((resolve) => stopping.once("exit", resolve));
      stopping.postMessage({ kind: "close" } satisfies SpoolRequest);
      await exited;
    }
    lock.release();
  }

  const spool: Spool = {
    append(item) {
      if (closing !== undefined) return Promise.resolve("failed");
      if (totals.bytes + underWay.bytes + sizeOf(item) > maxBytes) return Promise.resolve("full");
      if (underWay.bytes > maxUnderWayBytes) return Promise.resolve("slow");
      underWay.items++;
      underWay.bytes += sizeOf(item);
      return new Promise((resolve) => {
        waiting.push({ item, resolve });
        if (isAppending) return;
        isAppending = true;
        // Everything of this turn of the event loop goes together.
        setImmediate(appendWaiting);
      });
    },
    read: (maxItems, bytes) => askOrThrow({ kind: "read", maxItems, maxBytes: bytes }),
    async settle(delivered, refused) {
      await askOrThrow({ kind: "settle", delivered, refused, nowMs: now() });
    },
    async check() {
      const late = delay(checkWithinMs, "late" as const, { ref: false });
      if ((await Promise.race([askOrThrow({ kind: "check" }), late])) === "late") throw unusable(absolute, new Error("it takes too long"));
    },
    totals: () => ({ ...totals, pending: totals.pending + underWay.items, bytes: totals.bytes + underWay.bytes }),
    onKept: (listener) => void listeners.push(listener),
    close() {
      closing ??= end();
      return closing;
    },
  };
  try {
    await askOrThrow({ kind: "check" });
    return spool;
  } catch (error) {
    await spool.close();
    throw error;
  }
}

function lockSpool(path: string): ProcessLock {
  try {
    mkdirSync(dirname(path), { recursive: true });
    return lockFile(path, "spool");
  } catch (error) {
    throw error instanceof GatehouseError ? error : unusable(path, error);
  }
}

function unusable(path: string, cause: unknown): GatehouseError {
  const message = `The spool ${path} cannot be read and written: check its folder and its disk.`;
  return new GatehouseError(ErrorReason.STORE_UNAVAILABLE, message, { cause });
}

function sizeOf({ body }: SpoolItem): number {
  return body.length + itemOverheadBytes;
}

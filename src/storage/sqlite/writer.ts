// The main side of the writer thread: gathers writes into batches, one in flight at a time, and starts the thread anew when it died.
import { Worker } from "node:worker_threads";
import type { StoreHealth } from "../store-health.ts";
import { storeOverloaded } from "../store-overloaded.ts";
import { storeUnavailable } from "../store-unavailable.ts";
import { createWaitingWrites, type Turn } from "../waiting-writes.ts";
import { causeOfCode, type FailureCause } from "./failure-causes.ts";
import { createLogFolder } from "./log-folder.ts";
import type { Reader } from "./reader.ts";
import { createStallWatch } from "./stall-watch.ts";
import {
  type BatchAnswer,
  changesFacts,
  isFailure,
  type Write,
  type WriteArguments,
  type WriteFailure,
  type WriteKind,
  type WriteResult,
  type WriterAnswer,
  type WriterRequest,
} from "./writes.ts";
import { createWrittenBeforeDeath } from "./written-before-death.ts";

/**
 * Writes to one database. While a batch that changes facts is under way the reader is held on what was committed before, so that what rules read
 * is always what the settled writes have made, and all that is not settled is known here. The reader's view ends whenever a batch is settled, so
 * that nothing which is read is older than the last write that was answered.
 */
export interface Writer {
  /**
   * Resolves to the write's result when it is on disk. Rejects with STORE_UNAVAILABLE when it failed, or may have, and with OVERLOADED at once when
   * too much waits already. Of a decision it is known for certain, also when the thread died before it could answer. Writes of one turn are done in
   * their order; those whose turn is `first` go before the others, which is for what somebody waits for with little time. Default: `later`.
   *
   * `onSettled` is called with the result, or with undefined for a failure, in the order of the writes, before anybody can read what the batch
   * has written and before any promise of the batch settles. It must not throw.
   */
  write<Kind extends WriteKind>(
    write: [kind: Kind, ...values: WriteArguments[Kind]],
    onSettled?: OnSettled<Kind>,
    turn?: Turn,
  ): Promise<WriteResult<Kind>>;
  /**
   * Calls the listener whenever a batch was written, or may have been, and what it wrote can be read, until the returned function is called. It
   * must not throw.
   */
  onCommit(listener: () => void): () => void;
  /** What there is to do just now. */
  pressure(): WriterPressure;
  /** Takes no further writes, and resolves when those that were begun are settled. */
  drain(): Promise<void>;
  /** Ends the thread; to be called after `drain`. */
  stop(): Promise<void>;
}

/** Hears what became of a write. */
export type OnSettled<Kind extends WriteKind = WriteKind> = (result: WriteResult<Kind> | undefined) => void;

/** What a writer has to do. */
export interface WriterPressure {
  /** How many writes wait for the thread; not counting those that it has. */
  waiting: number;
  /** About how many bytes they hold. */
  waitingBytes: number;
  /** For how long the thread has owed an answer, in milliseconds; 0 when it owes none. */
  unansweredMs: number;
}

interface PendingWrite {
  write: Write;
  onSettled: OnSettled | undefined;
  resolve(result: WriteResult): void;
  reject(reason: unknown): void;
}

/** How many writes share one transaction at most: more would make the first of them wait for nothing gained. */
const maxBatchWrites = 1000;

/** How long no new thread is started after so many that died without having done a batch. */
const firstBackoffMs = 100;
const maxBackoffMs = 5000;

const workerFile = new URL(import.meta.url.endsWith(".ts") ? "./writer-worker.ts" : "./writer-worker.js", import.meta.url);

/** Creates a writer for a database that is there. The thread starts with the first write. */
export function createWriter(
  path: string,
  reader: Pick<Reader, "all" | "hold" | "letGo" | "value">,
  health: Pick<StoreHealth<FailureCause>, "failed" | "worked">,
): Writer {
  let worker: Worker | undefined;
  const waiting = createWaitingWrites<PendingWrite>(({ write }) => sizeOf(write));
  let inFlight: PendingWrite[] | undefined;
  const stallWatch = createStallWatch(waiting.count, health);
  const logFolder = createLogFolder(path);
  let folding: "no" | "under way" | "done" = "no";
  let checkpointing = false;
  let scheduled = false;
  let fruitlessStarts = 0;
  let startNotBefore = 0;
  let draining = false;
  let onDrained: (() => void) | undefined;
  const commitListeners = new Set<() => void>();
  const writtenBeforeDeath = createWrittenBeforeDeath(reader);

  function start(): Worker {
    writtenBeforeDeath.start();
    const started = new Worker(workerFile, { workerData: path });
    let cause: unknown;
    started.on("message", handleAnswer);
    started.on("error", (error) => {
      cause = error;
    });
    started.on("exit", (code) => {
      if (worker === started) handleDeath(cause ?? new Error(`The writer thread ended with code ${code}.`));
    });
    fruitlessStarts += 1;
    return started;
  }

  function handleDeath(cause: unknown): void {
    worker = undefined;
    checkpointing = false;
    stallWatch.end();
    const backoffMs = fruitlessStarts === 0 ? 0 : Math.min(maxBackoffMs, firstBackoffMs * 2 ** (fruitlessStarts - 1));
    startNotBefore = performance.now() + backoffMs;
    health.failed("thread_died", (inFlight?.length ?? 0) + waiting.count(), cause);
    reader.letGo();
    loseAll(cause, foundWritten());
  }

  /** What is on disk of the writes under way, though the thread can say so no more. */
  function foundWritten(): (number | undefined)[] {
    try {
      return writtenBeforeDeath.find((inFlight ?? []).map(({ write }) => write));
    } catch {
      // A store that cannot be read either: what is on disk, nobody can tell.
      return [];
    }
  }

  /** Rejects everything that is not settled, but for those writes under way that have a result. */
  function loseAll(cause: unknown, results: readonly (number | undefined)[] = []): void {
    const lost = [...(inFlight ?? []), ...waiting.takeAll()];
    inFlight = undefined;
    reader.letGo();
    for (const [index, { onSettled }] of lost.entries()) onSettled?.(results[index]);
    for (const [index, { resolve, reject }] of lost.entries()) {
      const result = results[index];
      if (result === undefined) reject(storeUnavailable(cause));
      else resolve(result);
    }
    tellOfCommit();
    signalDrained();
  }

  function postBatch(): void {
    scheduled = false;
    if (inFlight !== undefined || checkpointing || waiting.count() === 0) return;
    try {
      worker ??= start();
    } catch (cause) {
      handleDeath(cause);
      return;
    }
    const batch = waiting.take(maxBatchWrites);
    inFlight = batch;
    try {
      if (batch.some(({ write }) => changesFacts(write))) reader.hold();
    } catch (cause) {
      loseAll(cause);
      return;
    }
    stallWatch.begin();
    const writes: WriterRequest = batch.map(({ write }) => write);
    worker.postMessage(writes);
  }

  function handleAnswer(answer: WriterAnswer): void {
    fruitlessStarts = 0;
    stallWatch.end();
    if (answer !== "checkpointed") {
      settleBatch(answer);
      return;
    }
    checkpointing = false;
    // A view from before the copying would keep the log from being begun anew; one from now on needs nothing of the log.
    reader.letGo();
    postBatch();
    signalDrained();
  }

  function settleBatch({ results, checkpointDue }: BatchAnswer): void {
    const settled = inFlight ?? [];
    inFlight = undefined;
    reader.letGo();
    tellHealth(results);
    for (const [index, { write, onSettled }] of settled.entries()) {
      const result = results[index];
      const isDone = result !== undefined && !isFailure(result);
      if (isDone) writtenBeforeDeath.answered(write, result);
      onSettled?.(isDone ? result : undefined);
    }
    // The thread gets its next work before this batch's callers run, so that it never waits for them.
    if (!(checkpointDue && beginCheckpoint())) postBatch();
    for (const [index, { resolve, reject }] of settled.entries()) {
      const result = results[index];
      if (result !== undefined && !isFailure(result)) resolve(result);
      else
        reject(storeUnavailable(Object.assign(new Error(result?.message ?? "The writer thread gave no result."), { code: result?.code })));
    }
    tellOfCommit();
    signalDrained();
  }

  /**
   * Most of a long log is copied beside the thread, which writes on meanwhile. What has come in this time the thread copies itself, because a log
   * begins anew only when all of it is copied. Results in whether that has begun.
   */
  function beginCheckpoint(): boolean {
    if (folding === "no") {
      folding = "under way";
      logFolder.fold(() => {
        folding = "done";
      });
    }
    if (folding !== "done" || worker === undefined) return false;
    folding = "no";
    checkpointing = true;
    stallWatch.begin();
    worker.postMessage("checkpoint" satisfies WriterRequest);
    return true;
  }

  /** A batch without a failure, as nearly all are, costs one look at each result. */
  function tellHealth(results: BatchAnswer["results"]): void {
    let failures = 0;
    let failure: WriteFailure | undefined;
    for (const result of results) {
      if (!isFailure(result)) continue;
      failures += 1;
      failure ??= result;
    }
    if (failures < results.length) health.worked();
    if (failure !== undefined) health.failed(causeOfCode(failure.code), failures, failure);
  }

  function tellOfCommit(): void {
    for (const listener of commitListeners) listener();
  }

  /** Waits a turn, so that callers which were settled just before have gone on. */
  function signalDrained(): void {
    if (onDrained !== undefined && inFlight === undefined && waiting.count() === 0) setImmediate(onDrained);
  }

  function refusalNow(): string | undefined {
    if (draining) return "The store is closed.";
    if (worker === undefined && performance.now() < startNotBefore)
      return "The writer thread keeps dying; it is not started anew just now.";
    return undefined;
  }

  return {
    write<Kind extends WriteKind>(write: [kind: Kind, ...values: WriteArguments[Kind]], onSettled?: OnSettled<Kind>, turn: Turn = "later") {
      const refusal = refusalNow();
      if (refusal !== undefined) {
        onSettled?.(undefined);
        return Promise.reject(storeUnavailable(new Error(refusal)));
      }
      return new Promise<WriteResult<Kind>>((resolve, reject) => {
        // The thread answers each write with the result of its kind.
        if (!waiting.add({ write, onSettled, resolve, reject } as unknown as PendingWrite, turn)) {
          onSettled?.(undefined);
          reject(storeOverloaded());
          return;
        }
        if (scheduled || inFlight !== undefined || checkpointing) return;
        scheduled = true;
        // Everything of this turn of the event loop goes together.
        setImmediate(postBatch);
      });
    },
    onCommit(listener) {
      // A listener that is given twice is called twice.
      const own = () => listener();
      commitListeners.add(own);
      return () => void commitListeners.delete(own);
    },
    pressure: () => ({ waiting: waiting.count(), waitingBytes: waiting.bytes(), unansweredMs: stallWatch.unansweredMs() }),
    drain() {
      draining = true;
      return new Promise((resolve) => {
        onDrained = resolve;
        signalDrained();
      });
    },
    async stop() {
      stallWatch.stop();
      await logFolder.stop();
      const stopping = worker;
      worker = undefined;
      if (stopping === undefined) return;
      await new Promise<void>((resolve) => {
        stopping.once("exit", () => resolve());
        stopping.postMessage("close" satisfies WriterRequest);
      });
    },
  };
}

/** About how many bytes a write holds: its texts are what can be large. */
function sizeOf(write: Write): number {
  let bytes = 64;
  for (const value of write) if (typeof value === "string") bytes += value.length;
  return bytes;
}

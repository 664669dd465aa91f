// Commits writes in batches: what came while one batch was under way is the next one.
import { setImmediate as nextTurn } from "node:timers/promises";
import { storeOverloaded } from "../store-overloaded.ts";
import { storeUnavailable } from "../store-unavailable.ts";
import { toStoredJson } from "../stored-text.ts";
import { createWaitingWrites, type Turn } from "../waiting-writes.ts";
import { type Asking, createAsking } from "./asking.ts";
import { type CommitOutcomes, createCommitOutcomes } from "./commit-outcome.ts";
import type { Connections, Reader, Transactions } from "./connections.ts";
import { isGivenUp, isMoved, isRefused } from "./driver-errors.ts";
import type { Memory } from "./memory.ts";
import { statementTimeoutMs } from "./sessions.ts";
import { createWorkingRows, type WorkingRows } from "./working-rows.ts";

/**
 * Writes the rows of one write. It must be pure but for those: it runs again whenever a question was open or an answer has changed, and the last
 * time counts. Results in what the write results in, once it is known where the log ended: `at` moves the sequence numbers that it has given.
 */
export type WriteRows<T> = (rows: WorkingRows) => (at: (seq: number) => number) => T;

/** How a write is taken. */
export interface WriteTurn {
  /** Decisions go before all else in a batch: what they see of the others is what is committed. */
  isDecision: boolean;
  turn: Turn | (() => Turn);
  /** About how many bytes it holds. */
  bytes: number;
  /** When nobody waits for it any more, on the clock of `performance.now()`: it is given up then. Undefined: it is tried for as long as a statement may take. */
  usefulUntilMs?: number | undefined;
}

/** Commits writes. */
export interface Commits {
  /**
   * Resolves to the write's result when it is on disk. Rejects with what `write` throws; with STORE_UNAVAILABLE when it failed, or may have; and with OVERLOADED at
   * once when too much waits already.
   */
  commit<T>(write: WriteRows<T>, how: WriteTurn): Promise<T>;
  /** How many wait, and about how many bytes they hold. */
  pressure(): { waiting: number; waitingBytes: number };
}

interface PendingCommit {
  write: WriteRows<unknown>;
  how: WriteTurn;
  inTurn: Turn;
  giveUpMs: number;
  resolve(result: unknown): void;
  reject(reason: unknown): void;
}

/** What became of a batch. */
interface Outcome {
  /** For each write its result, or what it threw. */
  results: ({ at: (at: (seq: number) => number) => unknown } | { error: unknown })[];
  asking: Asking;
  movedBy: number;
}

/** From how many waiting writes on it counts in which queue one is: only then a turn that takes work to tell is asked. */
const turnsCountFrom = 1000;

/** How many writes share one transaction at most: more would make the first of them wait for nothing gained. */
const maxBatchWrites = 1000;

/** How often a batch is made anew without the lock, because others have committed what it is about; the next time is with it. */
const maxFreeAttempts = 3;

/** How often a batch may ask something new. Answers lead to few further questions. */
const maxRounds = 50;

const callCommit = "SELECT gatehouse_commit(?, ?, ?, ?, ?::jsonb, ?, ?::jsonb, ?, ?) AS moved_by";
const lockHead = "UPDATE log_head SET epoch = epoch + 1";

/** Creates the queue. `onCommitted` is called after each batch, before its promises settle. */
export function createCommits(connections: Connections, memory: Memory, onCommitted: (outcome: "written" | "unknown") => void): Commits {
  const waiting = createWaitingWrites<PendingCommit>(({ how }) => how.bytes);
  const outcomes = createCommitOutcomes(connections);
  let isRunning = false;

  async function run(): Promise<void> {
    // Everything of this turn of the event loop goes together.
    await nextTurn();
    while (waiting.count() > 0) await settle(waiting.take(maxBatchWrites).sort(decisionsFirst));
    isRunning = false;
  }

  async function settle(batch: PendingCommit[]): Promise<void> {
    try {
      const { results, asking, movedBy } = await commitBatch(connections, outcomes, memory, batch);
      const position = asking.head()?.position ?? 0;
      const at = (seq: number) => (seq > position ? seq + movedBy : seq);
      onCommitted("written");
      for (const [index, { resolve, reject }] of batch.entries()) {
        const result = results[index];
        if (result === undefined) reject(storeUnavailable(new Error("The write has no result.")));
        else if ("error" in result) reject(result.error);
        else resolve(result.at(at));
      }
    } catch (error) {
      if (isRefused(error) && batch.length > 1) {
        // One that cannot be done does not take the others with it.
        for (const one of batch) await settle([one]);
        return;
      }
      onCommitted("unknown");
      const nowMs = performance.now();
      for (const pending of batch) {
        // What can wait longer than the batch could goes on with the next one.
        const goesOn = isGivenUp(error) && pending.giveUpMs > nowMs && waiting.add(pending, pending.inTurn);
        if (!goesOn) pending.reject(error);
      }
    }
  }

  return {
    commit<T>(write: WriteRows<T>, how: WriteTurn) {
      return new Promise<T>((resolve, reject) => {
        const { turn, usefulUntilMs } = how;
        const inTurn = typeof turn === "string" ? turn : waiting.count() < turnsCountFrom ? "first" : turn();
        const giveUpMs = usefulUntilMs ?? performance.now() + statementTimeoutMs;
        const pending: PendingCommit = { write, how, inTurn, giveUpMs, resolve: resolve as (result: unknown) => void, reject };
        if (!waiting.add(pending, inTurn)) {
          reject(storeOverloaded());
          return;
        }
        if (isRunning) return;
        isRunning = true;
        void run();
      });
    },
    pressure: () => ({ waiting: waiting.count(), waitingBytes: waiting.bytes() }),
  };
}

function decisionsFirst(a: PendingCommit, b: PendingCommit): number {
  return Number(b.how.isDecision) - Number(a.how.isDecision);
}

/** A batch on its way: its number, and what its writes came to when they ran last. */
interface Sending {
  batch: number;
  committer: string;
  prepared: Omit<Outcome, "movedBy"> | undefined;
}

async function commitBatch(
  connections: Connections,
  outcomes: CommitOutcomes,
  memory: Memory,
  writes: readonly PendingCommit[],
): Promise<Outcome> {
  const sending: Sending = { batch: outcomes.nextBatch(), committer: outcomes.committer, prepared: undefined };
  try {
    return await send(connections.until(usefulUntilMs(writes)), createAsking(memory), sending, writes);
  } catch (error) {
    const { prepared } = sending;
    const movedBy = prepared && (await outcomes.find(sending.batch, error));
    if (prepared === undefined || movedBy === undefined) throw error;
    return { ...prepared, movedBy };
  }
}

/** Until when anybody waits for one of them; when nobody waits for any, there is no hurry. */
function usefulUntilMs(writes: readonly PendingCommit[]): number {
  const waitedFor = writes.flatMap(({ how }) => how.usefulUntilMs ?? []);
  return waitedFor.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...waitedFor);
}

async function send(connections: Transactions, asking: Asking, sending: Sending, writes: readonly PendingCommit[]): Promise<Outcome> {
  for (let attempt = 0; attempt < maxFreeAttempts; attempt += 1) {
    if (attempt > 0) await asking.fetch(connections);
    try {
      return await writeOnce(connections, asking, sending, writes);
    } catch (error) {
      if (!isMoved(error)) throw error;
    }
  }
  // Others keep changing what this is about: they wait for it now.
  return connections.transaction(async (connection) => {
    await connection.run(lockHead);
    await asking.fetch(connection);
    return writeOnce(connection, asking, sending, writes);
  });
}

/** Runs the writes until all that they ask is answered, and writes their rows. */
async function writeOnce(reader: Reader, asking: Asking, sending: Sending, writes: readonly PendingCommit[]): Promise<Outcome> {
  for (let round = 0; round < maxRounds; round += 1) {
    const rows = createWorkingRows(asking);
    const results = writes.map(({ write }) => runWrite(write, rows));
    if (asking.isOpen()) {
      await asking.fetch(reader);
      continue;
    }
    const { used, isFixed, rows: written } = rows.result();
    if (Object.keys(written).length === 0) return { results, asking, movedBy: 0 };
    const { epoch = 0, position = 0 } = asking.head() ?? {};
    const { questions, digest } = asking.asked();
    sending.prepared = { results, asking };
    const { committer, batch } = sending;
    const values = [epoch, position, used, isFixed, questions, digest, toStoredJson(written), committer, batch];
    // A single statement is a transaction of its own.
    const row = await reader.get<{ moved_by: number }>(callCommit, ...values);
    return { results, asking, movedBy: row?.moved_by ?? 0 };
  }
  throw storeUnavailable(new Error("The writes of a batch keep asking for more."));
}

function runWrite(write: WriteRows<unknown>, rows: WorkingRows): Outcome["results"][number] {
  try {
    return { at: write(rows) };
  } catch (error) {
    return { error };
  }
}

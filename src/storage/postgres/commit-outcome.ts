// What became of a batch when its answer was lost: every batch leaves its number with its rows, which whoever has sent it can look up.
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Connections } from "./connections.ts";
import { isAnswered } from "./driver-errors.ts";

/** Tells a process's batches apart, and finds out what became of one. */
export interface CommitOutcomes {
  /** Names this process among those that commit. */
  committer: string;
  /** The number of the next batch. */
  nextBatch(): number;
  /** By how far the batch's numbers were moved when it is on disk; undefined when it is not, and never will be. Rejects with `lost` when that cannot be told in time. */
  find(batch: number, lost: unknown): Promise<number | undefined>;
}

/**
 * How long it is tried: longer than a server takes to come back. Webhooks are answered by their fallback meanwhile, and must learn in the end whether
 * there is a decision already.
 */
const findWithinMs = 60_000;
const retryMs = 50;

// Whoever holds the lock knows that what held it before has ended, one way or the other.
const lockHead = "UPDATE log_head SET checks = checks + 1";
const selectOutcome = "SELECT batch, moved_by FROM committers WHERE committer = ?";

/** Creates it for this process. */
export function createCommitOutcomes(connections: Connections): CommitOutcomes {
  const committer = randomUUID();
  let last = 0;

  async function look(batch: number): Promise<number | undefined> {
    return connections.transaction(async (connection) => {
      await connection.run(lockHead);
      const row = await connection.get<{ batch: number; moved_by: number }>(selectOutcome, committer);
      return row?.batch === batch ? row.moved_by : undefined;
    });
  }

  return {
    committer,
    nextBatch() {
      last += 1;
      return last;
    },
    async find(batch, lost) {
      // The server has said that it did not do it, or was never asked.
      if (isAnswered(lost)) return undefined;
      const giveUpMs = performance.now() + findWithinMs;
      while (performance.now() < giveUpMs) {
        try {
          return await look(batch);
        } catch {
          await delay(retryMs);
        }
      }
      throw lost;
    },
  };
}

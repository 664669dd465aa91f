// Transactions of writes that are rare or large: with the head of the log locked, one statement after another.
import { storeOverloaded } from "../store-overloaded.ts";
import type { Connection, Connections } from "./connections.ts";

/** A transaction that may change what others read. */
export interface HeadTransaction extends Connection {
  /** Gives the next sequence number. */
  nextSeq(): number;
}

/**
 * Runs `work` in a transaction of its own, while no other write goes on, those of this process in the order in which they were begun; it is on disk when
 * the promise resolves. Rejects with OVERLOADED at once when too many wait already.
 */
export type RunWithHead = <T>(work: (transaction: HeadTransaction) => Promise<T>) => Promise<T>;

/** How many may wait. */
const maxWaiting = 10_000;

/** `onCommitted` is called after each, before its promise settles. */
export function createHeadTransactions(connections: Connections, onCommitted: () => void): RunWithHead {
  let waiting = 0;
  let last: Promise<unknown> = Promise.resolve();

  async function run<T>(work: (transaction: HeadTransaction) => Promise<T>): Promise<T> {
    try {
      return await connections.transaction(async (connection) => {
        const head = await connection.get<{ position: number }>("UPDATE log_head SET epoch = epoch + 1 RETURNING position");
        const begin = head?.position ?? 0;
        let position = begin;
        const nextSeq = () => {
          position += 1;
          return position;
        };
        const result = await work({ ...connection, nextSeq });
        if (position > begin) await connection.run("UPDATE log_head SET position = ?", position);
        return result;
      });
    } finally {
      waiting -= 1;
      onCommitted();
    }
  }

  return <T>(work: (transaction: HeadTransaction) => Promise<T>) => {
    if (waiting >= maxWaiting) return Promise.reject(storeOverloaded());
    waiting += 1;
    const running = last.then(() => run(work));
    last = running.catch(() => {});
    return running;
  };
}

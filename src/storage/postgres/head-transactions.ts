// Transactions of writes that are rare or large: with the head of the log locked, one statement after another.
import type { Connection, Connections } from "./connections.ts";

/** A transaction that may change what others read. */
export interface HeadTransaction extends Connection {
  /** Gives the next sequence number. */
  nextSeq(): number;
}

/** Runs `work` in a transaction of its own, while no other write goes on; it is on disk when the promise resolves. */
export type RunWithHead = <T>(work: (transaction: HeadTransaction) => Promise<T>) => Promise<T>;

/** `onCommitted` is called after each, before its promise settles. */
export function createHeadTransactions(connections: Connections, onCommitted: () => void): RunWithHead {
  return async (work) => {
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
      onCommitted();
    }
  };
}

// Finds out which decisions a writer thread has still written when it died before it could answer: who is told that one failed may record another in
// its place.
import type { Reader } from "./reader.ts";
import { selectHighest } from "./sequence.ts";
import type { Write, WriteResult } from "./writes.ts";

/** Knows up to where the log was answered for. */
export interface WrittenBeforeDeath {
  /** To be called when a thread starts. */
  start(): void;
  /** To be called with the answer to each write. */
  answered(write: Write, result: WriteResult): void;
  /** The results of those of the writes, in their order, that are on disk though nobody has answered; undefined for all others. */
  find(writes: readonly Write[]): (number | undefined)[];
}

interface LateRow {
  seq: number;
  app_id: number;
  request_id: string | null;
  decide_time: number | null;
  body: string;
}

/** How many rows are looked at: more than a batch has. */
const maxRows = 10_000;

/** Creates it over the reading side of the store. */
export function createWrittenBeforeDeath(reader: Pick<Reader, "all" | "value">): WrittenBeforeDeath {
  let answeredTo = 0;
  const selectLate = `SELECT seq, app_id, request_id, decide_time, body FROM decisions WHERE seq > ? AND event_id IS NULL ORDER BY seq LIMIT ${maxRows}`;
  return {
    start() {
      answeredTo = Math.max(answeredTo, reader.value<number>(selectHighest) ?? 0);
    },
    answered([kind], result) {
      if (kind !== "appendDecision" && kind !== "appendEvent") return;
      const seq = typeof result === "number" ? result : (result as readonly number[])[0];
      if (seq !== undefined && seq > answeredTo) answeredTo = seq;
    },
    find(writes) {
      if (!writes.some(([kind]) => kind === "appendDecision")) return writes.map(() => undefined);
      const late = reader.all<LateRow>(selectLate, answeredTo);
      return writes.map((write) => {
        const index = write[0] === "appendDecision" ? late.findIndex((row) => isRowOf(row, write)) : -1;
        // Each row is of one write, and the rows are in the order of the writes.
        return index < 0 ? undefined : late.splice(0, index + 1).at(-1)?.seq;
      });
    },
  };
}

function isRowOf(row: LateRow, [, appId, requestId, , , , , , , , decideTimeMs, body]: Extract<Write, ["appendDecision", ...unknown[]]>) {
  return row.app_id === appId && row.request_id === requestId && row.decide_time === decideTimeMs && row.body === body;
}

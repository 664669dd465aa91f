// What the main thread asks of the spool's thread, and what it is answered: plain values, one answer for each request, in order.
import type { KeptItem, RefusedItem, SpoolItem, SpoolTotals } from "./spool-file.ts";

/** A request; `close` ends the thread and has no answer. */
export type SpoolRequest =
  | { kind: "check" }
  | { kind: "append"; items: SpoolItem[] }
  | { kind: "read"; maxItems: number; maxBytes: number }
  | { kind: "settle"; delivered: readonly number[]; refused: readonly RefusedItem[]; nowMs: number }
  | { kind: "close" };

/** What came of it. `items` are what was read. */
export type SpoolAnswer = { kind: "done"; items: KeptItem[]; totals: SpoolTotals } | { kind: "failed"; message: string };

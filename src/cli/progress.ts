// Says how far a long run has come.
import type { Io } from "./command.ts";

/** A run whose items are counted. */
export interface Progress {
  /** Counts more items; says so on stderr when a second has gone by since the start or the last time. */
  add(count: number): void;
  /** How long the run took and how fast it was, such as `1.3 s, 15 384/s`. */
  summary(): string;
}

const everyMs = 1000;

/** Begins a run; `doing` is what it does, such as `imported`. */
export function createProgress(doing: string, io: Io): Progress {
  const startMs = io.now();
  let saidMs = startMs;
  let total = 0;
  const pace = (nowMs: number) => {
    const seconds = (nowMs - startMs) / 1000;
    return `${seconds.toFixed(1)} s${seconds > 0 ? `, ${formatCount(Math.round(total / seconds))}/s` : ""}`;
  };
  return {
    add(count) {
      total += count;
      const nowMs = io.now();
      if (nowMs - saidMs < everyMs) return;
      saidMs = nowMs;
      io.stderr.write(`${doing} ${formatCount(total)} (${pace(nowMs)})\n`);
    },
    summary: () => pace(io.now()),
  };
}

/** A number with its thousands apart: `1 000 000`. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, " ");
}

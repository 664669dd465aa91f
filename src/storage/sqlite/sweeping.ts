// Tables that lose what is past in small steps, each paid by the write that comes upon it.

/** After how many rows written the next part of a table is looked through. */
const rowsBetweenSweeps = 16;

/** How long that part is: longer, so that it gains on the writing. */
export const rowsPerSweep = 64;

/** Calls `sweep` at every so manieth call. */
export function everySoOften(sweep: (nowMs: number) => void): (nowMs: number) => void {
  let rows = 0;
  return (nowMs) => {
    rows += 1;
    if (rows % rowsBetweenSweeps === 0) sweep(nowMs);
  };
}

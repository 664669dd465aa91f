// One measurement of one row: a server, a probe of its answers, warm-up, load, and what that cost.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { LoadRun } from "./load.ts";
import { cpuSeconds, peakMemoryMb } from "./processes.ts";
import { type BenchContext, connections, type Row, type RowServer } from "./rows.ts";
import type { Measured } from "./statistics.ts";

/** How long a row is loaded. */
export interface Durations {
  warmUpSeconds: number;
  seconds: number;
}

/** Where the numbers of the requests of each part begin, so that no request comes twice. */
const firstOf = { warmUp: 0, load: 4_000_000 };

/** Measures a row once, on a fresh server. Throws when an answer is wrong. The folder for its files is made in `folder` and removed. */
export async function measure(row: Row, context: BenchContext, folder: string, durations: Durations): Promise<Measured> {
  mkdirSync(folder, { recursive: true });
  const own = mkdtempSync(join(folder, `${row.name}-`));
  try {
    const server = await row.start(own, context);
    try {
      return await measureOn(server, row, context, own, durations);
    } finally {
      await server.stop();
    }
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

/** Measures a row on a server that is there. */
export async function measureOn(
  server: RowServer,
  row: Row,
  context: BenchContext,
  folder: string,
  durations: Durations,
): Promise<Measured> {
  await row.probe(server, context);
  const load = (seconds: number, from: number): LoadRun => ({ seconds, connections, from });
  const warm = await row.run(server, folder, load(durations.warmUpSeconds, firstOf.warmUp));
  const cpuBefore = cpuSeconds(server.pid);
  const { requests, rps, p50_ms, p99_ms, p999_ms } = await row.run(server, folder, load(durations.seconds, firstOf.load));
  const cpu = cpuSeconds(server.pid) - cpuBefore;
  await server.check?.(warm.requests + requests);
  const cost = { cpu_s_per_10k: (cpu / requests) * 10_000, rss_mb: peakMemoryMb(server.pid), ready_ms: server.readyMs };
  return { rps, p50_ms, p99_ms, p999_ms, ...cost };
}

// CPU profiles of Gatehouse under the load of one row: one file for each thread, and the frames that the time went into.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { prepareGatehouse } from "./gatehouse.ts";
import { root } from "./processes.ts";
import { connections, type Row } from "./rows.ts";

/** A profile as V8 writes it: times in microseconds, on the clock of process.hrtime(). */
export interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  startTime: number;
  samples: number[];
  timeDeltas: number[];
}

/** How much of the time one frame was on top. */
export interface FrameShare {
  frame: string;
  share: number;
}

/** Loads the row, and leaves the profiles of the threads in `target`. Returns the top frames during the load, for each thread's file. */
export async function profileRow(
  row: Row,
  target: string,
  folder: string,
  options: { seconds: number; warmUpSeconds: number; entries: number },
): Promise<{ file: string; frames: FrameShare[] }[]> {
  const context = { prepared: await prepareGatehouse(folder, options.entries), entries: options.entries };
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  const own = mkdtempSync(join(folder, "profile-"));
  const server = await row.start(own, context, ["--cpu-prof", `--cpu-prof-dir=${target}`]);
  const nowUs = () => Number(process.hrtime.bigint() / 1000n);
  let window: [fromUs: number, toUs: number];
  try {
    await row.run(server, own, { seconds: options.warmUpSeconds, connections, from: 0 });
    const fromUs = nowUs();
    await row.run(server, own, { seconds: options.seconds, connections, from: 4_000_000 });
    window = [fromUs, nowUs()];
  } finally {
    // The profiles are written when the process ends by itself.
    await server.stop();
  }
  const files = readdirSync(target).filter((file) => file.endsWith(".cpuprofile"));
  return files.sort().map((file) => ({
    file: join(target, file),
    frames: topFrames(JSON.parse(readFileSync(join(target, file), "utf8")) as CpuProfile, window),
  }));
}

/** The frames that were on top for the most time between two moments, by share of that time, idleness included. */
export function topFrames(
  { nodes, startTime, samples, timeDeltas }: CpuProfile,
  [fromUs, toUs]: [fromUs: number, toUs: number],
  count = 25,
): FrameShare[] {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, frameName(callFrame)]));
  const times = new Map<string, number>();
  let total = 0;
  let at = startTime;
  for (const [i, delta] of timeDeltas.entries()) {
    at += delta;
    // A delta is the time since the sample before: it belongs to that one.
    const frame = names.get(samples[i - 1] ?? -1);
    if (frame === undefined || at < fromUs || at > toUs) continue;
    times.set(frame, (times.get(frame) ?? 0) + delta);
    total += delta;
  }
  const shares = [...times].map(([frame, time]) => ({ frame, share: time / total }));
  return shares.sort((a, b) => b.share - a.share).slice(0, count);
}

function frameName({ functionName, url, lineNumber }: CpuProfile["nodes"][number]["callFrame"]): string {
  const name = functionName || "(anonymous)";
  if (url === "") return name;
  const path = url.startsWith("file:")
    ? fileURLToPath(url)
        .replace(root, "")
        .replace(/^.*\/node_modules\//, "")
    : url;
  return `${name}  ${path}:${lineNumber + 1}`;
}

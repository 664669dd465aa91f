// gRPC load by h2load, which sends one and the same call again and again: a check on our own generator.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runConfined } from "./processes.ts";
import { firstRequest, grpcDecide, render } from "./requests.ts";
import { type BenchContext, connections, type Row } from "./rows.ts";

/** The rows that are checked; both answer grpcDecide. */
export const checkedByH2load: readonly string[] = ["floor_grpc", "grpc_decide"];

/**
 * Requests per second of a row on a fresh server, from so many calls after as many to warm up: a run by time would break off its last calls.
 * Throws when a call failed.
 */
export async function measureByH2load(row: Row, context: BenchContext, folder: string, calls: number): Promise<number> {
  mkdirSync(folder, { recursive: true });
  const own = mkdtempSync(join(folder, "h2load-"));
  try {
    const server = await row.start(own, context);
    try {
      const body = join(own, "call");
      const message = Buffer.from(render(grpcDecide.message, firstRequest(grpcDecide.message, 0, false, context.entries)), "latin1");
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(message.length, 1);
      writeFileSync(body, Buffer.concat([prefix, message]));
      const shape = [`-c${connections / 8}`, "-m8", "-t1", `-n${calls}`];
      const headers = ["-H", "content-type: application/grpc", "-H", "te: trailers"];
      const url = `http://127.0.0.1:${server.ports.grpc}${grpcDecide.path}`;
      const command = ["h2load", ...shape, ...headers, "-d", body, url];
      readH2loadOutput(await runConfined(command));
      const rps = readH2loadOutput(await runConfined(command));
      await server.check?.(2 * calls);
      return rps;
    } finally {
      await server.stop();
    }
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

/** The requests per second in h2load's output. Throws when any request failed. */
export function readH2loadOutput(output: string): number {
  const rps = /^finished in .*?, ([\d.]+) req\/s/m.exec(output)?.[1];
  if (rps === undefined || !/ 0 failed, 0 errored/.test(output)) throw new Error(`h2load: ${output.trim().slice(-800)}`);
  return Number(rps);
}

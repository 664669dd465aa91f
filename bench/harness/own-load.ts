// Load that wrk and h2load cannot make: gRPC calls of which each is another one, and HTTP at a fixed rate.
import type { LoadResult, LoadRun } from "./load.ts";
import { pinnedNode, runConfined } from "./processes.ts";
import type { HttpRequest, Template } from "./requests.ts";
import { percentile } from "./statistics.ts";
import { requestTemplate } from "./wrk.ts";

/** What grpc-load.ts and paced-load.ts are told, as JSON in their one argument. */
export interface OwnLoad extends LoadRun {
  port: number;
  template: Template;
  /** For gRPC: the method's path, and how many calls one connection has open. */
  path: string;
  streams: number;
  /** For HTTP at a fixed rate. */
  requestsPerSecond: number;
}

/** Closed-loop gRPC: `run.connections` calls in flight, eight on a connection. */
export function runGrpcLoad(port: number, call: { path: string; message: Template }, run: LoadRun): Promise<LoadResult> {
  const streams = Math.min(8, run.connections);
  const connections = Math.ceil(run.connections / streams);
  return runOwn("bench/grpc-load.ts", {
    ...run,
    connections,
    streams,
    port,
    path: call.path,
    template: call.message,
    requestsPerSecond: 0,
  });
}

/** Open-loop HTTP: so many requests each second, whether or not the ones before are answered. */
export function runPacedLoad(port: number, request: HttpRequest, run: LoadRun, requestsPerSecond: number): Promise<LoadResult> {
  return runOwn("bench/paced-load.ts", { ...run, streams: 1, port, path: "", template: requestTemplate(request, port), requestsPerSecond });
}

async function runOwn(script: string, load: OwnLoad): Promise<LoadResult> {
  return JSON.parse(await runConfined([pinnedNode(), script, JSON.stringify(load)])) as LoadResult;
}

/** The findings of a generator, from the latencies of all answers in milliseconds. */
export function summarize(latencies: readonly number[], seconds: number): LoadResult {
  if (latencies.length === 0) throw new Error("not one request was answered");
  const sorted = Float64Array.from(latencies).sort();
  return {
    requests: sorted.length,
    rps: sorted.length / seconds,
    p50_ms: percentile(sorted, 0.5),
    p99_ms: percentile(sorted, 0.99),
    p999_ms: percentile(sorted, 0.999),
  };
}

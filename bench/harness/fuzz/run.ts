// Attacks the real service in a process of its own with generated requests, and watches what it answers, holds and stores.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import fc from "fast-check";
import { portsIn } from "../gatehouse.ts";
import { pinnedNode, runConfined, type ServerProcess, startServer } from "../processes.ts";
import { benchApp } from "../requests.ts";
import { type Judged, judgeApi, judgeGrpc, judgeWebhook } from "./answers.ts";
import { apiCases } from "./api-cases.ts";
import { signedApp } from "./apps.ts";
import { grpcCases } from "./grpc-cases.ts";
import { createGrpcClient } from "./grpc-exchange.ts";
import { createHttpClient } from "./http-exchange.ts";
import { type HeldMemory, inspectorUrl, measureMemory } from "./memory.ts";
import { exportFeed, readStored, type Stored } from "./stored.ts";
import { webhookCases } from "./webhook-cases.ts";

/** How to attack. */
export interface FuzzOptions {
  /** Requests to each listener. */
  requests: number;
  seed: number;
  /** For the database; an empty folder. */
  folder: string;
  /** In how many parts; memory is measured after each. */
  parts: number;
  onProgress(line: string): void;
}

/** What came of it. */
export interface FuzzResult {
  listeners: { name: string; requests: number; seconds: number; outcomes: ReadonlyMap<string, number> }[];
  /** What was wrong, the first few of each listener, and how many there were. */
  problems: string[];
  problemCount: number;
  /** At the start, and after each part. */
  memory: HeldMemory[];
  stored: Stored;
  /** Lines of `gatehouse feed export`. */
  exportedLines: number;
}

/** Exchanges at a time. */
const concurrency = 32;
const maxProblems = 20;

/** How many cases are made at a time. */
const batchSize = 2000;

/** How long the server is left alone before its memory is measured, in milliseconds. */
const restMs = 2000;

/** Sends cases of one listener. */
interface Attack {
  name: string;
  /** Sends some cases made from a seed; counts each. */
  run(server: ServerProcess, seed: number, count: number, onJudged: (judged: Judged, of: () => string) => void): Promise<void>;
}

function attackOf<T, E>(
  name: string,
  cases: fc.Arbitrary<T>,
  createClient: (port: number) => { send(one: T): Promise<E>; close(): void },
  judge: (one: T, exchange: E) => Judged,
): Attack {
  return {
    name,
    async run(server, seed, count, onJudged) {
      const clients = Array.from({ length: concurrency }, () => createClient(server.ports[name] ?? 0));
      for (let done = 0; done < count; done += batchSize) {
        const batch = fc.sample(cases, { seed: seed + done, numRuns: Math.min(batchSize, count - done) });
        const next = batch.values();
        const work = async (client: (typeof clients)[number]) => {
          for (const one of next) onJudged(judge(one, await client.send(one)), () => describeCase(one));
        };
        await Promise.all(clients.map(work));
      }
      for (const client of clients) client.close();
    },
  };
}

const attacks: readonly Attack[] = [
  attackOf("webhook", webhookCases, createHttpClient, judgeWebhook),
  attackOf("api", apiCases, createHttpClient, judgeApi),
  attackOf("grpc", grpcCases, createGrpcClient, judgeGrpc),
];

/** The case, so that it can be sent again. */
function describeCase(one: unknown): string {
  const text = (_key: string, value: unknown) => {
    const isBuffer = typeof value === "object" && value !== null && (value as { type?: unknown }).type === "Buffer";
    return isBuffer
      ? Buffer.from((value as { data: number[] }).data)
          .toString("latin1")
          .slice(0, 1500)
      : value;
  };
  return JSON.stringify(one, text).slice(0, 2500);
}

/** Runs it to its end; nothing is left running. Throws when the server ends. */
export async function fuzzGatehouse({ requests, seed, folder, parts, onProgress }: FuzzOptions): Promise<FuzzResult> {
  mkdirSync(folder, { recursive: true });
  const database = join(folder, "gatehouse.db");
  const { server, inspector } = await startFuzzed(database);
  const problems: string[] = [];
  let problemCount = 0;
  const onProblem = (line: string) => {
    problemCount++;
    if (problems.length >= maxProblems) return;
    problems.push(line);
    onProgress(line);
  };
  watchLog(server, onProblem);
  try {
    const targets = attacks.map((attack, i) => ({
      attack,
      // Other seeds than those of the other listeners.
      seed: seed + i * 1_000_003,
      listener: { name: attack.name, requests: 0, seconds: 0, outcomes: new Map<string, number>() },
    }));
    const memory = [await measureMemory(inspector)];
    for (let part = 0; part < parts; part++) {
      for (const { attack, seed: first, listener } of targets) {
        const startMs = performance.now();
        await attack.run(server, first + part * requests, Math.ceil(requests / parts), ({ outcome, problem }, describe) => {
          listener.requests++;
          listener.outcomes.set(outcome, (listener.outcomes.get(outcome) ?? 0) + 1);
          if (problem !== undefined) onProblem(`${listener.name}: ${problem}\n    to ${describe()}`);
        });
        listener.seconds += (performance.now() - startMs) / 1000;
        checkAlive(server);
      }
      await delay(restMs);
      const held = await measureMemory(inspector);
      memory.push(held);
      onProgress(`part ${part + 1}: heap ${held.heapMb.toFixed(1)} MiB, resident ${held.rssMb.toFixed(0)} MiB, ${problemCount} problems`);
    }
    const api = `http://127.0.0.1:${server.ports.api}`;
    const stored = await readStored(api);
    for (const problem of stored.problems) onProblem(`store: ${problem}`);
    const exportedLines = await exportFeed(api, join(folder, "feed.jsonl"), onProblem);
    checkAlive(server);
    await server.stop();
    await runConfined([pinnedNode(), "src/gatehouse.js", "check", database]);
    return { listeners: targets.map(({ listener }) => listener), problems, problemCount, memory, stored, exportedLines };
  } finally {
    await server.stop();
  }
}

async function startFuzzed(database: string): Promise<{ server: ServerProcess; inspector: string }> {
  let inspector = "";
  const server = await startServer({
    command: [pinnedNode(), "--inspect=127.0.0.1:0", "src/gatehouse.js", "serve"],
    env: {
      GATEHOUSE_CONFIG: "config/gatehouse.yaml",
      GATEHOUSE_APPS: `${benchApp},${signedApp.id}=${signedApp.token}`,
      GATEHOUSE_WEBHOOK_LISTEN: "127.0.0.1:0",
      GATEHOUSE_API_LISTEN: "127.0.0.1:0",
      GATEHOUSE_GRPC_LISTEN: "127.0.0.1:0",
      GATEHOUSE_DATABASE: database,
      // So that what never arrives is over soon.
      GATEHOUSE_WEBHOOK_BUDGET_MS: "1000",
      GATEHOUSE_WEBHOOK_REQUEST_TIMEOUT_MS: "3000",
      GATEHOUSE_API_REQUEST_TIMEOUT_MS: "3000",
      GATEHOUSE_LOG_LEVEL: "error",
    },
    ready(output) {
      inspector = inspectorUrl(output) ?? inspector;
      return portsIn(output, "webhook", "api", "grpc");
    },
  });
  return { server, inspector };
}

/** Whatever is logged as an error is a problem. */
function watchLog(server: ServerProcess, onProblem: (line: string) => void): void {
  let rest = "";
  server.child.stderr?.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.includes('"level":"error"') && !isRefusedFallback(line)) onProblem(`log: ${line.slice(0, 1500)}`);
  });
}

/** What the budget ended before it was looked at, and is no action: it was answered, and there is nothing to record. docs/degraded.md has it. */
function isRefusedFallback(line: string): boolean {
  return line.includes('"why":"refused"') && line.includes("an answered fallback will not be recorded");
}

function checkAlive({ child }: ServerProcess): void {
  if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the server ended by ${child.signalCode ?? child.exitCode}`);
}

// Gatehouse as a row of the benches: its database is filled once, and every server starts with a copy.
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { entryCount, listEntries } from "./lists.ts";
import { benchPolicy, type PolicyForm, simplerPolicy } from "./policy-text.ts";
import { pinnedNode, type ServerProcess, startServer } from "./processes.ts";
import { benchApp } from "./requests.ts";

/** A database that is filled, with the policy that it was filled for. */
export interface Prepared {
  database: string;
  policyFile: string;
  /** Which policy the product took: `policy-50`, `policy-50 without quotas and patterns`, or `given`. */
  policy: string;
}

/** A Gatehouse that can answer: its ports are `webhook`, `api` and `grpc`. */
export interface Gatehouse extends ServerProcess {
  /** Throws unless it has answered at least so many requests since it started, each of them by a verdict or a record of its own. */
  check(requests: number): Promise<void>;
}

/** Starts Gatehouse in a folder of its own, on a copy of the database when there is one. `nodeFlags` go before the entry. */
export async function startGatehouse(
  folder: string,
  { database, policyFile, env = {} }: { database?: string; policyFile: string; env?: Record<string, string> },
  nodeFlags: readonly string[] = [],
): Promise<Gatehouse> {
  mkdirSync(folder, { recursive: true });
  const own = join(folder, "gatehouse.db");
  for (const suffix of database === undefined ? [] : ["", "-wal"]) {
    if (existsSync(`${database}${suffix}`)) copyFileSync(`${database}${suffix}`, `${own}${suffix}`);
  }
  const server = await startServer({
    command: [pinnedNode(), "--max-semi-space-size=8", "--no-allocation-site-pretenuring", ...nodeFlags, "src/gatehouse.js", "serve"],
    env: {
      GATEHOUSE_CONFIG: "config/gatehouse.yaml",
      GATEHOUSE_APPS: String(benchApp),
      GATEHOUSE_WEBHOOK_LISTEN: "127.0.0.1:0",
      GATEHOUSE_API_LISTEN: "127.0.0.1:0",
      GATEHOUSE_GRPC_LISTEN: "127.0.0.1:0",
      GATEHOUSE_DATABASE: own,
      GATEHOUSE_POLICY: policyFile,
      GATEHOUSE_LOG_LEVEL: "error",
      ...env,
    },
    ready: (output) => portsIn(output, "webhook", "api", "grpc"),
  });
  return {
    ...server,
    async check(requests) {
      const response = await fetch(`http://127.0.0.1:${server.ports.api}/metrics`);
      checkMetrics(await response.text(), requests);
    },
  };
}

/** The ports that a Gatehouse has printed; undefined while one of them is missing. */
export function portsIn(output: string, ...names: string[]): Record<string, number> | undefined {
  const ports = names.map((name) => [name, Number(new RegExp(`^ +${name} +\\S*127\\.0\\.0\\.1:(\\d+)`, "m").exec(output)?.[1])] as const);
  return ports.some(([, port]) => Number.isNaN(port)) ? undefined : Object.fromEntries(ports);
}

/** How a webhook or a call may have ended; anything else makes a measurement worthless. */
const goodOutcomes = new Set(["allow", "deny", "refuse_some", "recorded", "OK"]);

/** wrk breaks off the calls that are open when its time is over: one for each of 64 connections, in the warm-up and in the run. */
const maxBrokenOff = 2 * 64;

/** Throws when the metrics tell of an answer that was none, or of fewer than `requests` answers, or of mostly denials. */
export function checkMetrics(text: string, requests: number): void {
  const counts = new Map<string, number>();
  for (const [, labels = "", count] of text.matchAll(/^gatehouse_(?:webhook_answers|rpc_calls)_total\{(.*)\} (\d+)$/gm)) {
    if (/method="[^"]*(?:ListService|Health)/.test(labels)) continue;
    const outcome = /(?:outcome|code)="([^"]*)"/.exec(labels)?.[1] ?? "";
    counts.set(outcome, (counts.get(outcome) ?? 0) + Number(count));
  }
  if ((counts.get("CANCELED") ?? 0) <= maxBrokenOff) counts.delete("CANCELED");
  const bad = [...counts].filter(([outcome]) => !goodOutcomes.has(outcome));
  if (bad.length > 0) throw new Error(`answers that are none: ${bad.map(([outcome, count]) => `${outcome} ${count}`).join(", ")}`);
  const calls = counts.get("OK") ?? 0;
  if (calls < requests) throw new Error(`${requests} requests were answered, but only ${calls} were decided or recorded`);
  if ((counts.get("deny") ?? 0) > requests / 2)
    throw new Error("most requests were denied: the policy or the lists are not what they should be");
}

/** Fills a database with lists of so many entries, for the benches' policy or the given one. */
export async function prepareGatehouse(folder: string, entries: number, policyText?: string): Promise<Prepared> {
  const texts: [policy: string, text: string][] =
    policyText === undefined
      ? [
          ["policy-50", benchPolicy()],
          ["policy-50 without quotas and patterns", simplerPolicy(benchPolicy())],
        ]
      : [["given", policyText]];
  const failures: string[] = [];
  for (const [i, [policy, text]] of texts.entries()) {
    const own = join(folder, `prepared-${i}`);
    mkdirSync(own, { recursive: true });
    const policyFile = join(own, "policy.yaml");
    writeFileSync(policyFile, text);
    let server: Gatehouse;
    try {
      server = await startGatehouse(own, { policyFile });
    } catch (error) {
      failures.push((error as Error).message);
      continue;
    }
    try {
      await fillLists(server, text, entries);
    } finally {
      await server.stop();
    }
    return { database: join(own, "gatehouse.db"), policyFile, policy };
  }
  throw new Error(`Gatehouse starts with none of the policies:\n${failures.join("\n")}`);
}

/** Fills the lists of a policy with so many entries. */
export async function fillLists(server: ServerProcess, policyText: string, entries: number): Promise<void> {
  for (const list of Object.keys((parse(policyText) as PolicyForm).lists)) await fillList(server, list, entryCount(list, entries));
}

/** Adds the list's entries, a thousand a call. */
async function fillList(server: ServerProcess, list: string, count: number): Promise<void> {
  const entryAt = listEntries[list] ?? String;
  for (let from = 0; from < count; from += 1000) {
    const entries = Array.from({ length: Math.min(1000, count - from) }, (_, i) => ({ value: entryAt(from + i) }));
    const response = await fetch(`http://127.0.0.1:${server.ports.api}/gatehouse.v1.ListService/AddEntries`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ list, entries }),
    });
    if (!response.ok) throw new Error(`filling the list ${list} failed: ${await response.text()}`);
    await response.arrayBuffer();
  }
}

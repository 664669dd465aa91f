// What retention costs those who wait for answers: `npm run bench:retention`. Full load of before-create webhooks on a database with much that is
// old, with and without retention, in fresh processes and in turns.
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { DecisionSchema, Verdict } from "../gen/gatehouse/v1/decision_pb.ts";
import { openSqliteStore } from "../src/storage/sqlite/sqlite-store.ts";
import { startGatehouse } from "./harness/gatehouse.ts";
import { benchApp, createWebhook } from "./harness/requests.ts";
import { median } from "./harness/statistics.ts";
import { runWrk } from "./harness/wrk.ts";

const { values } = parseArgs({
  options: {
    decisions: { type: "string", default: "500000" },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "8" },
  },
});
const decisions = Number(values.decisions);
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const connections = 64;
const dayMs = 86_400_000;
/** The first run of retention begins 5 s after the start. */
const warmUpSeconds = 7;

interface Round {
  p99: number;
  rps: number;
  deleted: number;
}

async function fill(path: string): Promise<void> {
  const store = await openSqliteStore({ path });
  const oldMs = Date.now() - 60 * dayMs;
  for (let from = 0; from < decisions; from += 5000) {
    await Promise.all(
      Array.from({ length: 5000 }, (_, i) => {
        const user = createHash("sha256")
          .update(String(from + i))
          .digest("hex")
          .slice(0, 12);
        const action = { case: "createAccount" as const, value: { operator: user, owner: `o${user}`, name: `News of ${user}` } };
        const decision = create(DecisionSchema, {
          appId: benchApp,
          action,
          verdict: Verdict.ALLOW,
          decideTime: timestampFromMs(oldMs + from + i),
        });
        return store.appendDecision(oldMs, () => ({ decision, actionDigest: new Uint8Array(), counts: [] }));
      }),
    );
  }
  await store.close();
}

async function deletedSoFar(port: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return Number(/^gatehouse_retention_deleted_total\{kind="allowed_decisions"\} (\d+)$/m.exec(text)?.[1] ?? 0);
}

async function measure(folder: string, database: string, days: string): Promise<Round> {
  const env = { GATEHOUSE_RETENTION_DECISIONS_DAYS: days };
  const server = await startGatehouse(folder, { database, policyFile: "config/policy.yaml", env });
  try {
    const { webhook = 0, api = 0 } = server.ports;
    const load = { connections, from: 0 };
    await runWrk(folder, webhook, createWebhook, { ...load, seconds: warmUpSeconds });
    const before = await deletedSoFar(api);
    const { p99_ms: p99, rps } = await runWrk(folder, webhook, createWebhook, { ...load, seconds, from: 10_000_000 });
    const after = await deletedSoFar(api);
    if (days !== "0" && after === before) throw new Error("retention did not run while it was measured");
    if (after >= decisions) throw new Error("retention was done before the end: fill more with --decisions");
    return { p99, rps, deleted: (after - before) / seconds };
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const folder = mkdtempSync(join(tmpdir(), "gatehouse-bench-"));
try {
  const database = join(folder, "old.db");
  await fill(database);
  const measured: Record<"without" | "with", Round[]> = { without: [], with: [] };
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? (["without", "with"] as const) : (["with", "without"] as const);
    for (const way of order) measured[way].push(await measure(join(folder, `${way}-${round}`), database, way === "with" ? "30" : "0"));
  }
  const of = (way: "without" | "with", figure: keyof Round) => median(measured[way].map((round) => round[figure]));
  for (const way of ["without", "with"] as const) {
    const all = measured[way].map(({ p99 }) => p99.toFixed(1)).join(" ");
    process.stdout.write(
      `${way.padEnd(8)} p99 ${of(way, "p99").toFixed(2)} ms (${all})   ${Math.round(of(way, "rps"))} requests/s   deleted ${Math.round(of(way, "deleted"))}/s\n`,
    );
  }
  process.stdout.write(`p99 with / without ${(of("with", "p99") / of("without", "p99")).toFixed(2)}   (goal: at most 1.5)\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

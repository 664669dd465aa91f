// What decisions on creations cost the writer of the store: batches of 64 with synchronous FULL, on one thread, without network and policy.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { migrate } from "../src/storage/sqlite/migrations.ts";
import { prepareOperations } from "../src/storage/sqlite/write-operations.ts";
import { benchApp, creationTemplate, render } from "./harness/requests.ts";

const decisions = 60_000;
const batchSize = 64;
const rounds = 3;
const reservationMs = 300_000;
const followUpMs = 86_400_000;

/** What a decision leaves besides its row. */
const cases = {
  nothing: undefined,
  "denied creation": { isAllowed: false, takesRoom: 0, takesName: false },
  "allowed creation": { isAllowed: true, takesRoom: 0, takesName: false },
  "allowed creation that takes room": { isAllowed: true, takesRoom: 1, takesName: false },
  "allowed creation that takes room and name": { isAllowed: true, takesRoom: 1, takesName: true },
} as const;

const body = creationTemplate((createAccount) =>
  JSON.stringify({ createAccount, origin: { clientIp: "127.0.0.1", platform: "RESTAPI", source: "webhook" } }),
);

function run(kind: keyof typeof cases, folder: string): string {
  const db = new Database(join(folder, "gatehouse.db"));
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = FULL");
  db.pragma("cache_size = -16000");
  migrate(db);
  const { run: operations } = prepareOperations(db);
  const begin = db.prepare("BEGIN IMMEDIATE");
  const commit = db.prepare("COMMIT");
  const leaves = cases[kind];
  const startCpu = process.cpuUsage();
  const startMs = performance.now();
  for (let n = 0; n < decisions; ) {
    begin.run();
    for (let i = 0; i < batchSize; i++, n++) {
      const nowMs = 1_700_000_000_000 + n;
      const text = render(body, n);
      const { operator, owner, name } = JSON.parse(text).createAccount;
      const lapseMs = leaves?.isAllowed ? nowMs + reservationMs : null;
      const taken = leaves?.takesName ? name.toLowerCase() : "";
      const creation = leaves && JSON.stringify([operator, owner, name, nowMs, lapseMs, leaves.takesRoom, taken, followUpMs]);
      const ownerColumn = owner === operator ? null : owner;
      const row = [benchApp, null, null, null, operator, ownerColumn, 1, null, nowMs, nowMs, text, null] as const;
      operations.appendDecision(...row, nowMs, creation ?? null, null, null, leaves?.takesRoom ?? 0);
    }
    commit.run();
  }
  const seconds = (performance.now() - startMs) / 1000;
  const { user, system } = process.cpuUsage(startCpu);
  db.close();
  return `${kind.padEnd(45)}${Math.round(decisions / seconds)
    .toLocaleString("en")
    .padStart(8)} decisions/s, ${((user + system) / decisions).toFixed(1)} µs CPU each`;
}

for (let round = 0; round < rounds; round++) {
  for (const kind of Object.keys(cases) as (keyof typeof cases)[]) {
    const folder = mkdtempSync(join(tmpdir(), "gatehouse-bench-"));
    process.stdout.write(`${run(kind, folder)}\n`);
    rmSync(folder, { recursive: true });
  }
}

// The floor of all that is recorded: group commits of the rows of decisions, with synchronous FULL, from one thread without any network. Reads
// a LoadRun a line from its standard input and answers each with a LoadResult; `connections` is how many rows go into one transaction.
import { createInterface } from "node:readline";
import Database from "better-sqlite3";
import { migrate } from "../src/storage/sqlite/migrations.ts";
import type { LoadResult, LoadRun } from "./harness/load.ts";
import { summarize } from "./harness/own-load.ts";
import { benchApp, creationTemplate, render } from "./harness/requests.ts";

const db = new Database(process.argv[2] ?? "");
db.pragma("journal_mode = WAL");
db.pragma("synchronous = FULL");
migrate(db);
const begin = db.prepare("BEGIN IMMEDIATE");
const commit = db.prepare("COMMIT");
const insert = db.prepare(
  "INSERT INTO decisions (seq, app_id, operator, owner, verdict, event_time, decide_time, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
);
const body = creationTemplate((createAccount) =>
  JSON.stringify({ createAccount, origin: { clientIp: "127.0.0.1", platform: "RESTAPI", source: "webhook" } }),
);
let seq = 0;

function commitRows(run: LoadRun): LoadResult {
  const latencies: number[] = [];
  const startMs = performance.now();
  let n = run.from;
  while (performance.now() - startMs < run.seconds * 1000) {
    const batchMs = performance.now();
    const timeMs = Date.now();
    begin.run();
    for (let i = 0; i < run.connections; i++) {
      const text = render(body, n++);
      const { operator, owner } = JSON.parse(text).createAccount;
      insert.run(++seq, benchApp, operator, owner, 1, timeMs, timeMs, text);
    }
    commit.run();
    const tookMs = performance.now() - batchMs;
    for (let i = 0; i < run.connections; i++) latencies.push(tookMs);
  }
  return summarize(latencies, (performance.now() - startMs) / 1000);
}

createInterface({ input: process.stdin }).on("line", (line) => {
  process.stdout.write(`${JSON.stringify(commitRows(JSON.parse(line) as LoadRun))}\n`);
});
process.on("SIGTERM", () => process.exit(0));
process.stdout.write("ready\n");

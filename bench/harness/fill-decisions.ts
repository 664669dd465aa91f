// Fills a database with decisions of the past, as a store has them that has been in use for long: through the writer's own operations.
import Database from "better-sqlite3";
import { migrate } from "../../src/storage/sqlite/migrations.ts";
import { prepareOperations } from "../../src/storage/sqlite/write-operations.ts";
import { benchApp, creationTemplate, render } from "./requests.ts";

const body = creationTemplate((createAccount) =>
  JSON.stringify({ createAccount, origin: { clientIp: "127.0.0.1", platform: "RESTAPI", source: "webhook" } }),
);

const batchSize = 5000;
const dayMs = 86_400_000;

/** The decisions are spread over so many days, and kept to be followed up for one. */
const days = 100;
const reservationMs = 300_000;

/**
 * Has so many decisions on creations in the database, each of other users, the last of them an hour ago. Nothing came of any of them, and that is
 * noted; those of the last day are kept for what may yet be heard.
 */
export function fillDecisions(path: string, count: number): void {
  const db = new Database(path);
  db.pragma("journal_mode = WAL");
  // It is filled anew when this is cut short.
  db.pragma("synchronous = OFF");
  db.pragma("cache_size = -400000");
  migrate(db);
  const { run } = prepareOperations(db);
  const endMs = Date.now() - 3_600_000;
  const startMs = endMs - days * dayMs;
  let lastPast = 0;
  const fill = db.transaction((from: number, to: number) => {
    for (let n = from; n < to; n++) {
      const nowMs = startMs + Math.floor((n / count) * days * dayMs);
      const text = render(body, n);
      const { operator, owner, name } = (JSON.parse(text) as { createAccount: Record<"operator" | "owner" | "name", string> })
        .createAccount;
      const isPast = nowMs < endMs - dayMs;
      const asked = isPast ? null : JSON.stringify([operator, owner, name, nowMs, nowMs + reservationMs, 0, "", dayMs]);
      const row = [benchApp, null, null, null, operator, owner === operator ? null : owner, 1, null, nowMs, nowMs, text, null] as const;
      const seq = run.appendDecision(...row, nowMs, asked, null, null, 0);
      if (isPast) lastPast = typeof seq === "number" ? seq : (seq[0] ?? 0);
    }
  });
  for (let from = 0; from < count; from += batchSize) fill(from, Math.min(from + batchSize, count));
  const abandoned = 3;
  db.prepare("INSERT INTO follow_ups (decision_seq, follow_up, follow_up_time) SELECT seq, ?, decide_time FROM decisions").run(abandoned);
  const lastSeq = db.prepare("SELECT max(seq) FROM decisions").pluck().get();
  db.prepare("UPDATE follow_up_sweep SET abandoned_to = @lastSeq, parts_abandoned_to = @lastSeq, forgotten_to = @lastPast").run({
    lastSeq,
    lastPast,
  });
  db.pragma("wal_checkpoint(TRUNCATE)");
  db.close();
}

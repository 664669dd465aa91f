// What only the SQLite store promises of deleting what is old: nothing that hangs on it stays behind.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import Database from "better-sqlite3";
import { expect, it, onTestFinished } from "vitest";
import { DegradedCause, Verdict } from "../../../gen/gatehouse/v1/decision_pb.ts";
import { openSqliteStore } from "../../../src/storage/sqlite/sqlite-store.ts";
import { tableContents } from "../../../src/storage/sqlite/table-contents.ts";
import { retentionClasses } from "../../../src/storage/storage.ts";
import { append, appendEvent, follow } from "../conformance/opened-store.ts";
import { deleteAllOld } from "../conformance/retention.ts";
import { baseMs, createdEvent, richDecision, roomOf, sampleDecision, samplePolicy, subscribersEvent } from "../samples.ts";

it("leaves no row in the tables whose rows go by age or with others", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-retention-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "gatehouse.db");
  const store = await openSqliteStore({ path });
  const shadow = samplePolicy("name: shadow");
  await store.publishPolicy(shadow);
  const decisionId = await append(store, { ...richDecision(), decideTime: timestampFromMs(baseMs) });
  await store.appendShadowOutcome({ decisionId, version: shadow.version, outcome: undefined });
  const late = await append(store, sampleDecision(), { creation: roomOf("bob", "News", baseMs + 1) });
  await store.markDegraded(late, { cause: DegradedCause.DEADLINE, verdict: Verdict.ALLOW, code: 0, answerTimeMs: baseMs });
  await follow(store, createdEvent("a", baseMs, { owner: "bob" }));
  await appendEvent(store, subscribersEvent("added", "a", baseMs, ["s", 't"\\']));

  const countRows = () => {
    const db = new Database(path, { readonly: true });
    const rows = Object.entries(tableContents)
      .filter(([, { goes }]) => goes !== "never")
      .map(([table]) => [table, db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number] as const);
    db.close();
    return rows;
  };
  expect(countRows().filter(([, count]) => count === 0)).toEqual([]);
  for (const oldClass of retentionClasses) await deleteAllOld(store, oldClass, baseMs + 1);
  expect(countRows().filter(([, count]) => count > 0)).toEqual([]);
  await store.close();
});

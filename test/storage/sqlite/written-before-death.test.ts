// Decisions that a writer thread wrote and could not answer for are found, each once.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, it, onTestFinished } from "vitest";
import { migrate } from "../../../src/storage/sqlite/migrations.ts";
import { openReader } from "../../../src/storage/sqlite/reader.ts";
import { prepareOperations } from "../../../src/storage/sqlite/write-operations.ts";
import type { Write } from "../../../src/storage/sqlite/writes.ts";
import { createWrittenBeforeDeath } from "../../../src/storage/sqlite/written-before-death.ts";
import { appId, baseMs } from "../samples.ts";

type Append = Extract<Write, ["appendDecision", ...unknown[]]>;

function appending(name: string, requestId: string | null = null): Append {
  const body = JSON.stringify({ createAccount: { operator: "ann", name } });
  return ["appendDecision", appId, requestId, null, null, "ann", null, 1, null, null, baseMs, body, null, baseMs, null, null, null, 0];
}

it("finds what is on disk since the last answer, in the order of the writes", () => {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-death-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "gatehouse.db");
  const db = new Database(path);
  db.pragma("journal_mode = WAL");
  migrate(db);
  const { run } = prepareOperations(db);
  const write = (one: Append) => run.appendDecision(...(one.slice(1) as Parameters<typeof run.appendDecision>)) as number;
  const reader = openReader(path, { failed: () => {} });
  onTestFinished(() => {
    reader.close();
    db.close();
  });

  const before = write(appending("same"));
  const written = createWrittenBeforeDeath(reader);
  written.start();
  reader.letGo();
  const answered = write(appending("same"));
  written.answered(appending("same"), answered);

  const first = write(appending("same"));
  const other = write(appending("other", "r-1"));
  const second = write(appending("same"));
  expect([before, answered]).not.toContain(first);
  const underWay = [
    appending("same"),
    ["check"],
    appending("other", "r-1"),
    appending("same"),
    appending("lost"),
    appending("same"),
  ] as Write[];
  expect(written.find(underWay)).toEqual([first, undefined, other, second, undefined, undefined]);
  reader.letGo();
  expect(written.find([appending("other"), appending("other", "r-2")])).toEqual([undefined, undefined]);
  expect(written.find([["check"]])).toEqual([undefined]);
});

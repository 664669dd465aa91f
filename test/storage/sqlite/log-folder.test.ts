// The thread that folds the log beside the writer.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createLogFolder, type LogFolder } from "../../../src/storage/sqlite/log-folder.ts";

let folder: string;
let path: string;
let db: Database.Database;
let logFolder: LogFolder;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-log-folder-"));
  path = join(folder, "gatehouse.db");
  db = new Database(path);
  db.pragma("journal_mode = WAL");
  db.pragma("wal_autocheckpoint = 0");
  db.exec("CREATE TABLE texts (text TEXT)");
  logFolder = createLogFolder(path);
});
afterEach(async () => {
  await logFolder.stop();
  db.close();
  rmSync(folder, { recursive: true });
});

const fold = () => new Promise<void>((resolve) => logFolder.fold(resolve));
const write = () => db.prepare("INSERT INTO texts VALUES (?)").run("x".repeat(20_000));
/** The pages in the log, and those of them that are copied. */
const pages = () => {
  const [{ log, checkpointed }] = db.pragma("wal_checkpoint(NOOP)") as [{ log: number; checkpointed: number }];
  return { log, checkpointed };
};

it("copies all that is committed, and again what came after it", async () => {
  for (let i = 0; i < 3; i += 1) {
    write();
    const { log } = pages();
    await fold();
    expect(pages()).toEqual({ log, checkpointed: log });
  }
});

it("leaves what a reader still needs, and holds up neither that reader nor the writer", async () => {
  write();
  const reader = new Database(path, { readonly: true });
  const count = reader.prepare("SELECT count(*) FROM texts").pluck();
  reader.exec("BEGIN");
  expect(count.get()).toBe(1);
  const { log: before } = pages();
  const folding = Promise.all([fold(), Promise.resolve().then(write)]);
  await folding;
  expect(pages().checkpointed).toBeLessThanOrEqual(before);
  expect(pages().log).toBeGreaterThan(before);
  expect(count.get()).toBe(1);
  reader.close();
  await fold();
  expect(pages().checkpointed).toBe(pages().log);
});

it("answers also when it can do nothing, and tries again with the next call", async () => {
  const missing = createLogFolder(join(folder, "missing.db"));
  await new Promise<void>((resolve) => missing.fold(resolve));
  await new Promise<void>((resolve) => missing.fold(resolve));
  await missing.stop();
});

it("ends while it folds, without an answer", async () => {
  write();
  let answers = 0;
  logFolder.fold(() => {
    answers += 1;
  });
  await logFolder.stop();
  expect(answers).toBe(0);
});

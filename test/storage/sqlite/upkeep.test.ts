// The upkeep of the database, and what the store tells of its troubles.
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { causeOfCode } from "../../../src/storage/sqlite/failure-causes.ts";
import { openSqliteStore, type SqliteStore } from "../../../src/storage/sqlite/sqlite-store.ts";
import { longLogBytes } from "../../../src/storage/sqlite/upkeep.ts";
import { append } from "../conformance/opened-store.ts";
import { sampleDecision, samplePolicy, sha256 } from "../samples.ts";

let folder: string;
let path: string;
let store: SqliteStore;
let lines: { level: string; message: string; details: Record<string, unknown> }[];
let failures: Map<string, number>;

const logger = Object.fromEntries(
  ["info", "warn", "error"].map((level) => [
    level,
    (details: object, message: string) => void lines.push({ level, message, details: details as Record<string, unknown> }),
  ]),
) as Record<"info" | "warn" | "error", (details: object, message: string) => void>;

const open = () => openSqliteStore({ path, logger, onFailure: (cause, count) => failures.set(cause, (failures.get(cause) ?? 0) + count) });
const said = (text: string) => lines.filter(({ message }) => message.includes(text));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-upkeep-"));
  path = join(folder, "gatehouse.db");
  lines = [];
  failures = new Map();
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

describe("a log that a foreign reader keeps from being folded", () => {
  it("is told of while it grows, and is short again when the reader is gone, though nobody writes", async () => {
    store = await open();
    const foreign = new Database(path, { readonly: true });
    foreign.exec("BEGIN");
    foreign.prepare("SELECT count(*) FROM policies").get();
    const text = "x".repeat(4_000_000);
    for (let i = 0; store.condition().logBytes < longLogBytes + 8_000_000; i += 1) await store.publishPolicy(samplePolicy(`${i}${text}`));
    await vi.waitUntil(() => said("another process, such as a backup").length > 0, { timeout: 15_000 });
    // Told once, and served on.
    await append(store, sampleDecision());
    foreign.close();
    await vi.waitUntil(() => said("is short again").length > 0, { timeout: 15_000 });
    expect(said("another process, such as a backup")).toHaveLength(1);
    expect(store.condition().logBytes).toBeLessThanOrEqual(64 * 1024 * 1024);
    expect(store.condition().isUp).toBe(true);
  }, 60_000);
});

describe("the check after the start", () => {
  it("finds a sound database sound, and says nothing", async () => {
    store = await open();
    await append(store, sampleDecision());
    await vi.waitUntil(() => store.condition().isSound !== undefined, { timeout: 15_000 });
    expect(store.condition().isSound).toBe(true);
    expect(lines).toEqual([]);
  });

  it("tells of damage that the start does not meet, and what to do", async () => {
    store = await open();
    await Promise.all(Array.from({ length: 500 }, () => append(store, sampleDecision({ message: "x".repeat(500) }))));
    await store.close();
    const file = openSync(path, "r+");
    writeSync(file, Buffer.alloc(4096, 0xa5), 0, 4096, Math.floor(statSync(path).size / 2 / 4096) * 4096);
    closeSync(file);
    store = await open();
    await vi.waitUntil(() => store.condition().isSound !== undefined, { timeout: 15_000 });
    expect(store.condition().isSound).toBe(false);
    expect(said("gatehouse restore")).toMatchObject([{ level: "error", details: { database: path, problems: expect.any(Array) } }]);
  });
});

describe("a store that cannot write", () => {
  it("tells once why, counts what failed, and is up again by itself when the cause ends", async () => {
    store = await open();
    const foreign = new Database(path);
    foreign.exec("BEGIN IMMEDIATE");
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => append(store, sampleDecision())));
    expect(results.every(({ status }) => status === "rejected")).toBe(true);
    expect(store.condition().isUp).toBe(false);
    expect(said("The store fails.")).toMatchObject([
      {
        level: "warn",
        message: expect.stringContaining("Another process holds the database"),
        details: { cause: "locked", database: path },
      },
    ]);
    expect(failures.get("locked")).toBeGreaterThanOrEqual(10);
    foreign.close();
    await vi.waitUntil(() => store.condition().isUp, { timeout: 15_000 });
    expect(said("The store works again.")).toHaveLength(1);
    expect([...failures.keys()]).toEqual(["locked"]);
  });

  it("stays up when only what was to be written is at fault", async () => {
    store = await open();
    const poisonous = sampleDecision({ requestId: "poison" });
    poisonous.appId = 1.5;
    await expect(append(store, poisonous, { actionDigest: sha256("") })).rejects.toThrow();
    expect(store.condition().isUp).toBe(true);
    expect(failures).toEqual(new Map([["other", 1]]));
  });
});

it.each([
  ["SQLITE_BUSY", "locked"],
  ["SQLITE_BUSY_SNAPSHOT", "locked"],
  ["SQLITE_FULL", "full"],
  ["SQLITE_IOERR_WRITE", "io"],
  ["SQLITE_IOERR_CORRUPTFS", "corrupt"],
  ["SQLITE_CANTOPEN", "io"],
  ["SQLITE_READONLY_DBMOVED", "readonly"],
  ["SQLITE_CORRUPT_VTAB", "corrupt"],
  ["SQLITE_NOTADB", "corrupt"],
  ["SQLITE_CONSTRAINT_DATATYPE", "other"],
  ["", "other"],
  [undefined, "other"],
])("the cause of %j is %s", (code, cause) => {
  expect(causeOfCode(code)).toBe(cause);
});

// The reading side by itself, beside a connection that writes.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { openReader, type Reader } from "../../../src/storage/sqlite/reader.ts";

describe("the reader", () => {
  let folder: string;
  let writing: Database.Database;
  let reader: Reader;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "gatehouse-reader-"));
    const path = join(folder, "one.db");
    writing = new Database(path);
    writing.pragma("journal_mode = WAL");
    writing.exec("CREATE TABLE counts (name TEXT PRIMARY KEY, count INTEGER); INSERT INTO counts VALUES ('a', 1), ('b', NULL)");
    reader = openReader(path, { failed: () => {} });
  });

  afterEach(() => {
    reader.close();
    writing.close();
    rmSync(folder, { recursive: true });
  });

  const write = (count: number) => writing.prepare("UPDATE counts SET count = ? WHERE name = 'a'").run(count);
  const read = () => reader.value<number>("SELECT count FROM counts WHERE name = ?", "a");

  it("shows all reads one view, from the first until it is let go", () => {
    expect(read()).toBe(1);
    write(2);
    expect(read()).toBe(1);
    expect(reader.get("SELECT count FROM counts WHERE name = 'a'")).toEqual({ count: 1 });
    expect(reader.all("SELECT name, count FROM counts ORDER BY name")).toEqual([
      { name: "a", count: 1 },
      { name: "b", count: null },
    ]);
    reader.letGo();
    write(3);
    expect(read()).toBe(3);
  });

  it("holds what was committed then, and not what the first read finds", () => {
    reader.hold();
    write(2);
    expect(read()).toBe(1);
    reader.hold();
    expect(read()).toBe(1);
    reader.letGo();
    reader.letGo();
    expect(read()).toBe(2);
  });

  it("tells a value that is NULL from a row that is not there", () => {
    expect(reader.value("SELECT count FROM counts WHERE name = 'b'")).toBeNull();
    expect(reader.value("SELECT count FROM counts WHERE name = 'c'")).toBeUndefined();
    expect(reader.get("SELECT count FROM counts WHERE name = 'c'")).toBeUndefined();
  });

  it("fails with STORE_UNAVAILABLE, and goes on afterwards", () => {
    const unavailable = expect.objectContaining({ reason: ErrorReason.STORE_UNAVAILABLE });
    expect(() => reader.get("SELECT nothing")).toThrow(unavailable);
    expect(() => reader.value("SELECT nothing")).toThrow(unavailable);
    expect(() => reader.all("SELECT nothing")).toThrow(unavailable);
    expect(read()).toBe(1);
    reader.letGo();
    write(2);
    expect(read()).toBe(2);
  });

  it("fails when it is closed, whether there was a view or not", () => {
    const unavailable = expect.objectContaining({ reason: ErrorReason.STORE_UNAVAILABLE });
    expect(() => reader.assertOpen()).not.toThrow();
    reader.hold();
    reader.close();
    expect(() => reader.assertOpen()).toThrow(unavailable);
    expect(read).toThrow(unavailable);
    reader.letGo();
    expect(read).toThrow(unavailable);
    expect(() => reader.hold()).toThrow(unavailable);
  });
});

// One process per SQLite file, and what is left of one that was killed.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { openSqliteStore } from "../../../src/storage/sqlite/sqlite-store.ts";
import type { Store } from "../../../src/storage/storage.ts";
import { append, expectReason } from "../conformance/opened-store.ts";
import { sampleDecision } from "../samples.ts";

/** Another process that appends to the store. */
interface Appender {
  /** What it has printed: the id of each decision that was answered. Its own array, so that no late line of another process gets into it. */
  lines: readonly string[];
  /** Ends it with kill -9. Resolves when it is gone and all that it printed was read. */
  kill(): Promise<void>;
}

/** Starts it, and resolves when it has printed so many lines. */
async function startAppender(database: string, count: number): Promise<Appender> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "append-until-killed.ts"), database], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  const reading = createInterface({ input: child.stdout });
  const gone = Promise.all([once(child, "close"), once(reading, "close")]);
  await new Promise<void>((resolve, reject) => {
    child.once("exit", () => reject(new Error("The other process ended by itself.")));
    reading.on("line", (line) => {
      if (lines.push(line) === count) resolve();
    });
  });
  return {
    lines,
    async kill() {
      child.kill("SIGKILL");
      await gone;
    },
  };
}

describe("an SQLite file", () => {
  let folder: string;
  let path: string;
  let opened: Store[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "gatehouse-lock-"));
    path = join(folder, "gatehouse.db");
    opened = [];
  });

  afterEach(async () => {
    for (const store of opened) await store.close();
    rmSync(folder, { recursive: true });
  });

  async function open(): Promise<Store> {
    const store = await openSqliteStore({ path });
    opened.push(store);
    return store;
  }

  describe("that another process has", () => {
    let child: Appender;

    beforeEach(async () => {
      child = await startAppender(path, 300);
    });

    afterEach(async () => {
      await child.kill();
    });

    it("is refused, whatever the path leads over", async () => {
      await expect(open()).rejects.toThrow(/in use by another Gatehouse/);
      const link = join(folder, "link.db");
      symlinkSync(path, link);
      await expect(openSqliteStore({ path: link })).rejects.toThrow(/in use by another Gatehouse/);
      await expectReason(open, ErrorReason.STORE_UNAVAILABLE);
    });

    it("can be opened after kill -9 of that process, and has everything that was answered", async () => {
      await child.kill();
      const store = await open();
      const ids = child.lines.filter((line) => /^dec-[0-9a-f]{12}$/.test(line));
      expect(ids.length).toBeGreaterThan(200);
      for (const id of ids) expect(await store.getDecision(id), id).toBeDefined();
      expect((await append(store, sampleDecision())) > (ids.toSorted().at(-1) ?? "")).toBe(true);
    });
  });

  it("that this process has is refused, and can be opened when it was closed", async () => {
    const store = await open();
    await expect(open()).rejects.toThrow(/in use by another Gatehouse/);
    await store.check();
    await store.close();
    await open();
  });
});

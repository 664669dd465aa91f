// The spool keeps what it said it keeps, in its order, across restarts and troubles of the disk.
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSpool, type Spool } from "../../src/spool/spool.ts";
import { openSpoolFile, type SpoolItem } from "../../src/spool/spool-file.ts";

let folder: string;
let opened: Spool[];
let troubles: unknown[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-spool-"));
  opened = [];
  troubles = [];
});
afterEach(async () => {
  for (const spool of opened) await spool.close();
  rmSync(folder, { recursive: true, force: true });
});

async function open(maxBytes = 2 ** 20): Promise<Spool> {
  const path = join(folder, "in", "spool.db");
  const spool = await openSpool({ path, maxBytes, now: () => 5_000, onTrouble: (error) => troubles.push(error) });
  opened.push(spool);
  return spool;
}

const itemOf = (n: number, size = 4): SpoolItem => ({
  kind: n % 3 === 0 ? "fallback" : "event",
  timeMs: 1_000 + n,
  body: Buffer.alloc(size, String(n)),
});
const timesOf = (items: readonly SpoolItem[]) => items.map(({ timeMs }) => timeMs - 1_000);

describe("the spool", () => {
  it("keeps items in the order of their appends, across restarts", async () => {
    const first = await open();
    const numbers = Array.from({ length: 2_500 }, (_, n) => n);
    expect(new Set(await Promise.all(numbers.map((n) => first.append(itemOf(n)))))).toEqual(new Set(["kept"]));
    expect(first.totals()).toMatchObject({ pending: 2_500, oldestMs: 1_000, refused: 0 });
    await first.close();
    const second = await open();
    expect(second.totals()).toEqual(first.totals());
    const items = await second.read(10_000, 2 ** 20);
    expect(timesOf(items)).toEqual(numbers);
    expect(items[4]).toEqual({ seq: 5, ...itemOf(4), body: new Uint8Array(itemOf(4).body) });
  });

  it("reads as much as is asked for, and one item at least", async () => {
    const spool = await open();
    for (const n of [0, 1, 2, 3]) await spool.append(itemOf(n, 100));
    expect(timesOf(await spool.read(3, 10_000))).toEqual([0, 1, 2]);
    expect(timesOf(await spool.read(10, 250))).toEqual([0, 1]);
    expect(timesOf(await spool.read(10, 1))).toEqual([0]);
  });

  it("lets go of what was delivered and sets aside what was refused", async () => {
    const spool = await open();
    for (const n of [0, 1, 2, 3]) await spool.append(itemOf(n));
    const [a, b, c] = (await spool.read(4, 10_000)).map(({ seq }) => seq) as [number, number, number];
    await spool.settle([a, c], [{ seq: b, reason: "UNKNOWN_APP", message: "Not here." }]);
    expect(timesOf(await spool.read(10, 10_000))).toEqual([3]);
    expect(spool.totals()).toMatchObject({ pending: 1, refused: 1, oldestMs: 1_003 });
    await spool.close();

    const file = openSpoolFile(join(folder, "in", "spool.db"));
    expect(file.listRefused()).toEqual([
      { seq: b, ...itemOf(1), body: itemOf(1).body, reason: "UNKNOWN_APP", message: "Not here.", refuseMs: 5_000 },
    ]);
    expect(file.retryRefused()).toBe(1);
    expect(file.listRefused()).toEqual([]);
    expect(file.totals()).toMatchObject({ pending: 2, refused: 0 });
    file.close();
    expect(timesOf(await (await open()).read(10, 10_000))).toEqual([3, 1]);
  });

  it("is full at its bound, and takes more when there is room again", async () => {
    const spool = await open(1_000);
    const results = await Promise.all(Array.from({ length: 10 }, (_, n) => spool.append(itemOf(n, 100))));
    expect(results).toEqual([...Array(6).fill("kept"), ...Array(4).fill("full")]);
    const [first] = await spool.read(1, 10_000);
    await spool.settle([first?.seq ?? 0], []);
    expect(await spool.append(itemOf(10, 100))).toBe("kept");
    expect(await spool.append(itemOf(11, 100))).toBe("full");
  });

  it("says so when the disk does not take an item, and goes on when it does again", async () => {
    const spool = await open();
    await spool.append(itemOf(0));
    const other = new Database(join(folder, "in", "spool.db"));
    other.exec("BEGIN IMMEDIATE");
    expect(await Promise.all([spool.append(itemOf(1)), spool.append(itemOf(2))])).toEqual(["failed", "failed"]);
    expect(String(troubles[0])).toContain("locked");
    other.exec("COMMIT");
    other.close();
    expect(await spool.append(itemOf(3))).toBe("kept");
    expect(timesOf(await spool.read(10, 10_000))).toEqual([0, 3]);
    expect(spool.totals().pending).toBe(2);
  });

  it("belongs to one process", async () => {
    await open();
    await expect(open()).rejects.toThrow(/The spool .*spool\.db is in use by another Gatehouse/);
  });

  it("cannot be opened where there is no folder to be had", async () => {
    const path = "/dev/null/spool.db";
    await expect(openSpool({ path, maxBytes: 1, now: Date.now, onTrouble: () => undefined })).rejects.toThrow(/cannot be read and written/);
  });

  it("gives its room back to the disk when it is empty", async () => {
    const spool = await open(2 ** 26);
    const items = Array.from({ length: 200 }, (_, n) => itemOf(n, 100_000));
    await Promise.all(items.map((item) => spool.append(item)));
    const kept = await spool.read(1_000, 2 ** 30);
    await spool.settle(
      kept.map(({ seq }) => seq),
      [],
    );
    expect(spool.totals()).toEqual({ pending: 0, bytes: 0, oldestMs: undefined, refused: 0 });
    expect(statSync(join(folder, "in", "spool.db")).size).toBeLessThan(100_000);
  });

  it("takes nothing more when it is closed, and has what it took", async () => {
    const spool = await open();
    const appending = spool.append(itemOf(0));
    const closing = spool.close();
    expect(await spool.append(itemOf(1))).toBe("failed");
    await closing;
    expect(await appending).toBe("kept");
  });
});

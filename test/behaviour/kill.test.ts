// kill -9 while webhooks and calls are being answered: every decision and event that was answered is there afterwards, as it was answered, once.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { compare, storm } from "../../bench/harness/kill-storm.ts";
import { gatehouseInStorm } from "../../bench/harness/storm-gatehouse.ts";

it("loses, changes and doubles nothing that was answered", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-kill-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const afterKill: number[] = [];
  const onKill = (_kills: number, acknowledged: number) => void afterKill.push(acknowledged);
  const seed = Date.now();
  const result = await storm(gatehouseInStorm(folder), { kills: 4, seed, longestMs: 1500, onKill });
  expect(result, `seed ${seed}`).toMatchObject({ kills: 4, lost: [], changed: [], twice: [], damage: [], acknowledged: afterKill.at(-1) });
  expect(result.acknowledged).toBeGreaterThan(100);
  expect(result.unanswered).toBeGreaterThan(0);
  expect(result.repeated).toBeGreaterThan(0);
}, 120_000);

it("a loss, another answer and a double would be seen", () => {
  const one = (kind: string, id: string, answer: string) => ({ kind, id, answer });
  const acknowledged = [one("a", "1", "x"), one("a", "2", "x"), one("b", "1", "x"), one("b", "2", "x")];
  const kept = [one("a", "1", "x"), one("a", "2", "y"), one("b", "2", "x"), one("b", "2", "x"), one("a", "3", "z")];
  expect(compare(acknowledged, kept)).toEqual({ lost: [one("b", "1", "x")], changed: [one("a", "2", "x")], twice: [one("b", "2", "x")] });
});

// The writer under pressure: what waits is bounded, decisions go first, and a thread that stalls holds up nothing else.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { DegradedCause, Verdict } from "../../../gen/gatehouse/v1/decision_pb.ts";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { openSqliteStore, type SqliteStore } from "../../../src/storage/sqlite/sqlite-store.ts";
import { append, appendEvent, expectReason, makeLists } from "../conformance/opened-store.ts";
import { baseMs, createdEvent, listEntry, sampleDecision } from "../samples.ts";
import { stallWrites } from "./stalled-writes.ts";

let folder: string;
let path: string;
let store: SqliteStore;
let log: { level: string; text: string }[];
let unstall: (() => void) | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-"));
  path = join(folder, "gatehouse.db");
  log = [];
  const note = (level: string) => (_: object, text: string) => void log.push({ level, text });
  store = await openSqliteStore({ path, logger: { info: note("info"), warn: note("warn"), error: note("error") } });
  unstall = undefined;
});
afterEach(async () => {
  await store.close();
  unstall?.();
  rmSync(folder, { recursive: true, force: true });
});

/** Keeps the thread busy for about so long; resolves when it has begun, with the write that does it. */
async function stall(stallMs: number): Promise<{ stalling: Promise<string> }> {
  unstall = stallWrites(path, stallMs);
  const action = { case: "createAccount" as const, value: { operator: "stall", owner: "stall", name: "x" } };
  const stalling = append(store, sampleDecision({ action }));
  await vi.waitUntil(() => store.pressure().unansweredMs > 0, { timeout: 10_000, interval: 1 });
  return { stalling };
}

it("a stalled thread does not stop reads, is reported once, and does everything that has waited", async () => {
  await makeLists(store, "staff");
  await store.addEntries("staff", [listEntry("a")]);
  const early = await append(store, sampleDecision());
  const { stalling } = await stall(4000);
  const waiting = Array.from({ length: 50 }, () => append(store, sampleDecision()));
  await vi.waitUntil(() => log.length > 0, { timeout: 20_000 });
  expect(log).toEqual([{ level: "warn", text: expect.stringContaining("does not answer") }]);
  expect(store.pressure()).toMatchObject({ waiting: 50, waitingBytes: expect.any(Number), unansweredMs: expect.any(Number) });
  expect(store.pressure().unansweredMs).toBeGreaterThan(2000);
  expect(await store.getDecision(early)).toBeDefined();
  expect(store.withFacts(baseMs, (facts) => facts.inList("staff", "a"))).toBe(true);
  expect((await store.listDecisions({}, { size: 10 })).items).toHaveLength(1);
  const ids = await Promise.all([stalling, ...waiting]);
  expect(new Set(ids).size).toBe(51);
  expect(log.at(-1)).toEqual({ level: "info", text: expect.stringContaining("works again") });
  expect(store.pressure()).toEqual({ waiting: 0, waitingBytes: 0, unansweredMs: 0 });
}, 60_000);

it("what waits is bounded: other writes are refused before decisions, and a refused write is not on disk", async () => {
  const { stalling } = await stall(3000);
  const answer = { cause: DegradedCause.DEADLINE, verdict: Verdict.ALLOW, code: 0, answerTimeMs: baseMs };
  const events = Array.from({ length: 10_000 }, (_, i) => appendEvent(store, createdEvent(`a${i}`, baseMs)));
  await expectReason(() => appendEvent(store, createdEvent("beyond", baseMs)), ErrorReason.OVERLOADED);
  await expectReason(() => append(store, sampleDecision({ requestId: "late" }), { answer }), ErrorReason.OVERLOADED);
  const decisions = Array.from({ length: 20_000 }, () => append(store, sampleDecision()));
  await expectReason(() => append(store, sampleDecision({ requestId: "beyond" })), ErrorReason.OVERLOADED);
  let eventsDone = 0;
  for (const event of events) event.then(() => eventsDone++);
  await Promise.all([stalling, ...decisions]);
  // Decisions go first, but not all of them before all else.
  expect(eventsDone).toBeGreaterThan(0);
  expect(eventsDone).toBeLessThan(10_000);
  await Promise.all(events);
  expect(await store.findDecisionByRequestId(sampleDecision().appId, "beyond")).toBeUndefined();
  expect(await store.findDecisionByRequestId(sampleDecision().appId, "late")).toBeUndefined();
  expect(await store.getAccount(sampleDecision().appId, "beyond")).toBeUndefined();
  expect(store.pressure().waitingBytes).toBe(0);
}, 60_000);

it("what waits is bounded in bytes too", async () => {
  await makeLists(store, "staff");
  await stall(2000);
  const entries = Array.from({ length: 40 }, (_, i) => listEntry(`v${i}`, "r".repeat(100_000)));
  const edits = Array.from({ length: 17 }, () => store.addEntries("staff", entries));
  await expectReason(() => store.addEntries("staff", entries), ErrorReason.OVERLOADED);
  await Promise.all(edits);
}, 60_000);

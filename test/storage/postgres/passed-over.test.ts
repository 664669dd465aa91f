// Numbers that are passed over after what was answered may have been undone.
import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openPostgresStore } from "../../../src/storage/postgres/postgres-store.ts";
import { type PostgresServer, startPostgres } from "../../postgres-server.ts";
import { append, appendAsIs, appendEvent, walk } from "../conformance/opened-store.ts";
import { appId, baseMs, createdEvent, sampleDecision } from "../samples.ts";

/** What an operator does after a copy was loaded into a server with the same timeline. */
const undo = "UPDATE log_head SET timeline = 'restored'";

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
}, 60_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

async function run(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(sql);
  await client.end();
}

it("are passed over once, by whichever of many writes is the first, in one process or in several", async () => {
  const url = await server.takeDatabase();
  const stores = await Promise.all([1, 2, 3].map(() => openPostgresStore({ url })));
  const [store] = stores;
  if (store === undefined) throw new Error("No store is open.");
  await append(store, sampleDecision({ requestId: "first" }));
  for (let round = 1; round <= 3; round += 1) {
    const before = await store.latestPosition();
    await run(url, undo);
    const requests = Array.from({ length: 30 }, (_, index) => sampleDecision({ requestId: `${round} ${index % 20}` }));
    const results = await Promise.all(
      requests.map((decision, index) => stores[index % 3] && appendAsIs(stores[index % 3] ?? store, decision)),
    );
    expect(results.filter((result) => result?.kind === "appended")).toHaveLength(20);
    expect(await store.partingBefore(before + 1)).toBe(before);
    expect(await store.latestPosition()).toBe(before + 2 ** 32 + 20);
    for (const result of results) {
      if (result?.kind === "appended") expect(await store.getDecision(result.decision.decisionId)).toEqual(result.decision);
    }
  }
  expect(await appendAsIs(store, sampleDecision({ requestId: "first" }))).toMatchObject({ kind: "repeat" });
  for (const open of stores) await open.close();
  server.giveBack(url);
}, 60_000);

it("do not make the timeline of an owner of many accounts longer by more than a few pages", async () => {
  const url = await server.takeDatabase();
  const store = await openPostgresStore({ url });
  const create = (from: number) =>
    Promise.all(Array.from({ length: 300 }, (_, i) => appendEvent(store, createdEvent(`a${from + i}`, baseMs + i, { owner: "ann" }))));
  await create(0);
  await run(url, undo);
  await create(300);
  let pages = 0;
  const items = await walk(async (page) => {
    pages += 1;
    return store.listTimeline({ appId, owner: "ann" }, page);
  }, 1000);
  expect(items).toHaveLength(600);
  expect(pages).toBeLessThanOrEqual(4);
  await store.close();
  server.giveBack(url);
}, 60_000);

// How the tables are made, and what is said of them elsewhere.
import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { FollowUp } from "../../../gen/gatehouse/v1/follow_up_pb.ts";
import { migrate, migrations } from "../../../src/storage/postgres/migrations.ts";
import { openPostgresStore } from "../../../src/storage/postgres/postgres-store.ts";
import { otherTexts, tableTexts } from "../../../src/storage/postgres/table-texts.ts";
import { type PostgresServer, startPostgres } from "../../postgres-server.ts";
import { append } from "../conformance/opened-store.ts";
import { ask, none, sweep } from "../parts.ts";
import { baseMs, sampleDecision } from "../samples.ts";

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
}, 60_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  return withClient(url, async (client) => (await client.query(sql)).rows as Record<string, unknown>[]);
}

it("are made once, however many processes begin at the same time", async () => {
  const url = await server.takeDatabase();
  const stores = await Promise.all(Array.from({ length: 5 }, () => openPostgresStore({ url })));
  await Promise.all(stores.map((store) => append(store, sampleDecision())));
  expect(await stores[0]?.latestPosition()).toBe(5);
  for (const store of stores) await store.close();
});

it("are brought up to date, and what was decided before subscriptions were followed up is not taken for abandoned", async () => {
  const url = await server.takeDatabase();
  const older = migrations.slice(0, 3);
  await withClient(url, (client) => migrate(client, older));
  await query(
    url,
    `INSERT INTO decisions (seq, app_id, account_id, verdict, decide_time, is_plain, body)
       VALUES (1, 1400000000, 'a', 1, ${baseMs}, true, '{"addSubscribers":{"accountId":"a","subscribers":["s"]}}');
     UPDATE log_head SET position = 1`,
  );
  const store = await openPostgresStore({ url });
  const after = await ask(store, ["t"]);
  expect((await store.sweepFollowUps(baseMs + sweep.reservationMs, sweep)).abandoned).toEqual({ ...none, addSubscribers: 1 });
  const { items } = await store.listDecisions({ followUp: FollowUp.ABANDONED }, { size: 10 });
  expect(items.map(({ decisionId }) => decisionId)).toEqual([after]);
  await store.close();
});

it("are not touched by a program that knows fewer steps than there are", async () => {
  const url = await server.takeDatabase();
  await (await openPostgresStore({ url })).close();
  await query(url, "UPDATE gatehouse_schema SET steps = 1000");
  await expect(openPostgresStore({ url })).rejects.toThrow("was made by a newer Gatehouse (schema 1000");
});

it("are refused where not every text can be kept", async () => {
  await server.run("CREATE DATABASE ascii ENCODING 'SQL_ASCII' LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0");
  await expect(openPostgresStore({ url: server.urlOf("ascii") })).rejects.toThrow("has the encoding SQL_ASCII");
});

it("say what to do when there is no such database, without the password", async () => {
  const opening = openPostgresStore({ url: server.urlOf("nowhere").replace("gatehouse@", "gatehouse:sesame@") });
  await expect(opening).rejects.toThrow("check that GATEHOUSE_DATABASE names a database that is there");
  await expect(opening).rejects.not.toThrow("sesame");
});

it("have every column of text said to hold ids of users or none, with the primary keys that they have", async () => {
  const url = await server.takeDatabase();
  await (await openPostgresStore({ url })).close();
  const columns = await query(
    url,
    "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' AND data_type = 'text'",
  );
  const said = [
    ...Object.entries(tableTexts).flatMap(([table, { texts }]) => Object.keys(texts).map((column) => `${table}.${column}`)),
    ...Object.entries(otherTexts).flatMap(([table, names]) => names.map((column) => `${table}.${column}`)),
  ];
  expect(said.toSorted()).toEqual(columns.map(({ table_name, column_name }) => `${table_name}.${column_name}`).toSorted());
  const keys = await query(
    url,
    `SELECT c.relname AS table, array_to_json(array_agg(a.attname ORDER BY k.n)) AS key
       FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid, unnest(i.indkey) WITH ORDINALITY AS k(attnum, n)
         JOIN pg_attribute a ON a.attnum = k.attnum WHERE i.indisprimary AND a.attrelid = i.indrelid GROUP BY c.relname`,
  );
  const keyOf = new Map(keys.map(({ table, key }) => [table, key]));
  for (const [table, { key }] of Object.entries(tableTexts)) expect(keyOf.get(table), table).toEqual(key);
});

it("compare every text by its bytes", async () => {
  const url = await server.takeDatabase();
  await (await openPostgresStore({ url })).close();
  const columns = await query(
    url,
    "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'",
  );
  expect(columns).toEqual([]);
});

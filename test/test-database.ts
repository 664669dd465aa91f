// The database of a test's service: an SQLite file, or a database on the server of postgres-setup.ts where GATEHOUSE_TEST_STORE says so.
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import pg from "pg";
import { emptyDatabase } from "./postgres-server.ts";

/** Whether services under test keep what they have in PostgreSQL. */
export const isPostgres = process.env.GATEHOUSE_TEST_STORE === "postgres";

const databases = new Map<string, string>();
const free: string[] = [];

/** The database that belongs to a folder, made when it has none. */
export async function databaseOf(folder: string): Promise<string> {
  if (!isPostgres) return join(folder, "gatehouse.db");
  const known = databases.get(folder);
  if (known !== undefined) return known;
  const url = free.pop() ?? (await createDatabase());
  databases.set(folder, url);
  return url;
}

/** Empties the database of a folder, if it is not in that: what comes next may have it. */
export async function giveBackDatabaseOf(folder: string): Promise<void> {
  const url = databases.get(folder);
  if (url === undefined) return;
  databases.delete(folder);
  await run(url, emptyDatabase);
  free.push(url);
}

async function createDatabase(): Promise<string> {
  const url = serverUrl();
  url.pathname = `/t_${randomUUID().replaceAll("-", "")}`;
  await run(serverUrl().href, `CREATE DATABASE ${url.pathname.slice(1)}`);
  return url.href;
}

function serverUrl(): URL {
  return new URL(process.env.GATEHOUSE_TEST_POSTGRES ?? "");
}

async function run(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  try {
    await client.connect();
    await client.query(sql);
  } finally {
    await client.end();
  }
}

// What tests see in the database of a service, and do to it, behind its back: the same for SQLite files and for PostgreSQL.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import pg from "pg";
import { stallWrites as stallSqliteWrites } from "./storage/sqlite/stalled-writes.ts";
import { databaseOf, isPostgres } from "./test-database.ts";

/** Undoes what was done. */
export type Undo = () => Promise<void>;

/** Whether a text stands anywhere in what is kept: in the bytes of the files of the folder, and in the rows of PostgreSQL's tables. */
export async function isKept(folder: string, text: string): Promise<boolean> {
  if (readdirSync(folder).some((file) => readFileSync(join(folder, file)).includes(text))) return true;
  if (!isPostgres) return false;
  return withClient(folder, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      "SELECT format('%I', tablename) AS name FROM pg_tables WHERE schemaname = 'public'",
    );
    for (const { name } of rows) {
      const found = await client.query(`SELECT 1 FROM ${name} AS t WHERE strpos(t::text, $1) > 0 LIMIT 1`, [text]);
      if (found.rows.length > 0) return true;
    }
    return false;
  });
}

/** Lets no row of a table be inserted, or updated, until it is undone. */
export async function refuseRows(folder: string, table: string, change: "INSERT" | "UPDATE"): Promise<Undo> {
  if (isPostgres) return addTrigger(folder, `BEFORE ${change} ON ${table} FOR EACH ROW`, "RAISE EXCEPTION 'refused'");
  const db = new Database(join(folder, "gatehouse.db"), { fileMustExist: true });
  db.exec(`CREATE TRIGGER refusing BEFORE ${change} ON ${table} BEGIN SELECT raise(ABORT, 'refused'); END`);
  return async () => {
    db.exec("DROP TRIGGER refusing");
    db.close();
  };
}

/**
 * From now on every write of a decision by the operator `stall` takes at least about so long, and holds up all others, until it is undone. A statement of
 * PostgreSQL is given up after 5 s.
 */
export async function stallWrites(folder: string, stallMs: number): Promise<Undo> {
  if (isPostgres) {
    const when = "AFTER INSERT ON decisions FOR EACH ROW WHEN (NEW.operator = 'stall')";
    return addTrigger(folder, when, `PERFORM pg_sleep(${stallMs / 1000})`);
  }
  const unstall = stallSqliteWrites(join(folder, "gatehouse.db"), stallMs);
  return async () => unstall();
}

/** Keeps every other from writing, until it is undone. */
export async function holdWrites(folder: string): Promise<Undo> {
  if (isPostgres) {
    const client = new pg.Client({ connectionString: await databaseOf(folder) });
    await client.connect();
    await client.query("BEGIN; LOCK TABLE log_head");
    return () => client.end();
  }
  const db = new Database(join(folder, "gatehouse.db"), { fileMustExist: true });
  db.exec("BEGIN IMMEDIATE");
  return async () => {
    db.exec("ROLLBACK");
    db.close();
  };
}

/** Adds a trigger of PostgreSQL. A database is used by the next test as it is left, so that it must be undone. */
async function addTrigger(folder: string, when: string, statement: string): Promise<Undo> {
  const body = `BEGIN ${statement}; RETURN NEW; END`;
  const table = / ON (\w+) /.exec(when)?.[1];
  const run = (sql: string) => withClient(folder, (client) => client.query(sql));
  await run(
    `CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ ${body} $$; CREATE TRIGGER meddling ${when} EXECUTE FUNCTION meddle()`,
  );
  return async () => void (await run(`DROP TRIGGER meddling ON ${table}; DROP FUNCTION meddle`));
}

async function withClient<T>(folder: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: await databaseOf(folder) });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

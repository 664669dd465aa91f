// What a PostgreSQL server has done and used.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import type { PostgresServer } from "../../test/postgres-server.ts";

const ticksPerSecond = 100;

/** What a database has done since it was made. */
export interface DatabaseWork {
  /** Transactions; a statement outside of any is one of its own. */
  transactions: number;
  /** Rows that were inserted, updated and deleted. */
  rows: number;
  /** Bytes of write-ahead log, of the whole server. */
  walBytes: number;
  /** Commits of batches, and other writes that lock the head of the log. */
  batches: number;
}

/** Reads it. What connections have done that are open still may be missing: the server counts it some seconds later. */
export async function readWork(url: string): Promise<DatabaseWork> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<Record<keyof DatabaseWork, string>>(
      `SELECT xact_commit AS "transactions", tup_inserted + tup_updated + tup_deleted AS "rows",
         pg_current_wal_insert_lsn() - '0/0' AS "walBytes", (SELECT epoch FROM log_head) AS "batches"
       FROM pg_stat_database WHERE datname = current_database()`,
    );
    const of = (key: keyof DatabaseWork) => Number(rows[0]?.[key]);
    return { transactions: of("transactions"), rows: of("rows"), walBytes: of("walBytes"), batches: of("batches") };
  } finally {
    await client.end();
  }
}

/** CPU seconds that a server has used, with all its processes, those that have ended included. */
export function serverCpuSeconds(server: PostgresServer): number {
  const folder = new URL(server.urlOf("postgres")).searchParams.get("host") ?? "";
  const main = Number(readFileSync(join(folder, "data/postmaster.pid"), "utf8").split("\n", 1)[0]);
  const children = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && statOf(name)?.parent === main);
  const own = statOf(String(main));
  const living = children.reduce((sum, pid) => sum + (statOf(pid)?.own ?? 0), 0);
  return ((own?.own ?? 0) + (own?.ended ?? 0) + living) / ticksPerSecond;
}

/** The parent of a process, and the ticks of its own and of the children that it has seen end; undefined when it is gone. */
function statOf(pid: string): { parent: number; own: number; ended: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .map(Number);
    const [parent = 0] = [fields[1]];
    const [own = 0, system = 0, ended = 0, endedSystem = 0] = fields.slice(11, 15);
    return { parent, own: own + system, ended: ended + endedSystem };
  } catch {
    return undefined;
  }
}

// Which database a command is about, and how it shows what it found and how far it has come.
import { loadConfig } from "../config.ts";
import { isPostgresUrl } from "../config-values.ts";
import type { Inspection } from "../storage/sqlite/inspect-database.ts";
import { CommandError, type Io } from "./command.ts";
import { formatCount } from "./progress.ts";
import { fields, safe } from "./text.ts";

/** The SQLite database that a flag names; without it, that of the settings. PostgreSQL has tools of its own. */
export function databaseOf(flag: string | undefined, io: Io): string {
  const database = flag ?? databaseOfSettings(io);
  if (!isPostgresUrl(database)) return database;
  throw new CommandError(
    "the database is in PostgreSQL, and this command is about SQLite files: pg_dump and pg_restore copy it, or what keeps your PostgreSQL does.",
  );
}

function databaseOfSettings(io: Io): string {
  const { config, problems } = loadConfig(io.env);
  if (config !== undefined) return config.database;
  throw new CommandError(
    `the settings, which say where the database is, are not usable:\n${problems.map((line) => `  ${line}`).join("\n")}`,
  );
}

/** What is in a database, for people. */
export function describeInspection({ path, bytes, schema, rows }: Inspection): string {
  const tables = Object.entries(rows).map(([table, count]) => [table, formatCount(count)] as const);
  return fields([["file", safe(path)], ["bytes", formatCount(bytes)], ["schema", String(schema)], ...tables]);
}

/** Reports of a copy, at most one a second. */
export function createCopyProgress(io: Io): (copiedPages: number, totalPages: number) => void {
  let saidMs = io.now();
  return (copied, total) => {
    if (io.now() - saidMs < 1000 || total === 0) return;
    saidMs = io.now();
    io.stderr.write(`copied ${Math.floor((100 * copied) / total)} %\n`);
  };
}

/** How long something took, such as `1.3 s`. */
export function formatSince(startMs: number, io: Io): string {
  return `${((io.now() - startMs) / 1000).toFixed(1)} s`;
}

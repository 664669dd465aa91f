// `gatehouse check`: looks through a whole database for damage.
import { type Command, parseFlags, UsageError } from "./command.ts";
import { databaseOf, describeInspection, formatSince } from "./database-flags.ts";
import { safe } from "./text.ts";

const usage = `Reads a whole database, or a backup, and says what is damaged: the structure of the file, references between
tables, counts that are kept, and sequence numbers.

Usage: gatehouse check [<database>]

Without an argument: the database of GATEHOUSE_DATABASE, or of the settings file. The service may run; while
the check reads, the database's log grows by what the service writes. Ends with 0 when the database is sound,
and with 1 when it is not.

  --json   one JSON object: path, bytes, schema, rows by table, problems
`;

/** The entry of the table of commands. */
export const check: Command = {
  name: "check",
  summary: "look through a database for damage",
  usage,
  async run(args, io) {
    const { values: flags, positionals } = parseFlags(args, { json: { type: "boolean" } });
    if (positionals.length > 1) throw new UsageError("check takes one database at most.");
    const database = databaseOf(positionals[0], io);
    const { inspectDatabase } = await import("../storage/sqlite/inspect-database.ts");
    const startMs = io.now();
    const inspection = inspectDatabase(database);
    const { problems } = inspection;
    if (flags.json) io.stdout.write(`${JSON.stringify(inspection)}\n`);
    else io.stdout.write(describeInspection(inspection));
    for (const problem of problems) io.stderr.write(`damaged: ${safe(problem)}\n`);
    if (problems.length === 0) io.stderr.write(`Sound; checked in ${formatSince(startMs, io)}.\n`);
    else io.stderr.write("Stop the service and restore a backup with `gatehouse restore`; keep this file, much of it may be readable.\n");
    return problems.length === 0 ? 0 : 1;
  },
};

// `gatehouse restore`: puts a backup in the place of the database.
import { type Command, parseFlags, UsageError } from "./command.ts";
import { createCopyProgress, databaseOf, describeInspection, formatSince } from "./database-flags.ts";
import { safe } from "./text.ts";

const usage = `Checks a backup and puts a copy of it in the place of the database. The service must be stopped.

Usage: gatehouse restore <backup>

The backup stays as it is. What was decided and recorded after it was made is undone: consumers of the
feed that have read it get INVALID_CURSOR with the last cursor that still holds, and no id is given twice.

  --to DATABASE   where to (default: GATEHOUSE_DATABASE, or that of the settings file)
  --force         also when there is a database: it is kept beside the new one, under another name
`;

/** The entry of the table of commands. */
export const restore: Command = {
  name: "restore",
  summary: "put a backup in the place of the database",
  usage,
  async run(args, io) {
    const { values: flags, positionals } = parseFlags(args, { to: { type: "string" }, force: { type: "boolean" } });
    const [file] = positionals;
    if (file === undefined || positionals.length > 1) throw new UsageError("restore needs exactly one backup.");
    const database = databaseOf(flags.to, io);
    const { restoreDatabase } = await import("../storage/sqlite/restore-database.ts");
    const nowMs = io.now();
    const options = { backup: file, database, force: flags.force ?? false, nowMs, onCopied: createCopyProgress(io) };
    const { inspection, keptAs } = await restoreDatabase(options);
    io.stdout.write(describeInspection(inspection));
    if (keptAs !== undefined) io.stderr.write(`The database that was there is kept as ${safe(keptAs)}.\n`);
    io.stderr.write(`Restored and checked in ${formatSince(nowMs, io)}.\n`);
    return 0;
  },
};

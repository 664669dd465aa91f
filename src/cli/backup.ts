// `gatehouse backup`: copies the database while the service runs, and checks the copy.
import { type Command, parseFlags, UsageError } from "./command.ts";
import { createCopyProgress, databaseOf, describeInspection, formatSince } from "./database-flags.ts";

const usage = `Copies the database, as it is at one moment, to a file, checks the copy, and only then gives it its name.

Usage: gatehouse backup <file>

The service may run: it is not held up, and need not do anything. While the copy is made, the database's
log grows by what the service writes. A backup is one file, which \`gatehouse check\` and
\`gatehouse restore\` read.

  --from DATABASE   which database (default: GATEHOUSE_DATABASE, or that of the settings file)
  --force           replace the file if it is there, once the new backup is complete and sound
`;

/** The entry of the table of commands. */
export const backup: Command = {
  name: "backup",
  summary: "copy the database while it is used, and check the copy",
  usage,
  async run(args, io) {
    const { values: flags, positionals } = parseFlags(args, { from: { type: "string" }, force: { type: "boolean" } });
    const [file] = positionals;
    if (file === undefined || positionals.length > 1) throw new UsageError("backup needs exactly one file to write.");
    const database = databaseOf(flags.from, io);
    const { backUpDatabase } = await import("../storage/sqlite/back-up-database.ts");
    const startMs = io.now();
    const inspection = await backUpDatabase({ database, backup: file, force: flags.force ?? false, onCopied: createCopyProgress(io) });
    io.stdout.write(describeInspection(inspection));
    io.stderr.write(`Backed up and checked in ${formatSince(startMs, io)}.\n`);
    return 0;
  },
};

// `gatehouse lists`: shows and edits the lists that rules ask.
import { toJson } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { ListChange, ListEditSchema, ListEntrySchema, ListKind, ListSchema, ListService } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { authorOptions, readAuthor } from "./author.ts";
import { mentionRest, readPages, serverOption, serverUsage, withClient } from "./client.ts";
import { type Command, type Io, parseFlags, readChoice, readInteger, runSubcommand, UsageError } from "./command.ts";
import type { EntryFormat } from "./lists/entry-file.ts";
import { formatCount } from "./progress.ts";
import { enumWord, formatTime, orDash, safe, table } from "./text.ts";
import { readTimeAhead } from "./time-flags.ts";

const defaultLimit = "1000";

/** As many values as one call may carry. */
const largestEdit = 1000;

const usage = `Shows and edits the lists that rules ask. Lists are made by the policy that names them, and serve all apps.

Usage: gatehouse lists                             all lists
       gatehouse lists show <list>                 its entries, by value
       gatehouse lists add <list> <value>...       adds values, or gives those on it a new reason, author, source and expiry
       gatehouse lists remove <list> <value>...    removes values
       gatehouse lists import <list> <file>        adds the entries of a file; "-" is the standard input
       gatehouse lists export <list>               writes all entries
       gatehouse lists history <list> [value]      what was done to a list or a value, the latest first

An edit is on disk when the command ends, and in force for the next decision. A value that starts with "-" goes after "--".
An import that was broken off is run again: what is on the list stays as it is.

Which (show, history):
  --prefix P           only values that begin with this (show)
  --contains T         only entries with this in value, reason, author or source (show)
  --limit N            at most this many (default: ${defaultLimit})
  --page-token T       goes on where an earlier run ended

For the record (add, remove, import):
  --reason R           why
  --author A           who (default: the user of the operating system)
  --source S           where the entries come from, such as a ticket (add, import)
  --expires T          when the entries stop counting: in 30d, 12h, 15m, or 2030-01-31T08:30:00Z (add, import)

Files (import, export):
  --format F           lines: one value on each line; ndjson: {"value": "x", "reason": "y", "author": …, "source": …,
                       "expireTime": …} or "x" on each line; csv: the first line names columns: value, reason, author,
                       source, expire_time (default: told by the name or the first line) (import)
  --output FILE        writes to a file, which is replaced when all is written (export)

${serverUsage}
  --json               protobuf JSON: a line for each list, entry or edit, or {"addedCount": N} and the like
`;

/** The entry of the table of commands. */
export const lists: Command = {
  name: "lists",
  summary: "show and edit the lists that rules ask: list, show, add, remove, import, export, history",
  usage,
  run: (args, io) => {
    const isBare = args[0] === undefined || args[0].startsWith("-");
    return runSubcommand("lists", subcommands, isBare ? ["list", ...args] : args, io);
  },
};

const subcommands = { list, show, add, remove, import: importFile, export: exportFile, history };

const commonOptions = { ...serverOption, json: { type: "boolean" } } as const;
const pageOptions = { limit: { type: "string" }, "page-token": { type: "string" } } as const;
const originOptions = { ...authorOptions, source: { type: "string" }, expires: { type: "string" } } as const;

async function list(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, commonOptions);
  if (positionals.length > 0) throw new UsageError(`lists list takes no arguments, but got "${positionals.join(" ")}".`);
  const response = await withClient(ListService, flags, io, (client) => client.listLists({}));
  if (flags.json) {
    for (const found of response.lists) io.stdout.write(`${JSON.stringify(toJson(ListSchema, found))}\n`);
  } else if (response.lists.length === 0) {
    io.stdout.write("No lists. A policy makes them by naming them.\n");
  } else {
    const rows = response.lists.map((found) => [safe(found.list), enumWord(ListKind, found.kind), formatCount(Number(found.entryCount))]);
    io.stdout.write(table(["LIST", "KIND", "ENTRIES"], rows));
  }
  return 0;
}

async function show(args: readonly string[], io: Io): Promise<number> {
  const options = { ...commonOptions, ...pageOptions, prefix: { type: "string" }, contains: { type: "string" } } as const;
  const { values: flags, positionals } = parseFlags(args, options);
  const [list] = positionals;
  if (list === undefined || positionals.length > 1) throw new UsageError("lists show needs exactly one list.");
  const request = { list, prefix: flags.prefix ?? "", contains: flags.contains ?? "" };
  const { items, nextPageToken } = await withClient(ListService, flags, io, (client) =>
    readPages(readWindow(flags), async (page) => {
      const response = await client.listEntries({ ...request, ...page });
      return { items: response.entries, nextPageToken: response.nextPageToken };
    }),
  );
  if (flags.json) {
    for (const entry of items) io.stdout.write(`${JSON.stringify(toJson(ListEntrySchema, entry))}\n`);
  } else if (items.length === 0) {
    io.stdout.write(request.prefix + request.contains === "" ? `${safe(list)} is empty.\n` : `${safe(list)} has no such entries.\n`);
  } else {
    const rows = items.map((entry) => [
      safe(entry.value),
      orDash(entry.reason),
      orDash(entry.author),
      orDash(entry.source),
      formatTime(entry.createTime),
      formatExpiry(entry.expireTime, io),
    ]);
    io.stdout.write(table(["VALUE", "REASON", "AUTHOR", "SOURCE", "ADDED", "EXPIRES"], rows));
  }
  mentionRest(nextPageToken, io);
  return 0;
}

async function add(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, { ...commonOptions, ...originOptions });
  const { list, values } = readEdit("add", positionals);
  const { author, ...origin } = readOrigin(flags, io);
  const count = await withClient(ListService, flags, io, (client) =>
    inParts(values, async (part) => {
      const entries = part.map((value) => ({ value, ...origin }));
      return (await client.addEntries({ list, author, entries })).addedCount;
    }),
  );
  const rest = values.length === count ? "" : `; ${values.length - count} there before`;
  io.stdout.write(flags.json ? `${JSON.stringify({ addedCount: count })}\n` : `Added ${count} to ${safe(list)}${rest}.\n`);
  return 0;
}

async function remove(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, { ...commonOptions, ...authorOptions });
  const { list, values } = readEdit("remove", positionals);
  const by = { author: readAuthor(flags.author, io), reason: flags.reason ?? "" };
  const count = await withClient(ListService, flags, io, (client) =>
    inParts(values, async (part) => (await client.removeEntries({ list, values: part, ...by })).removedCount),
  );
  const rest = values.length === count ? "" : `; ${values.length - count} not on it`;
  io.stdout.write(flags.json ? `${JSON.stringify({ removedCount: count })}\n` : `Removed ${count} from ${safe(list)}${rest}.\n`);
  return 0;
}

async function importFile(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, { ...commonOptions, ...originOptions, format: { type: "string" } });
  const [list, path] = positionals;
  if (list === undefined || path === undefined || positionals.length > 2) throw new UsageError("lists import needs a list and a file.");
  const formats: Record<EntryFormat, EntryFormat> = { lines: "lines", ndjson: "ndjson", csv: "csv" };
  const format = flags.format === undefined ? undefined : readChoice("--format", flags.format, formats);
  const origin = readOrigin(flags, io);
  // Loaded only here: the other subcommands start faster without the rules of the schema.
  const [{ importEntries }, { openFile, readEntries }] = await Promise.all([import("./lists/import.ts"), import("./lists/entry-file.ts")]);
  const name = path === "-" ? "standard input" : path;
  const { received, added, expired, progress } = await withClient(ListService, flags, io, (client) =>
    importEntries(client, readEntries(openFile(path), name, format), { list, name, ...origin }, io),
  );
  if (flags.json) {
    io.stdout.write(`${JSON.stringify({ receivedCount: received, addedCount: added, expiredCount: expired })}\n`);
  } else {
    const rest = received === added ? "" : `; ${formatCount(received - added)} there before`;
    const passedOver = expired === 0 ? "" : `; ${formatCount(expired)} expired already and passed over`;
    io.stdout.write(`Imported ${formatCount(added)} into ${safe(list)}${rest}${passedOver} (${progress.summary()}).\n`);
  }
  return 0;
}

async function exportFile(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, { ...commonOptions, output: { type: "string" } });
  const [list] = positionals;
  if (list === undefined || positionals.length > 1) throw new UsageError("lists export needs exactly one list.");
  const { exportEntries } = await import("./lists/export.ts");
  const settings = { list, output: flags.output, json: flags.json ?? false };
  await withClient(ListService, flags, io, (client) => exportEntries(client, settings, io));
  return 0;
}

async function history(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, { ...commonOptions, ...pageOptions });
  const [list, value = ""] = positionals;
  if (list === undefined || positionals.length > 2) throw new UsageError("lists history needs a list, and at most one value.");
  const { items, nextPageToken } = await withClient(ListService, flags, io, (client) =>
    readPages(readWindow(flags), async (page) => {
      const response = await client.listEdits({ list, value, ...page });
      return { items: response.edits, nextPageToken: response.nextPageToken };
    }),
  );
  if (flags.json) {
    for (const edit of items) io.stdout.write(`${JSON.stringify(toJson(ListEditSchema, edit))}\n`);
  } else if (items.length === 0) {
    io.stdout.write(`Nothing was done to ${safe(value || list)} yet.\n`);
  } else {
    const rows = items.map((edit) => [
      formatTime(edit.editTime),
      enumWord(ListChange, edit.change),
      safe(edit.value),
      orDash(edit.author),
      orDash(edit.reason),
      orDash(edit.source),
      formatTime(edit.expireTime),
    ]);
    io.stdout.write(table(["TIME", "CHANGE", "VALUE", "AUTHOR", "REASON", "SOURCE", "EXPIRES"], rows));
  }
  mentionRest(nextPageToken, io);
  return 0;
}

function readWindow(flags: { limit?: string; "page-token"?: string }) {
  return { limit: readInteger("--limit", flags.limit ?? defaultLimit, 1, 1_000_000), pageToken: flags["page-token"] ?? "" };
}

/** What the flags say of entries. */
function readOrigin(flags: { author?: string; reason?: string; source?: string; expires?: string }, io: Io) {
  const expireTime = flags.expires === undefined ? undefined : readTimeAhead("--expires", flags.expires, io.now());
  return { author: readAuthor(flags.author, io), reason: flags.reason ?? "", source: flags.source ?? "", expireTime };
}

function formatExpiry(expireTime: Timestamp | undefined, io: Io): string {
  const expired = expireTime !== undefined && Number(expireTime.seconds) * 1000 <= io.now();
  return `${formatTime(expireTime)}${expired ? " (expired)" : ""}`;
}

/** The list and the values of an edit, each value once. */
function readEdit(verb: string, positionals: readonly string[]): { list: string; values: string[] } {
  const [list, ...values] = positionals;
  if (list === undefined || values.length === 0) throw new UsageError(`lists ${verb} needs a list and at least one value.`);
  return { list, values: [...new Set(values)] };
}

/** Makes an edit in as many calls as its size demands; resolves to the sum of what they did. */
async function inParts(values: readonly string[], edit: (part: string[]) => Promise<number>): Promise<number> {
  let count = 0;
  for (let start = 0; start < values.length; start += largestEdit) count += await edit(values.slice(start, start + largestEdit));
  return count;
}

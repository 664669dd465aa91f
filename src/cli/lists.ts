// `gatehouse lists`: shows and edits the lists that rules ask.
import { toJson } from "@bufbuild/protobuf";
import { ListEntrySchema, ListService } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { mentionRest, readPages, serverOption, serverUsage, withClient } from "./client.ts";
import { type Command, type Io, parseFlags, readInteger, runSubcommand, UsageError } from "./command.ts";
import { formatTime, orDash, safe, table } from "./text.ts";

const defaultLimit = "1000";

/** As many values as one call may carry. */
const largestEdit = 1000;

const usage = `Shows and edits the lists that rules ask. Lists are made by the policy that names them, and serve all apps.

Usage: gatehouse lists show <list>                             its entries, by value
       gatehouse lists add <list> <value>... [--reason R]      adds values, or gives those on it a new reason
       gatehouse lists remove <list> <value>...                removes values

An edit is on disk when the command ends, and in force for the next decision. A value that starts with "-" goes after "--".

  --reason R           why the values are added
  --limit N            shows at most this many (default: ${defaultLimit})
  --page-token T       goes on where an earlier show ended

${serverUsage}
  --json               protobuf JSON: a line for each entry, or {"addedCount": N}, {"removedCount": N}
`;

/** The entry of the table of commands. */
export const lists: Command = {
  name: "lists",
  summary: "show and edit the lists that rules ask: show, add, remove",
  usage,
  run: (args, io) => runSubcommand("lists", { show, add, remove }, args, io),
};

const commonOptions = { ...serverOption, json: { type: "boolean" } } as const;

async function show(args: readonly string[], io: Io): Promise<number> {
  const options = { ...commonOptions, limit: { type: "string" }, "page-token": { type: "string" } } as const;
  const { values: flags, positionals } = parseFlags(args, options);
  const [list] = positionals;
  if (list === undefined || positionals.length > 1) throw new UsageError("lists show needs exactly one list.");
  const window = { limit: readInteger("--limit", flags.limit ?? defaultLimit, 1, 1_000_000), pageToken: flags["page-token"] ?? "" };
  const { items, nextPageToken } = await withClient(ListService, flags.server, io, (client) =>
    readPages(window, async (page) => {
      const response = await client.listEntries({ list, ...page });
      return { items: response.entries, nextPageToken: response.nextPageToken };
    }),
  );
  if (flags.json) {
    for (const entry of items) io.stdout.write(`${JSON.stringify(toJson(ListEntrySchema, entry))}\n`);
  } else if (items.length === 0) {
    io.stdout.write(`${safe(list)} is empty.\n`);
  } else {
    const rows = items.map(({ value, reason, createTime }) => [safe(value), orDash(reason), formatTime(createTime)]);
    io.stdout.write(table(["VALUE", "REASON", "ADDED"], rows));
  }
  mentionRest(nextPageToken, io);
  return 0;
}

async function add(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, { ...commonOptions, reason: { type: "string" } } as const);
  const { list, values } = readEdit("add", positionals);
  const reason = flags.reason ?? "";
  const count = await withClient(ListService, flags.server, io, (client) =>
    inParts(values, async (part) => {
      const response = await client.addEntries({ list, entries: part.map((value) => ({ value, reason })) });
      return response.addedCount;
    }),
  );
  const rest = values.length === count ? "" : `; ${values.length - count} there before`;
  io.stdout.write(flags.json ? `${JSON.stringify({ addedCount: count })}\n` : `Added ${count} to ${safe(list)}${rest}.\n`);
  return 0;
}

async function remove(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, commonOptions);
  const { list, values } = readEdit("remove", positionals);
  const count = await withClient(ListService, flags.server, io, (client) =>
    inParts(values, async (part) => {
      const response = await client.removeEntries({ list, values: part });
      return response.removedCount;
    }),
  );
  const rest = values.length === count ? "" : `; ${values.length - count} not on it`;
  io.stdout.write(flags.json ? `${JSON.stringify({ removedCount: count })}\n` : `Removed ${count} from ${safe(list)}${rest}.\n`);
  return 0;
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

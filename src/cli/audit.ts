// `gatehouse audit`: reads the log of administrative acts.
import { create, toJson } from "@bufbuild/protobuf";
import {
  type AuditEntry,
  AuditEntrySchema,
  AuditService,
  ListAuditEntriesRequestSchema,
  type Principal,
  PrincipalKind,
} from "../../gen/gatehouse/v1/audit_service_pb.ts";
import { mentionRest, readPages, serverOption, serverUsage, withClient } from "./client.ts";
import { type Command, type Io, parseFlags, readAppId, readInteger, runSubcommand, UsageError } from "./command.ts";
import { enumWord, formatTime, orDash, safe, table } from "./text.ts";
import { readTimeAgo } from "./time-flags.ts";

const defaultLimit = "50";

const usage = `Reads the log of administrative acts: who did what, and what was before and after.

Usage: gatehouse audit list [flags]    the latest first

Which:
  --app N              for this app (default: all, also those that serve all apps)
  --principal ID       by this key, by its id, or this token's subject
  --method M           of this method, such as ListService/AddEntries
  --target T           done to this: a list, a key's id, a policy's version
  --since T            that began since 24h, 7d or 2030-01-31T08:30:00Z
  --until T            that began before then
  --limit N            at most this many (default: ${defaultLimit})
  --page-token T       goes on where an earlier run ended

${serverUsage}
  --json               protobuf JSON, one line for each entry, with request, before and after
`;

/** The entry of the table of commands. */
export const audit: Command = {
  name: "audit",
  summary: "read who changed what: list",
  usage,
  run: (args, io) => runSubcommand("audit", { list }, args, io),
};

const listOptions = {
  ...serverOption,
  app: { type: "string" },
  principal: { type: "string" },
  method: { type: "string" },
  target: { type: "string" },
  since: { type: "string" },
  until: { type: "string" },
  limit: { type: "string" },
  "page-token": { type: "string" },
  json: { type: "boolean" },
} as const;

async function list(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, listOptions);
  if (positionals.length > 0) throw new UsageError(`audit list takes no arguments, but got "${positionals.join(" ")}".`);
  const filter = create(ListAuditEntriesRequestSchema, {
    appId: flags.app === undefined ? 0 : readAppId("--app", flags.app),
    principalId: flags.principal ?? "",
    method: fullName(flags.method ?? ""),
    target: flags.target ?? "",
  });
  if (flags.since !== undefined) filter.startTime = readTimeAgo("--since", flags.since, io.now());
  if (flags.until !== undefined) filter.endTime = readTimeAgo("--until", flags.until, io.now());
  const window = { limit: readInteger("--limit", flags.limit ?? defaultLimit, 1, 1_000_000), pageToken: flags["page-token"] ?? "" };
  const { items, nextPageToken } = await withClient(AuditService, flags, io, (client) =>
    readPages(window, async (page) => {
      const response = await client.listAuditEntries({ ...filter, ...page });
      return { items: response.entries, nextPageToken: response.nextPageToken };
    }),
  );
  if (flags.json) for (const entry of items) io.stdout.write(`${JSON.stringify(toJson(AuditEntrySchema, entry))}\n`);
  else if (items.length === 0) io.stdout.write("No entries.\n");
  else io.stdout.write(table(["TIME", "WHO", "WHAT", "TARGET", "OUTCOME", "BEFORE", "AFTER"], items.map(row)));
  mentionRest(nextPageToken, io);
  return 0;
}

/** How much of what was before and after a table shows. */
const shownCharacters = 60;

function row(entry: AuditEntry): string[] {
  return [
    formatTime(entry.beginTime),
    describePrincipal(entry.principal),
    safe(entry.method.replace("gatehouse.v1.", "")),
    orDash(entry.target.length === 64 ? entry.target.slice(0, 12) : entry.target),
    entry.outcome === "" ? "(not known)" : safe(entry.outcome),
    shortened(entry.beforeJson),
    shortened(entry.afterJson),
  ];
}

function describePrincipal(principal: Principal | undefined): string {
  if (principal === undefined) return "-";
  const kind = enumWord(PrincipalKind, principal.kind).replace("_", " ");
  return safe([...new Set([kind, principal.id, principal.name])].filter((part) => part !== "").join(" "));
}

function shortened(json: string): string {
  return orDash(json.length > shownCharacters ? `${json.slice(0, shownCharacters)}…` : json);
}

/** The method's full name; the package may be left out. */
function fullName(method: string): string {
  return /^\w+\/\w+$/.test(method) ? `gatehouse.v1.${method}` : method;
}

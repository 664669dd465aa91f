// `gatehouse feed`: reads the one ordered log of decisions, events, cases, and edits of lists and policies.
import { ChangeKind, FeedService, FeedStart } from "../../gen/gatehouse/v1/feed_service_pb.ts";
import { serverOption, serverUsage, withClient } from "./client.ts";
import { type Command, type Io, parseFlags, readAppId, readChoice, runSubcommand, UsageError } from "./command.ts";
import type { FeedPlace } from "./feed/follow.ts";

export const changeKinds = {
  decision: ChangeKind.DECISION,
  event: ChangeKind.EVENT,
  list_edit: ChangeKind.LIST_EDIT,
  policy: ChangeKind.POLICY,
  case: ChangeKind.CASE,
};

const usage = `Reads the one ordered log of decisions, events, cases, edits of lists and settings of policy pointers.

Usage: gatehouse feed tail [flags]                     shows changes as they come, until Ctrl-C
       gatehouse feed export --output FILE [flags]     writes them to a file, one on each line, until Ctrl-C

When the connection breaks both go on by themselves after the last change. An export that was ended or broken off is run again: it goes on after
the last line of the file.

Which:
  --app N              decisions, events and cases of this app (default: GATEHOUSE_APP, or all apps); edits of lists and policies serve all apps
  --account ID         only decisions, events and cases about this account
  --kind K             only this kind: decision, event, list_edit, policy or case; can be given several times

Where to begin (tail):
  --from F             start: with the first that is kept; now (the default): with those to come; or after a cursor

Where to end (export):
  --until-now          when all that is there is written

${serverUsage}
  --json               protobuf JSON, one line for each change, as export writes it (tail)
`;

/** The entry of the table of commands. */
export const feed: Command = {
  name: "feed",
  summary: "follow all that is decided, recorded and edited, in order: tail, export",
  usage,
  run: (args, io) => runSubcommand("feed", { tail, export: exportFile }, args, io),
};

const filterOptions = {
  ...serverOption,
  app: { type: "string" },
  account: { type: "string" },
  kind: { type: "string", multiple: true },
} as const;

async function tail(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, { ...filterOptions, from: { type: "string" }, json: { type: "boolean" } });
  if (positionals.length > 0) throw new UsageError(`feed tail takes no arguments, but got "${positionals.join(" ")}".`);
  const place = { ...readFrom(flags.from ?? "now"), filter: readFilter(flags, io) };
  const { tailFeed } = await import("./feed/tail.ts");
  await withClient(FeedService, flags, io, (client) => tailFeed(client, place, flags.json ?? false, io));
  return 0;
}

async function exportFile(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, {
    ...filterOptions,
    output: { type: "string" },
    "until-now": { type: "boolean" },
  });
  if (positionals.length > 0) throw new UsageError(`feed export takes no arguments, but got "${positionals.join(" ")}".`);
  if (flags.output === undefined || flags.output === "") throw new UsageError("feed export needs --output FILE.");
  const place = { cursor: "", start: FeedStart.BEGINNING, filter: readFilter(flags, io) };
  const settings = { place, output: flags.output, end: flags["until-now"] ? "now" : "interrupt" } as const;
  const { exportFeed } = await import("./feed/export.ts");
  await withClient(FeedService, flags, io, (client) => exportFeed(client, settings, io));
  return 0;
}

function readFrom(from: string): { cursor: string; start: FeedStart } {
  if (from === "") throw new UsageError("--from must be start, now or a cursor.");
  if (from === "start") return { cursor: "", start: FeedStart.BEGINNING };
  return from === "now" ? { cursor: "", start: FeedStart.NOW } : { cursor: from, start: FeedStart.BEGINNING };
}

function readFilter(flags: { app?: string; account?: string; kind?: string[] }, io: Io): FeedPlace["filter"] {
  const app = flags.app ?? io.env.GATEHOUSE_APP ?? "";
  return {
    appId: app === "" ? 0 : readAppId("--app", app),
    accountId: flags.account ?? "",
    kinds: [...new Set(flags.kind)].map((kind) => readChoice("--kind", kind, changeKinds)),
  };
}

// `gatehouse accounts`: reads the registry of accounts and the events that made it.
import { toJson } from "@bufbuild/protobuf";
import {
  AccountRevisionSchema,
  AccountSchema,
  AccountService,
  AccountState,
  type ListTimelineRequest,
  MessageSchema,
  TimelineEntrySchema,
} from "../../gen/gatehouse/v1/account_service_pb.ts";
import { EventSchema } from "../../gen/gatehouse/v1/event_pb.ts";
import { accountRow, describeAccount, describeRevision, eventRow, messageRow, timelineRow } from "./accounts/describe.ts";
import { mentionRest, readPages, serverOption, serverUsage, withClient } from "./client.ts";
import { type Command, type Io, parseFlags, readAppId, readChoice, readInteger, runSubcommand, UsageError } from "./command.ts";
import { table } from "./text.ts";
import { readTimeAgo } from "./time-flags.ts";

const defaultLimit = "50";
const states = { live: AccountState.LIVE, destroyed: AccountState.DESTROYED };

const usage = `Reads the accounts that recorded events speak of.

Usage: gatehouse accounts list [flags]                    lists and searches
       gatehouse accounts get <account_id> --app N        one, with its events
       gatehouse accounts revisions <account_id> --app N  what each event changed in it
       gatehouse accounts timeline --app N (--account ID | --owner U | --user U)
                                                          decisions and events together, the latest first
       gatehouse accounts messages <account_id> --app N   its messages that have a key, the latest heard of first

Which:
  --app N              of this app (default: GATEHOUSE_APP; without it, list shows all apps)
  --limit N            at most this many accounts, events, revisions, entries or messages (default: ${defaultLimit})
  --page-token T       goes on where an earlier run with the same flags ended

Which of the list:
  --owner U            owned by this user
  --name N             with this name, without regard to case, accents, width, and characters that cannot be seen
  --name-prefix P      with a name that begins so, letter for letter
  --state S            live or destroyed
  --since T            with a last event at or after this: 24h (ago), 30d, 2026-11-20, 2026-11-20T08:30:00Z
  --until T            with a last event before this

Whose timeline:
  --account ID         the decisions and events about this account
  --owner U            those about what this user would own, owns or owned
  --user U             the decisions that this user asked for or would own, and the events that name them

${serverUsage}
  --json               protobuf JSON, a line for each; with get one object, {"account": …, "events": […]}
`;

/** The entry of the table of commands. */
export const accounts: Command = {
  name: "accounts",
  summary: "read the accounts, what happened to them and when: list, get, revisions, timeline, messages",
  usage,
  run: (args, io) => runSubcommand("accounts", { list, get, revisions, timeline, messages }, args, io),
};

const commonOptions = {
  ...serverOption,
  app: { type: "string" },
  limit: { type: "string" },
  "page-token": { type: "string" },
  json: { type: "boolean" },
} as const;

async function list(args: readonly string[], io: Io): Promise<number> {
  const text = { type: "string" } as const;
  const options = { ...commonOptions, owner: text, name: text, "name-prefix": text, state: text, since: text, until: text } as const;
  const { values: flags, positionals } = parseFlags(args, options);
  if (positionals.length > 0) throw new UsageError(`accounts list takes no arguments, but got "${positionals.join(" ")}".`);
  const app = flags.app ?? io.env.GATEHOUSE_APP ?? "";
  const filter = {
    appId: app === "" ? 0 : readAppId("--app", app),
    owner: flags.owner ?? "",
    normalizedName: flags.name ?? "",
    namePrefix: flags["name-prefix"] ?? "",
    state: flags.state === undefined ? AccountState.UNSPECIFIED : readChoice("--state", flags.state, states),
    ...(flags.since === undefined ? {} : { lastEventStartTime: readTimeAgo("--since", flags.since, io.now()) }),
    ...(flags.until === undefined ? {} : { lastEventEndTime: readTimeAgo("--until", flags.until, io.now()) }),
  };
  const { items, nextPageToken } = await withClient(AccountService, flags, io, (client) =>
    readPages(readWindow(flags), async (page) => {
      const response = await client.listAccounts({ ...filter, ...page });
      return { items: response.accounts, nextPageToken: response.nextPageToken };
    }),
  );
  if (flags.json) for (const account of items) io.stdout.write(`${JSON.stringify(toJson(AccountSchema, account))}\n`);
  else if (items.length === 0) io.stdout.write("No accounts.\n");
  else io.stdout.write(table(["APP", "ACCOUNT", "NAME", "OWNER", "STATE", "LAST EVENT"], items.map(accountRow)));
  mentionRest(nextPageToken, io);
  return 0;
}

async function get(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, commonOptions);
  const key = readAccount("get", flags.app, positionals, io);
  const window = readWindow(flags);
  const { account, events, nextPageToken } = await withClient(AccountService, flags, io, async (client) => {
    const response = await client.getAccount(key);
    const { items, nextPageToken } = await readPages(window, async (page) => {
      const { events, nextPageToken } = await client.listAccountEvents({ ...key, ...page });
      return { items: events, nextPageToken };
    });
    return { account: response.account, events: items, nextPageToken };
  });
  if (account === undefined) return 1;
  if (flags.json) {
    const json = { account: toJson(AccountSchema, account), events: events.map((event) => toJson(EventSchema, event)) };
    io.stdout.write(`${JSON.stringify(json)}\n`);
  } else {
    io.stdout.write(`${describeAccount(account)}\n${table(["RECEIVED", "HAPPENED", "EVENT", "BY", "WHAT"], events.map(eventRow))}`);
  }
  mentionRest(nextPageToken, io);
  return 0;
}

async function revisions(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, commonOptions);
  const key = readAccount("revisions", flags.app, positionals, io);
  const { items, nextPageToken } = await withClient(AccountService, flags, io, (client) =>
    readPages(readWindow(flags), async (page) => {
      const response = await client.listAccountRevisions({ ...key, ...page });
      return { items: response.revisions, nextPageToken: response.nextPageToken };
    }),
  );
  if (flags.json) for (const revision of items) io.stdout.write(`${JSON.stringify(toJson(AccountRevisionSchema, revision))}\n`);
  else if (items.length === 0) io.stdout.write("No event has said anything of this account's fields.\n");
  else io.stdout.write(items.map(describeRevision).join("\n"));
  mentionRest(nextPageToken, io);
  return 0;
}

async function timeline(args: readonly string[], io: Io): Promise<number> {
  const text = { type: "string" } as const;
  const { values: flags, positionals } = parseFlags(args, { ...commonOptions, account: text, owner: text, user: text });
  if (positionals.length > 0) throw new UsageError(`accounts timeline takes no arguments, but got "${positionals.join(" ")}".`);
  const request = { appId: readApp("timeline", flags.app, io), of: readWhose(flags) };
  const { items, nextPageToken } = await withClient(AccountService, flags, io, (client) =>
    readPages(readWindow(flags), async (page) => {
      const response = await client.listTimeline({ ...request, ...page });
      return { items: response.entries, nextPageToken: response.nextPageToken };
    }),
  );
  if (flags.json) for (const entry of items) io.stdout.write(`${JSON.stringify(toJson(TimelineEntrySchema, entry))}\n`);
  else if (items.length === 0) io.stdout.write("No decisions and no events.\n");
  else io.stdout.write(table(["TIME", "ID", "WHAT", "BY", "ABOUT", "DETAILS"], items.map(timelineRow)));
  mentionRest(nextPageToken, io);
  return 0;
}

async function messages(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, commonOptions);
  const key = readAccount("messages", flags.app, positionals, io);
  const { items, nextPageToken } = await withClient(AccountService, flags, io, (client) =>
    readPages(readWindow(flags), async (page) => {
      const response = await client.listMessages({ ...key, ...page });
      return { items: response.messages, nextPageToken: response.nextPageToken };
    }),
  );
  if (flags.json) for (const message of items) io.stdout.write(`${JSON.stringify(toJson(MessageSchema, message))}\n`);
  else if (items.length === 0) io.stdout.write("No messages.\n");
  else io.stdout.write(table(["SENT", "KEY", "WITHDRAWN", "MESSAGE"], items.map(messageRow)));
  mentionRest(nextPageToken, io);
  return 0;
}

function readWhose({ account, owner, user }: { account?: string; owner?: string; user?: string }): ListTimelineRequest["of"] {
  const given = [
    ...(account === undefined ? [] : [{ case: "accountId" as const, value: account }]),
    ...(owner === undefined ? [] : [{ case: "owner" as const, value: owner }]),
    ...(user === undefined ? [] : [{ case: "user" as const, value: user }]),
  ];
  const [whose] = given;
  if (whose === undefined || given.length > 1)
    throw new UsageError("accounts timeline needs exactly one of --account, --owner and --user.");
  return whose;
}

function readAccount(subcommand: string, app: string | undefined, positionals: readonly string[], io: Io) {
  const [accountId] = positionals;
  if (accountId === undefined || positionals.length > 1) throw new UsageError(`accounts ${subcommand} needs exactly one account id.`);
  return { appId: readApp(subcommand, app, io), accountId };
}

function readApp(subcommand: string, flag: string | undefined, io: Io): number {
  const app = flag ?? io.env.GATEHOUSE_APP ?? "";
  if (app === "") throw new UsageError(`accounts ${subcommand} needs --app (or GATEHOUSE_APP): the same ids can be in several apps.`);
  return readAppId("--app", app);
}

function readWindow(flags: { limit?: string; "page-token"?: string }) {
  return { limit: readInteger("--limit", flags.limit ?? defaultLimit, 1, 1_000_000), pageToken: flags["page-token"] ?? "" };
}

// `gatehouse accounts`: reads the registry of accounts and the events that made it.
import { toJson } from "@bufbuild/protobuf";
import { type Account, AccountSchema, AccountService, AccountState } from "../../gen/gatehouse/v1/account_service_pb.ts";
import { type Event, EventSchema } from "../../gen/gatehouse/v1/event_pb.ts";
import { mentionRest, readPages, serverOption, serverUsage, withClient } from "./client.ts";
import { type Command, type Io, parseFlags, readAppId, readChoice, readInteger, runSubcommand, UsageError } from "./command.ts";
import { enumWord, fields, formatTime, orDash, safe, table } from "./text.ts";

const defaultLimit = "50";
/** How many users of an event are named in a table; --json names all of them. */
const maxNamedUsers = 5;
const states = { live: AccountState.LIVE, destroyed: AccountState.DESTROYED };

const usage = `Reads the accounts that recorded events speak of.

Usage: gatehouse accounts list [flags]                    by app and account id
       gatehouse accounts get <account_id> --app N        one, with its events

Which:
  --app N              of this app (default: GATEHOUSE_APP; without it, list shows all apps)
  --owner U            owned by this user (list)
  --state S            live or destroyed (list)
  --limit N            at most this many accounts, or events with get (default: ${defaultLimit})
  --page-token T       goes on where an earlier list ended, or the events of an earlier get

${serverUsage}
  --json               protobuf JSON: a line for each account; with get one object, {"account": …, "events": […]}
`;

/** The entry of the table of commands. */
export const accounts: Command = {
  name: "accounts",
  summary: "read the accounts and their events: list, get",
  usage,
  run: (args, io) => runSubcommand("accounts", { list, get }, args, io),
};

const commonOptions = {
  ...serverOption,
  app: { type: "string" },
  limit: { type: "string" },
  "page-token": { type: "string" },
  json: { type: "boolean" },
} as const;

async function list(args: readonly string[], io: Io): Promise<number> {
  const options = { ...commonOptions, owner: { type: "string" }, state: { type: "string" } } as const;
  const { values: flags, positionals } = parseFlags(args, options);
  if (positionals.length > 0) throw new UsageError(`accounts list takes no arguments, but got "${positionals.join(" ")}".`);
  const app = flags.app ?? io.env.GATEHOUSE_APP ?? "";
  const filter = {
    appId: app === "" ? 0 : readAppId("--app", app),
    owner: flags.owner ?? "",
    state: flags.state === undefined ? AccountState.UNSPECIFIED : readChoice("--state", flags.state, states),
  };
  const { items, nextPageToken } = await withClient(AccountService, flags, io, (client) =>
    readPages(readWindow(flags), async (page) => {
      const response = await client.listAccounts({ ...filter, ...page });
      return { items: response.accounts, nextPageToken: response.nextPageToken };
    }),
  );
  if (flags.json) for (const account of items) io.stdout.write(`${JSON.stringify(toJson(AccountSchema, account))}\n`);
  else if (items.length === 0) io.stdout.write("No accounts.\n");
  else io.stdout.write(table(["APP", "ACCOUNT", "NAME", "OWNER", "STATE", "LAST EVENT"], items.map(row)));
  mentionRest(nextPageToken, io);
  return 0;
}

async function get(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, commonOptions);
  const [accountId] = positionals;
  if (accountId === undefined || positionals.length > 1) throw new UsageError("accounts get needs exactly one account id.");
  const app = flags.app ?? io.env.GATEHOUSE_APP ?? "";
  if (app === "") throw new UsageError("accounts get needs --app (or GATEHOUSE_APP): the same account id can be in several apps.");
  const key = { appId: readAppId("--app", app), accountId };
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
    io.stdout.write(`${describe(account)}\n${table(["RECEIVED", "HAPPENED", "EVENT", "BY", "WHAT"], events.map(eventRow))}`);
  }
  mentionRest(nextPageToken, io);
  return 0;
}

function readWindow(flags: { limit?: string; "page-token"?: string }) {
  return { limit: readInteger("--limit", flags.limit ?? defaultLimit, 1, 1_000_000), pageToken: flags["page-token"] ?? "" };
}

function row(account: Account): string[] {
  return [
    String(account.appId),
    safe(account.accountId),
    orDash(account.name),
    orDash(account.owner),
    describeState(account),
    formatTime(account.lastEventTime),
  ];
}

function describe(account: Account): string {
  return fields([
    ["account", safe(account.accountId)],
    ["app", String(account.appId)],
    ["state", describeState(account)],
    ["owner", orDash(account.owner)],
    ["name", orDash(account.name)],
    ["introduction", orDash(account.introduction)],
    ["picture", orDash(account.faceUrl)],
    ["organization", orDash(account.organization)],
    ["first event", formatTime(account.firstEventTime)],
    ["last event", formatTime(account.lastEventTime)],
  ]);
}

function describeState(account: Account): string {
  const state = enumWord(AccountState, account.state);
  return account.partial ? `${state} (creation not seen)` : state;
}

function eventRow(event: Event): string[] {
  const { kind, by, what } = describeEvent(event);
  return [formatTime(event.receiveTime), formatTime(event.eventTime), kind, by, what];
}

/** What happened, by whom, and with which values. */
export function describeEvent({ event }: Event): { kind: string; by: string; what: string } {
  switch (event.case) {
    case "accountCreated": {
      const { operator, owner, name } = event.value;
      return { kind: "account_created", by: orDash(operator), what: describeValues({ owner, name }) };
    }
    case "accountProfileChanged": {
      const { operator, name, introduction, faceUrl, organization } = event.value;
      const what = describeValues({ name, introduction, picture: faceUrl, organization });
      return { kind: "account_profile_changed", by: orDash(operator), what };
    }
    case "accountDestroyed": {
      const { owner, name } = event.value;
      return { kind: "account_destroyed", by: "-", what: describeValues({ owner, name }) };
    }
    case "subscribersAdded":
    case "subscribersRemoved": {
      const kind = event.case === "subscribersAdded" ? "subscribers_added" : "subscribers_removed";
      return { kind, by: orDash(event.value.operator), what: describeUsers(event.value.subscribers) };
    }
    case undefined:
      return { kind: "(unknown to this version)", by: "-", what: "-" };
  }
}

/** The first users by name, and how many there are besides. */
function describeUsers(users: readonly string[]): string {
  const named = users.slice(0, maxNamedUsers).map(safe).join(", ");
  return users.length > maxNamedUsers ? `${named} and ${users.length - maxNamedUsers} more` : named;
}

function describeValues(values: Readonly<Record<string, string | undefined>>): string {
  const set = Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [`${name}="${safe(value)}"`]));
  return orDash(set.join(" "));
}

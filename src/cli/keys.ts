// `gatehouse keys`: makes, lists and revokes API keys.
import { create, toJson } from "@bufbuild/protobuf";
import { Role } from "../../gen/gatehouse/v1/access_pb.ts";
import { CreateKeyRequestSchema, type Key, KeySchema, KeyService } from "../../gen/gatehouse/v1/key_service_pb.ts";
import { mentionRest, readPages, serverOption, serverUsage, withClient } from "./client.ts";
import { type Command, type Io, parseFlags, readAppId, readChoice, readInteger, runSubcommand, UsageError } from "./command.ts";
import { enumWord, formatTime, orDash, safe, table } from "./text.ts";
import { readTimeAhead } from "./time-flags.ts";

const defaultLimit = "1000";

const roles = {
  viewer: Role.VIEWER,
  decider: Role.DECIDER,
  reviewer: Role.REVIEWER,
  author: Role.AUTHOR,
  operator: Role.OPERATOR,
};

const usage = `Makes, lists and revokes API keys, which systems and people show to be let in.

Usage: gatehouse keys create --name N --role R...   makes a key and shows it, this once
       gatehouse keys list                          all keys, the latest created first
       gatehouse keys revoke <key_id>               ends a key: the next call with it is refused

A key_id is the part of a key between the first two "_". A lost key cannot be shown again: revoke it and make another.

What (create):
  --name N             whose it is
  --role R             viewer: reads; decider: asks for decisions and records events; reviewer: reads, and works on cases; author: reads,
                       and edits lists and policies; operator: everything; can be given several times
  --app N              only for this app; can be given several times (default: all apps)
  --expires T          when it stops working: in 90d, 12h, or 2030-01-31T08:30:00Z (default: never)

Which (list):
  --limit N            at most this many (default: ${defaultLimit})
  --page-token T       goes on where an earlier run ended

${serverUsage}
  --json               protobuf JSON: a line for each key; with create, {"key": …, "keyText": …}
`;

/** The entry of the table of commands. */
export const keys: Command = {
  name: "keys",
  summary: "make, list and revoke API keys: create, list, revoke",
  usage,
  run: (args, io) => runSubcommand("keys", { create: createKey, list, revoke }, args, io),
};

const commonOptions = { ...serverOption, json: { type: "boolean" } } as const;

async function createKey(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, {
    ...commonOptions,
    name: { type: "string" },
    role: { type: "string", multiple: true },
    app: { type: "string", multiple: true },
    expires: { type: "string" },
  });
  if (positionals.length > 0) throw new UsageError(`keys create takes no arguments, but got "${positionals.join(" ")}".`);
  if (flags.name === undefined || flags.role === undefined) throw new UsageError("keys create needs --name, and --role at least once.");
  const request = create(CreateKeyRequestSchema, {
    name: flags.name,
    roles: flags.role.map((role) => readChoice("--role", role, roles)),
    appIds: (flags.app ?? []).map((app) => readAppId("--app", app)),
  });
  if (flags.expires !== undefined) request.expireTime = readTimeAhead("--expires", flags.expires, io.now());
  const { key, keyText } = await withClient(KeyService, flags, io, (client) => client.createKey(request));
  if (key === undefined) return 1;
  if (flags.json) io.stdout.write(`${JSON.stringify({ key: toJson(KeySchema, key), keyText })}\n`);
  else io.stdout.write(`${safe(keyText)}\n`);
  io.stderr.write(`This is the key ${safe(key.keyId)} of ${safe(key.name)}, shown this once: keep it now, it cannot be shown again.\n`);
  return 0;
}

async function list(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, {
    ...commonOptions,
    limit: { type: "string" },
    "page-token": { type: "string" },
  });
  if (positionals.length > 0) throw new UsageError(`keys list takes no arguments, but got "${positionals.join(" ")}".`);
  const window = { limit: readInteger("--limit", flags.limit ?? defaultLimit, 1, 1_000_000), pageToken: flags["page-token"] ?? "" };
  const { items, nextPageToken } = await withClient(KeyService, flags, io, (client) =>
    readPages(window, async (page) => {
      const response = await client.listKeys(page);
      return { items: response.keys, nextPageToken: response.nextPageToken };
    }),
  );
  if (flags.json) for (const key of items) io.stdout.write(`${JSON.stringify(toJson(KeySchema, key))}\n`);
  else if (items.length === 0) io.stdout.write("No keys. Make one with `gatehouse keys create`.\n");
  else
    io.stdout.write(
      table(
        ["KEY", "NAME", "ROLES", "APPS", "STATE", "CREATED", "BY", "LAST USED"],
        items.map((key) => row(key, io)),
      ),
    );
  mentionRest(nextPageToken, io);
  return 0;
}

async function revoke(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, commonOptions);
  const [keyId] = positionals;
  if (keyId === undefined || positionals.length > 1) throw new UsageError("keys revoke needs exactly one key id.");
  // Whoever pastes a whole key must not find it in the messages of the server.
  if (!/^[a-z0-9]{1,32}$/.test(keyId)) throw new UsageError('keys revoke needs a key id: the part of the key between the first two "_".');
  const { key } = await withClient(KeyService, flags, io, (client) => client.revokeKey({ keyId }));
  if (key === undefined) return 1;
  if (flags.json) io.stdout.write(`${JSON.stringify(toJson(KeySchema, key))}\n`);
  else io.stdout.write(`${safe(key.keyId)} of ${safe(key.name)} is ${describeState(key, io)}.\n`);
  return 0;
}

function row(key: Key, io: Io): string[] {
  return [
    safe(key.keyId),
    orDash(key.name),
    key.roles.map((role) => enumWord(Role, role)).join(", "),
    key.appIds.length === 0 ? "all" : key.appIds.join(", "),
    describeState(key, io),
    formatTime(key.createTime),
    orDash(key.creator),
    formatTime(key.lastUseTime),
  ];
}

function describeState({ revokeTime, revoker, expireTime }: Key, io: Io): string {
  if (revokeTime !== undefined) return `revoked ${formatTime(revokeTime)}${revoker === "" ? "" : ` by ${safe(revoker)}`}`;
  if (expireTime === undefined) return "good";
  const isExpired = Number(expireTime.seconds) * 1000 <= io.now();
  return `${isExpired ? "expired" : "good until"} ${formatTime(expireTime)}`;
}

// `gatehouse cases`: lists and closes what a person should look at.
import { toJson } from "@bufbuild/protobuf";
import { type Case, CaseKind, CaseSchema, CaseService, CaseState } from "../../gen/gatehouse/v1/case_service_pb.ts";
import { authorOptions, readAuthor } from "./author.ts";
import { mentionRest, readPages, serverOption, serverUsage, withClient } from "./client.ts";
import { type Command, type Io, parseFlags, readAppId, readChoice, readInteger, runSubcommand, UsageError } from "./command.ts";
import { enumWord, fields, formatTime, orDash, safe, table } from "./text.ts";

const defaultLimit = "50";
const kinds = { leak: CaseKind.LEAK, bypass: CaseKind.BYPASS, late_deny: CaseKind.LATE_DENY };
const states = { open: CaseState.OPEN, closed: CaseState.CLOSED };

const usage = `Lists and closes cases: what was denied and happened all the same (leak), what happened and nobody had asked about (bypass), and what the
fallback allowed and the policy would have denied (late_deny).

Usage: gatehouse cases list [flags]        the latest first
       gatehouse cases get <case_id>       one
       gatehouse cases close <case_id>     closes one; one that is closed stays as it is

Which (list):
  --app N              of this app (default: GATEHOUSE_APP, or all apps)
  --kind K             leak, bypass or late_deny
  --state S            open or closed
  --account ID         about this account
  --user U             about what this user did
  --limit N            at most this many (default: ${defaultLimit})
  --page-token T       goes on where an earlier list ended

For the record (close):
  --reason R           why
  --author A           who (default: the user of the operating system)

${serverUsage}
  --json               protobuf JSON, one line for each case
`;

/** The entry of the table of commands. */
export const cases: Command = {
  name: "cases",
  summary: "list and close what a person should look at: list, get, close",
  usage,
  run: (args, io) => runSubcommand("cases", { list, get, close }, args, io),
};

const commonOptions = { ...serverOption, json: { type: "boolean" } } as const;

const listOptions = {
  ...commonOptions,
  app: { type: "string" },
  kind: { type: "string" },
  state: { type: "string" },
  account: { type: "string" },
  user: { type: "string" },
  limit: { type: "string" },
  "page-token": { type: "string" },
} as const;

async function list(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, listOptions);
  if (positionals.length > 0) throw new UsageError(`cases list takes no arguments, but got "${positionals.join(" ")}".`);
  const app = flags.app ?? io.env.GATEHOUSE_APP ?? "";
  const filter = {
    appId: app === "" ? 0 : readAppId("--app", app),
    kind: flags.kind === undefined ? CaseKind.UNSPECIFIED : readChoice("--kind", flags.kind, kinds),
    state: flags.state === undefined ? CaseState.UNSPECIFIED : readChoice("--state", flags.state, states),
    accountId: flags.account ?? "",
    user: flags.user ?? "",
  };
  const window = { limit: readInteger("--limit", flags.limit ?? defaultLimit, 1, 1_000_000), pageToken: flags["page-token"] ?? "" };
  const { items, nextPageToken } = await withClient(CaseService, flags, io, (client) =>
    readPages(window, async (page) => {
      const response = await client.listCases({ ...filter, ...page });
      return { items: response.cases, nextPageToken: response.nextPageToken };
    }),
  );
  if (flags.json) for (const found of items) io.stdout.write(`${JSON.stringify(toJson(CaseSchema, found))}\n`);
  else if (items.length === 0) io.stdout.write("No cases.\n");
  else io.stdout.write(table(["OPENED", "CASE", "APP", "KIND", "STATE", "USER", "ACCOUNT", "DECISION", "EVENT"], items.map(row)));
  mentionRest(nextPageToken, io);
  return 0;
}

async function get(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, commonOptions);
  const caseId = readCaseId("get", positionals);
  const response = await withClient(CaseService, flags, io, (client) => client.getCase({ caseId }));
  return show(response.case, flags.json ?? false, io);
}

async function close(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, { ...commonOptions, ...authorOptions });
  const closing = { caseId: readCaseId("close", positionals), author: readAuthor(flags.author, io), reason: flags.reason ?? "" };
  const response = await withClient(CaseService, flags, io, (client) => client.closeCase(closing));
  return show(response.case, flags.json ?? false, io);
}

function readCaseId(command: string, positionals: readonly string[]): string {
  const [caseId] = positionals;
  if (caseId === undefined || positionals.length > 1) throw new UsageError(`cases ${command} needs exactly one case id.`);
  return caseId;
}

function show(found: Case | undefined, json: boolean, io: Io): number {
  if (found === undefined) return 1;
  io.stdout.write(json ? `${JSON.stringify(toJson(CaseSchema, found))}\n` : describe(found));
  return 0;
}

function row(found: Case): string[] {
  return [
    formatTime(found.openTime),
    safe(found.caseId),
    String(found.appId),
    enumWord(CaseKind, found.kind),
    enumWord(CaseState, found.state),
    orDash(found.user),
    orDash(found.accountId),
    orDash(found.decisionId),
    orDash(found.eventId),
  ];
}

function describe(found: Case): string {
  return fields([
    ["case", safe(found.caseId)],
    ["kind", enumWord(CaseKind, found.kind)],
    ["state", enumWord(CaseState, found.state)],
    ["app", String(found.appId)],
    ["user", orDash(found.user)],
    ["account", orDash(found.accountId)],
    ["decision", orDash(found.decisionId)],
    ["event", orDash(found.eventId)],
    ["opened", formatTime(found.openTime)],
    ["closed", formatTime(found.closeTime)],
    ["closed by", orDash(found.closedBy)],
    ["reason", orDash(found.closeReason)],
  ]);
}

// `gatehouse decisions`: reads the decisions that were made.
import { toJson } from "@bufbuild/protobuf";
import {
  type Decision,
  DecisionSchema,
  Effect,
  ElementChange,
  type Fact,
  type Match,
  type MessageRewrite,
  RuleMode,
  Severity,
  type ShadowOutcome,
  Verdict,
} from "../../gen/gatehouse/v1/decision_pb.ts";
import { DecisionService, ExplainDecisionResponseSchema } from "../../gen/gatehouse/v1/decision_service_pb.ts";
import { FollowUp } from "../../gen/gatehouse/v1/follow_up_pb.ts";
import { mentionRest, readPages, serverOption, serverUsage, withClient } from "./client.ts";
import { type Command, type Io, parseFlags, readAppId, readChoice, readInteger, runSubcommand, UsageError } from "./command.ts";
import { degradedFields } from "./decisions/degraded.ts";
import { describeExplanation } from "./decisions/explanation.ts";
import { describeFollowUp, subscriberTables } from "./decisions/follow-up.ts";
import { describeElements } from "./message-elements.ts";
import { enumWord, fields, formatTime, orDash, safe, table } from "./text.ts";

const defaultLimit = "50";
/** Nothing is known of most denials, and what was bypassed has no decision. */
const followUps = { confirmed: FollowUp.CONFIRMED, leaked: FollowUp.LEAKED, abandoned: FollowUp.ABANDONED };
const verdicts = { allow: Verdict.ALLOW, deny: Verdict.DENY, discard: Verdict.DISCARD };

const usage = `Reads the decisions that were made.

Usage: gatehouse decisions list [flags]         the latest first
       gatehouse decisions get <decision_id>    one, with its evidence
       gatehouse decisions explain <id>         one, told again rule by rule: what each was asked and answered then

Which (list):
  --app N              of this app (default: GATEHOUSE_APP, or all apps)
  --account ID         about this account
  --user U             whose operator or owner is this user
  --verdict V          allow, deny or discard
  --follow-up F        what followed: confirmed, leaked or abandoned (\`gatehouse cases list\` has what was bypassed)
  --limit N            at most this many (default: ${defaultLimit})
  --page-token T       goes on where an earlier list ended

${serverUsage}
  --json               protobuf JSON, one line for each decision, or for what explains it
`;

/** The entry of the table of commands. */
export const decisions: Command = {
  name: "decisions",
  summary: "read the decisions that were made, and why: list, get, explain",
  usage,
  run: (args, io) => runSubcommand("decisions", { list, get, explain }, args, io),
};

const listOptions = {
  ...serverOption,
  app: { type: "string" },
  account: { type: "string" },
  user: { type: "string" },
  verdict: { type: "string" },
  "follow-up": { type: "string" },
  limit: { type: "string" },
  "page-token": { type: "string" },
  json: { type: "boolean" },
} as const;

async function list(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, listOptions);
  if (positionals.length > 0) throw new UsageError(`decisions list takes no arguments, but got "${positionals.join(" ")}".`);
  const app = flags.app ?? io.env.GATEHOUSE_APP ?? "";
  const filter = {
    appId: app === "" ? 0 : readAppId("--app", app),
    accountId: flags.account ?? "",
    user: flags.user ?? "",
    verdict: flags.verdict === undefined ? Verdict.UNSPECIFIED : readChoice("--verdict", flags.verdict, verdicts),
    followUp: flags["follow-up"] === undefined ? FollowUp.UNSPECIFIED : readChoice("--follow-up", flags["follow-up"], followUps),
  };
  const window = { limit: readInteger("--limit", flags.limit ?? defaultLimit, 1, 1_000_000), pageToken: flags["page-token"] ?? "" };
  const { items, nextPageToken } = await withClient(DecisionService, flags, io, (client) =>
    readPages(window, async (page) => {
      const response = await client.listDecisions({ ...filter, ...page });
      return { items: response.decisions, nextPageToken: response.nextPageToken };
    }),
  );
  if (flags.json) for (const decision of items) io.stdout.write(`${JSON.stringify(toJson(DecisionSchema, decision))}\n`);
  else if (items.length === 0) io.stdout.write("No decisions.\n");
  else io.stdout.write(table(["TIME", "DECISION", "APP", "ACTION", "BY", "ABOUT", "VERDICT", "RULES"], items.map(row)));
  mentionRest(nextPageToken, io);
  return 0;
}

async function get(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, { ...serverOption, json: { type: "boolean" } });
  const [decisionId] = positionals;
  if (decisionId === undefined || positionals.length > 1) throw new UsageError("decisions get needs exactly one decision id.");
  const { decision } = await withClient(DecisionService, flags, io, (client) => client.getDecision({ decisionId }));
  if (decision === undefined) return 1;
  io.stdout.write(flags.json ? `${JSON.stringify(toJson(DecisionSchema, decision))}\n` : describe(decision));
  return 0;
}

async function explain(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, { ...serverOption, json: { type: "boolean" } });
  const [decisionId] = positionals;
  if (decisionId === undefined || positionals.length > 1) throw new UsageError("decisions explain needs exactly one decision id.");
  const explained = await withClient(DecisionService, flags, io, (client) => client.explainDecision({ decisionId }));
  if (explained.decision === undefined) return 1;
  if (flags.json) io.stdout.write(`${JSON.stringify(toJson(ExplainDecisionResponseSchema, explained))}\n`);
  else io.stdout.write(`${describeBriefly(explained.decision)}\n${describeExplanation(explained)}`);
  return 0;
}

function row(decision: Decision): string[] {
  const { action, by, about } = describeAction(decision);
  const rules = [...new Set(decision.matches.map((match) => match.rule))];
  return [
    formatTime(decision.decideTime),
    safe(decision.decisionId),
    String(decision.appId),
    action,
    by,
    about,
    describeVerdict(decision),
    orDash(rules.join(", ")),
  ];
}

function describe(decision: Decision): string {
  const { action, by, about } = describeAction(decision);
  const users =
    decision.action.case === "addSubscribers" ? [["subscribers", safe(decision.action.value.subscribers.join(", "))] as const] : [];
  const { value } = decision.action;
  const message = value !== undefined && "elements" in value ? [["message", orDash(describeElements(value.elements))] as const] : [];
  const head = fields([
    ["decision", safe(decision.decisionId)],
    ["verdict", describeVerdict(decision)],
    ...degradedFields(decision),
    ["message", orDash(decision.message)],
    ["app", String(decision.appId)],
    ["action", action],
    ["by", by],
    ["about", about],
    ...users,
    ...message,
    ["asked", formatTime(decision.eventTime)],
    ["decided", formatTime(decision.decideTime)],
    ["policy", orDash(decision.policyVersion)],
    ["event", orDash(decision.eventId)],
    ["follow-up", describeFollowUp(decision)],
    ["request", orDash(decision.requestId)],
    ["source", orDash(decision.origin?.source ?? "")],
    ["platform", orDash(decision.origin?.platform ?? "")],
    ["client ip", orDash(decision.origin?.clientIp ?? "")],
    ["trace", orDash(decision.origin?.traceId ?? "")],
  ]);
  const refused = decision.refused.map(({ subscriber, rule, message }) => [safe(subscriber), safe(rule), orDash(message)]);
  return [
    head,
    ...(refused.length === 0 ? [] : [table(["REFUSED", "RULE", "MESSAGE"], refused)]),
    ...subscriberTables(decision),
    ...(decision.rewrite === undefined ? [] : [describeRewrite(decision.rewrite)]),
    decision.matches.length === 0
      ? "No rule held.\n"
      : table(["RULE", "EFFECT", "MODE", "SUBSCRIBER", "NOTE"], decision.matches.map(evidence)),
    ...(decision.facts.length === 0 ? [] : [table(["ASKED", "ANSWER"], decision.facts.map(describeFact))]),
    ...(decision.shadow === undefined ? [] : [describeShadow(decision.shadow)]),
  ].join("\n");
}

/** What was decided on, and how, in a few lines. */
function describeBriefly(decision: Decision): string {
  const { action, by, about } = describeAction(decision);
  return fields([
    ["decision", safe(decision.decisionId)],
    ["verdict", describeVerdict(decision)],
    ...degradedFields(decision),
    ["action", action],
    ["by", by],
    ["about", about],
    ["decided", formatTime(decision.decideTime)],
    ["policy", orDash(decision.policyVersion)],
  ]);
}

function describeFact({ function: name, arguments: given, value, failure }: Fact): string[] {
  const call = `${safe(name)}(${given.map((text) => `"${safe(text)}"`).join(", ")})`;
  return [call, failure === "" ? safe(value) : `${safe(value)} (not answered: ${safe(failure)})`];
}

/** What the policy on trial would have said, when that is something else. */
function describeShadow(shadow: ShadowOutcome): string {
  const head = `On trial, ${safe(shadow.policyVersion.slice(0, 12))} would have said: ${describeVerdict({ ...shadow, degraded: false })}\n`;
  const refused = shadow.refused.map(({ subscriber, rule, message }) => [safe(subscriber), safe(rule), orDash(message)]);
  return [
    head,
    ...(refused.length === 0 ? [] : [table(["WOULD BE REFUSED", "RULE", "MESSAGE"], refused)]),
    ...(shadow.matches.length === 0
      ? []
      : [table(["RULE ON TRIAL", "EFFECT", "MODE", "SUBSCRIBER", "NOTE"], shadow.matches.map(evidence))]),
  ].join("");
}

function evidence(match: Match): string[] {
  const severity = match.effect === Effect.FLAG ? ` ${enumWord(Severity, match.severity || Severity.LOW)}` : "";
  const error = match.error === "" ? "" : `${match.skipped ? "passed over" : "taken as held"}, because it failed: ${match.error}`;
  const labels = Object.entries(match.labels).map(([name, value]) => `${name}=${value}`);
  return [
    safe(match.rule),
    `${enumWord(Effect, match.effect)}${severity}`,
    enumWord(RuleMode, match.mode || RuleMode.ENFORCE),
    orDash(match.subscriber),
    safe([error, ...labels].filter((part) => part !== "").join("; ")),
  ];
}

/** What was asked, by whom, and about which name or account. */
export function describeAction({ action }: Decision): { action: string; by: string; about: string } {
  switch (action.case) {
    case "createAccount": {
      const { operator, owner, name } = action.value;
      return { action: "create_account", by: orDash(operator || owner), about: orDash(name) };
    }
    case "addSubscribers": {
      const { operator, accountId } = action.value;
      return { action: "add_subscribers", by: orDash(operator), about: orDash(accountId) };
    }
    case "accountCreated": {
      const { operator, accountId } = action.value;
      return { action: "account_created", by: orDash(operator), about: orDash(accountId) };
    }
    case "accountProfileChanged": {
      const { operator, accountId } = action.value;
      return { action: "account_profile_changed", by: orDash(operator), about: orDash(accountId) };
    }
    case "sendMessage": {
      const { operator, accountId } = action.value;
      return { action: "send_message", by: orDash(operator), about: orDash(accountId) };
    }
    case "messageSent":
      return { action: "message_sent", by: "-", about: orDash(action.value.accountId) };
    case undefined:
      return { action: "(unknown to this version)", by: "-", about: "-" };
  }
}

/** What became of each element of a message, and its custom data. */
function describeRewrite({ elements, customData }: MessageRewrite): string {
  const rows = elements.map(({ change, rawJson }) => [enumWord(ElementChange, change), orDash(rawJson)]);
  return table(["ELEMENT", "AS IT GOES OUT"], customData === undefined ? rows : [...rows, ["custom data", orDash(customData)]]);
}

/** The verdict, with its code, how many are refused, and whether a message was rewritten. */
export function describeVerdict(
  decision: Pick<Decision, "verdict" | "code" | "refused" | "degraded"> & { rewrite?: MessageRewrite | undefined },
): string {
  const code = decision.verdict === Verdict.DENY ? ` ${decision.code}` : "";
  const refused = decision.refused.length === 0 ? "" : `, ${decision.refused.length} refused`;
  const rewritten = decision.rewrite === undefined ? "" : ", rewritten";
  return `${enumWord(Verdict, decision.verdict)}${code}${refused}${rewritten}${decision.degraded ? " (degraded)" : ""}`;
}

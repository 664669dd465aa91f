// `gatehouse send`: plays Chat, by posting webhooks to the webhook listener and judging the answers.
import { readClientTls } from "./client-tls.ts";
import { type Command, type Io, parseFlags, readAddress, readAppId, readInteger, UsageError } from "./command.ts";
import { samples } from "./samples.ts";
import { type Answer, findDifferences, findFaults, interpret, post } from "./send-answer.ts";
import { type Changes, createRequest, readMember, readParameter, type Signing, type WebhookRequest } from "./send-request.ts";
import { fromCommand, fromFile, fromSamples, lifeOfAnAccount, type Source } from "./send-sources.ts";
import { fields, safe } from "./text.ts";

const defaultUrl = "http://127.0.0.1:8080";
const defaultAppId = "1400000000";
const timeoutMs = 10_000;

const usage = `Plays Chat: posts webhooks to the webhook listener, and shows the answers.

Usage: gatehouse send <sample or file>... [flags]

What to send, in this order:
  <sample>             a built-in webhook with the values of the vendor's published samples: before-create, after-create …
  <file>, --file F     webhooks from a JSON file: {"query": {…}, "body": {…} or "rawBody": "…", "want": {…}}, or a body
                       on its own; several in an array or one on a line; "-" is the standard input
  --all                the samples of one account's life, in order
  --list               sends nothing: lists the samples
  --command C          the CallbackCommand; without a sample or file, a webhook that has nothing else

What to change in it:
  --app N              SdkAppid (default: what a file says, GATEHOUSE_APP, or ${defaultAppId})
  --set Key=text       sets a member of the body to a string; Key:=json to any JSON. Repeatable
  --unset Key          leaves a member of the body out. Repeatable
  --subscriber U       who subscribes: sets SubscribeAccountList. Repeatable
  --event-time T       EventTime in milliseconds, or "now"; each further webhook is a millisecond later
  --query Key=value    sets a parameter of the URL. Repeatable
  --unset-query Key    leaves a parameter of the URL out. Repeatable
  --platform P         OptPlatform
  --client-ip IP       ClientIP
  --token T            signs with this token (default: GATEHOUSE_WEBHOOK_TOKEN, or no signature)
  --request-time S     RequestTime of the signature in seconds (default: now)

Where to, and how it looks:
  --url URL            the webhook listener (default: GATEHOUSE_WEBHOOK_URL, or ${defaultUrl})
  --json               one line of JSON for each webhook

Ends with 1 when an answer is not one that Chat would take, or not the wanted one.
`;

const options = {
  all: { type: "boolean" },
  list: { type: "boolean" },
  json: { type: "boolean" },
  file: { type: "string", multiple: true },
  command: { type: "string" },
  app: { type: "string" },
  set: { type: "string", multiple: true },
  unset: { type: "string", multiple: true },
  subscriber: { type: "string", multiple: true },
  "event-time": { type: "string" },
  query: { type: "string", multiple: true },
  "unset-query": { type: "string", multiple: true },
  platform: { type: "string" },
  "client-ip": { type: "string" },
  token: { type: "string" },
  "request-time": { type: "string" },
  url: { type: "string" },
} as const;

type Flags = ReturnType<typeof parseFlags<typeof options>>["values"];

/** The entry of the table of commands. */
export const send: Command = { name: "send", summary: "play Chat: post webhooks and show the answers", usage, run };

async function run(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, options);
  if (flags.list) {
    io.stdout.write(fields(Object.entries(samples).map(([name, sample]) => [name, sample.summary])));
    return 0;
  }
  const target = readAddress("--url", flags.url ?? (io.env.GATEHOUSE_WEBHOOK_URL || defaultUrl));
  const sources = findSources(flags, positionals, io);
  const signing = readSigning(flags, io);
  const tls = readClientTls(io);
  const show = flags.json ? showJson : showText;
  const nowMs = io.now();
  let allGood = true;
  for (const [index, source] of sources.entries()) {
    const request = createRequest(target, source.vector, readChanges(flags, index, nowMs), signing);
    const answer = await post(request, timeoutMs, tls);
    const faults = findFaults(answer);
    const differences = source.vector.want === undefined ? [] : findDifferences(answer, source.vector.want);
    show({ source, request, answer, faults, differences }, io);
    allGood &&= faults.length + differences.length === 0;
  }
  return allGood ? 0 : 1;
}

function findSources(flags: Flags, positionals: readonly string[], io: Io): Source[] {
  const appId = readAppId("--app", flags.app ?? (io.env.GATEHOUSE_APP || defaultAppId));
  const sources = [
    ...positionals.flatMap((name) => (/[/\\]|\.(nd)?json$|^-$/.test(name) ? fromFile(name, appId) : fromSamples([name], appId))),
    ...(flags.file ?? []).flatMap((path) => fromFile(path, appId)),
    ...(flags.all ? fromSamples(lifeOfAnAccount(), appId) : []),
  ];
  if (sources.length > 0) return sources;
  if (flags.command !== undefined) return [fromCommand(flags.command, appId, io.now())];
  throw new UsageError(`send needs something to send: a sample (${Object.keys(samples).join(", ")}), a file, --all or --command.`);
}

function readSigning(flags: Flags, io: Io): Signing | undefined {
  const token = flags.token ?? io.env.GATEHOUSE_WEBHOOK_TOKEN ?? "";
  if (token === "") {
    if (flags["request-time"] !== undefined) throw new UsageError("--request-time needs --token: without one nothing is signed.");
    return undefined;
  }
  const time = flags["request-time"];
  const requestTime = time === undefined ? Math.floor(io.now() / 1000) : readInteger("--request-time", time, 0, Number.MAX_SAFE_INTEGER);
  return { token, requestTime };
}

/** The changes that the flags ask for in webhook number `index`. */
function readChanges(flags: Flags, index: number, nowMs: number): Changes {
  const { command, platform, app, subscriber: subscribers, "client-ip": clientIp, "event-time": eventTime } = flags;
  const members: (readonly [string, unknown])[] = [];
  const parameters: (readonly [string, string])[] = [];
  if (command !== undefined) {
    members.push(["CallbackCommand", command]);
    parameters.push(["CallbackCommand", command]);
  }
  if (subscribers !== undefined) members.push(["SubscribeAccountList", subscribers.map((user) => ({ Subscriber_Account: user }))]);
  if (eventTime !== undefined) {
    const first = eventTime === "now" ? nowMs : readInteger("--event-time", eventTime, 0, Number.MAX_SAFE_INTEGER);
    members.push(["EventTime", first + index]);
  }
  if (app !== undefined) parameters.push(["SdkAppid", app]);
  if (platform !== undefined) parameters.push(["OptPlatform", platform]);
  if (clientIp !== undefined) parameters.push(["ClientIP", clientIp]);
  return {
    members: [...members, ...(flags.set ?? []).map(readMember)],
    withoutMembers: flags.unset ?? [],
    parameters: [...parameters, ...(flags.query ?? []).map(readParameter)],
    withoutParameters: flags["unset-query"] ?? [],
  };
}

interface Sent {
  source: Source;
  request: WebhookRequest;
  answer: Answer;
  faults: readonly string[];
  differences: readonly string[];
}

function showJson({ source, request, answer, faults, differences }: Sent, io: Io): void {
  const line = {
    name: source.name,
    request: { url: request.url.href, body: request.body },
    answer: { status: answer.status, durationMs: answer.durationMs, body: answer.body ?? answer.text },
    good: faults.length + differences.length === 0,
    faults,
    differences,
  };
  io.stdout.write(`${JSON.stringify(line)}\n`);
}

function showText(sent: Sent, io: Io): void {
  const { source, request, answer } = sent;
  const lines = [
    `# ${safe(source.name)}${source.vector.note === undefined ? "" : `: ${safe(source.vector.note)}`}`,
    `POST ${request.url.href}`,
    ...(request.body === "" ? ["(empty body)"] : [pretty(request.body)]),
    "",
    `${answer.status} ${safe(answer.statusText)} in ${answer.durationMs} ms`.replace("  ", " "),
    ...(answer.text === "" ? ["(empty body)"] : [pretty(answer.text)]),
    ...judge(sent),
    "",
  ];
  io.stdout.write(lines.join("\n").concat("\n"));
}

/** The last lines: what the answer means, and what is wrong with it. */
function judge({ source: { vector }, request, answer, faults, differences }: Sent): string[] {
  const command = request.url.searchParams.get("CallbackCommand") ?? "";
  return [
    ...(faults.length === 0 && answer.body !== undefined ? [`→ ${safe(interpret(command, answer.body))}`] : []),
    ...faults.map((fault) => `✗ Chat would not take this answer: ${fault}`),
    ...differences.map((difference) => `✗ not as wanted: ${safe(difference)}`),
    ...(vector.want !== undefined && differences.length === 0 ? ["✓ as wanted"] : []),
  ];
}

/** JSON indented, anything else as it stands; safe for a terminal. */
function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2).split("\n").map(safe).join("\n");
  } catch {
    return safe(text);
  }
}

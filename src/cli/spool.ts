// `gatehouse spool`: looks into the spool of a gateway, and lets what the service refused be delivered again.
import { existsSync } from "node:fs";
import { type DescMessage, fromBinary, type JsonValue, toJson } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { RecordFallbackRequestSchema, RecordRequestSchema } from "../../gen/gatehouse/v1/moderation_service_pb.ts";
import { gatewaySettings } from "../gateway-settings.ts";
import type { SpoolFile, SpoolKind } from "../spool/spool-file.ts";
import { type Command, CommandError, type Io, parseFlags, runSubcommand, UsageError } from "./command.ts";
import { formatTime, safe, table } from "./text.ts";

const { env: spoolEnv, default: defaultPath } = gatewaySettings.spoolPath;

const usage = `Looks into the spool of a gateway, on the machine of the gateway.

Usage: gatehouse spool list [flags]     what the service has refused for good, and how much waits
       gatehouse spool retry [flags]    lets what was refused be delivered again, after all that waits; stop the gateway first

  --file FILE    the spool (default: ${spoolEnv}, or ${defaultPath})
  --json         JSON, one line for each that was refused, with the request (list)
`;

/** The entry of the table of commands. */
export const spool: Command = {
  name: "spool",
  summary: "look into the spool of a gateway apart from the service: list, retry",
  usage,
  run: (args, io) => runSubcommand("spool", { list, retry }, args, io),
};

/** The request of each kind. */
const requestSchemas: Readonly<Record<SpoolKind, DescMessage>> = { event: RecordRequestSchema, fallback: RecordFallbackRequestSchema };

async function list(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, { file: { type: "string" }, json: { type: "boolean" } });
  if (positionals.length > 0) throw new UsageError(`spool list takes no arguments, but got "${positionals.join(" ")}".`);
  await withFile(pathOf(flags.file, io), (file) => {
    const { pending, oldestMs } = file.totals();
    const refused = file.listRefused();
    if (flags.json) {
      for (const { body, timeMs, refuseMs, ...rest } of refused) {
        const times = { receiveTime: timeOf(timeMs), refuseTime: timeOf(refuseMs) };
        io.stdout.write(`${JSON.stringify({ ...rest, ...times, request: requestOf(rest.kind, body) })}\n`);
      }
    } else if (refused.length > 0) {
      const rows = refused.map(({ seq, kind, timeMs, reason, message }) => [String(seq), kind, timeOf(timeMs), reason, safe(message)]);
      io.stdout.write(table(["NUMBER", "KIND", "ARRIVED", "REASON", "MESSAGE"], rows));
    }
    const since = oldestMs === undefined ? "" : `, the oldest since ${timeOf(oldestMs)}`;
    io.stderr.write(`gatehouse: ${refused.length} refused, ${pending} waiting for the service${since}\n`);
  });
  return 0;
}

async function retry(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, { file: { type: "string" } });
  if (positionals.length > 0) throw new UsageError(`spool retry takes no arguments, but got "${positionals.join(" ")}".`);
  const path = pathOf(flags.file, io);
  const { lockFile } = await import("../process-lock.ts");
  const lock = lockFile(path, "spool");
  try {
    const count = await withFile(path, (file) => file.retryRefused());
    io.stderr.write(`gatehouse: ${count} will be delivered again when the gateway runs\n`);
  } finally {
    lock.release();
  }
  return 0;
}

function pathOf(flag: string | undefined, io: Io): string {
  const path = flag ?? (io.env[spoolEnv] || defaultPath);
  if (!existsSync(path)) throw new CommandError(`there is no spool ${path}. Say where it is with --file or ${spoolEnv}.`);
  return path;
}

/** Loads SQLite only here: the other commands start faster without it. */
async function withFile<T>(path: string, use: (file: SpoolFile) => T): Promise<T> {
  const { openSpoolFile } = await import("../spool/spool-file.ts");
  const file = openSpoolFile(path);
  try {
    return use(file);
  } finally {
    file.close();
  }
}

function requestOf(kind: SpoolKind, body: Uint8Array): JsonValue {
  return toJson(requestSchemas[kind], fromBinary(requestSchemas[kind], body));
}

function timeOf(ms: number): string {
  return formatTime(timestampFromMs(ms));
}

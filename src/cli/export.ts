// `gatehouse export`: writes what is old to a file, before retention deletes it.
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { FeedService, FeedStart } from "../../gen/gatehouse/v1/feed_service_pb.ts";
import { serverOption, serverUsage, withClient } from "./client.ts";
import { type Command, type Io, parseFlags, readAppId, readChoice, readInteger, UsageError } from "./command.ts";
import { changeKinds } from "./feed.ts";
import { readTimeAgo } from "./time-flags.ts";

const usage = `Writes decisions, events, edits of lists and settings of policy pointers to a file, one on each line, before retention deletes them.

Usage: gatehouse export --output FILE [flags]

The file has protobuf JSON in the order in which things happened, each line with its cursor. Run again with the same flags, it goes on after the last
line of the file, so that one file can be exported to every day. It ends by saying up to when nothing is lost by deleting.

Which:
  --days N             only what is N days old: what settings of N or more days under retention would delete
  --before T           only what is from before: 30d (ago), 2030-01-31 or 2030-01-31T08:30:00Z (default: all that is there)
  --app N              decisions and events of this app (default: GATEHOUSE_APP, or all apps); edits of lists and policies serve all apps
  --kind K             only this kind: ${Object.keys(changeKinds).join(", ")}; can be given several times

${serverUsage}
`;

const dayMs = 86_400_000;

/** The entry of the table of commands. */
export const exportOld: Command = { name: "export", summary: "write what is old to a file, before it is deleted", usage, run };

async function run(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, {
    ...serverOption,
    output: { type: "string" },
    days: { type: "string" },
    before: { type: "string" },
    app: { type: "string" },
    kind: { type: "string", multiple: true },
  });
  if (positionals.length > 0) throw new UsageError(`export takes no arguments, but got "${positionals.join(" ")}".`);
  const { output } = flags;
  if (output === undefined || output === "") throw new UsageError("export needs --output FILE.");
  const beforeMs = readBefore(flags, io.now());
  const app = flags.app ?? io.env.GATEHOUSE_APP ?? "";
  const filter = {
    appId: app === "" ? 0 : readAppId("--app", app),
    kinds: [...new Set(flags.kind)].map((kind) => readChoice("--kind", kind, changeKinds)),
  };
  const settings = { place: { cursor: "", start: FeedStart.BEGINNING, filter }, output, end: { beforeMs } };
  const { exportFeed } = await import("./feed/export.ts");
  const isComplete = await withClient(FeedService, flags, io, (client) => exportFeed(client, settings, io));
  if (!isComplete) return 1;
  const isAll = filter.appId === 0 && filter.kinds.length === 0;
  const what = isAll ? "Everything" : "Everything that was asked for";
  io.stdout.write(`${what} from before ${new Date(beforeMs).toISOString()} is in ${output}, and can be deleted.\n`);
  return 0;
}

/** Until when, in milliseconds since 1970. What is there by now is from before the call, whatever the clocks say of a change under way. */
function readBefore({ days, before }: { days?: string; before?: string }, nowMs: number): number {
  if (days !== undefined && before !== undefined) throw new UsageError("export takes --days or --before, not both.");
  if (days !== undefined) return nowMs - readInteger("--days", days, 1, 36_525) * dayMs;
  return before === undefined ? nowMs : timestampMs(readTimeAgo("--before", before, nowMs));
}

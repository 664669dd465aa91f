// `gatehouse erase`: erases a user, and waits until that is done.
import { setTimeout as sleep } from "node:timers/promises";
import { toJson } from "@bufbuild/protobuf";
import { type Erasure, ErasureSchema, ErasureService } from "../../gen/gatehouse/v1/erasure_service_pb.ts";
import { serverOption, serverUsage, withClient } from "./client.ts";
import { type Command, type Io, parseFlags, readAppId, UsageError } from "./command.ts";
import { onInterrupt } from "./interrupt.ts";
import { formatCount } from "./progress.ts";
import { safe, table } from "./text.ts";

const usage = `Erases a user: puts a pseudonym in the place of the id in decisions, events, accounts, subscriptions and all else that is kept. Counts stay.

Usage: gatehouse erase --user U [flags]      erases, and waits until that is done
       gatehouse erase --show ERASURE_ID     how far an erasure is

It cannot be taken back. The server goes on by itself when the command is interrupted. Backups and exports are not touched.

Whom:
  --user U             the user's id, byte for byte
  --app N              in this app only (default: GATEHOUSE_APP, or all apps)

How:
  --dry-run            only count what would be changed
  --lists              take the user from the exact lists too, and out of their history: that lifts bans
  --reason R           why, for the audit log

${serverUsage}
  --json               protobuf JSON
`;

/** How often it is asked how far the server is. */
const pollMs = 500;

/** The entry of the table of commands. */
export const erase: Command = { name: "erase", summary: "put a pseudonym in the place of a user's id everywhere", usage, run };

async function run(args: readonly string[], io: Io): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, {
    ...serverOption,
    user: { type: "string" },
    show: { type: "string" },
    app: { type: "string" },
    "dry-run": { type: "boolean" },
    lists: { type: "boolean" },
    reason: { type: "string" },
    json: { type: "boolean" },
  });
  if (positionals.length > 0) throw new UsageError(`erase takes no arguments, but got "${positionals.join(" ")}".`);
  const { user, show: erasureId } = flags;
  if (erasureId !== undefined) {
    if (user !== undefined) throw new UsageError("erase takes --user or --show, not both.");
    const { erasure } = await withClient(ErasureService, flags, io, (client) => client.getErasure({ erasureId }));
    return show(erasure, flags.json ?? false, io);
  }
  if (user === undefined || user === "") throw new UsageError("erase needs --user U, or --show ERASURE_ID.");
  const app = flags.app ?? io.env.GATEHOUSE_APP ?? "";
  const request = {
    appId: app === "" ? 0 : readAppId("--app", app),
    user,
    withLists: flags.lists ?? false,
    preview: flags["dry-run"] ?? false,
    reason: flags.reason ?? "",
  };
  using interrupt = onInterrupt();
  const erasure = await withClient(ErasureService, flags, io, async (client) => {
    const begun = await client.eraseUser(request);
    mentionLists(begun.lists, request.withLists, io);
    let current = begun.erasure;
    let place = "";
    while (current !== undefined && current.endTime === undefined && !interrupt.signal.aborted) {
      if (current.place !== place) io.stderr.write(`looking through ${safe(current.place)}\n`);
      place = current.place;
      await sleep(pollMs, undefined, { signal: interrupt.signal }).catch(() => {});
      current = (await client.getErasure({ erasureId: current.erasureId })).erasure;
    }
    return current;
  });
  return show(erasure, flags.json ?? false, io);
}

function mentionLists(lists: readonly string[], withLists: boolean, io: Io): void {
  if (lists.length === 0) return;
  const names = lists.map(safe).join(", ");
  io.stderr.write(withLists ? `gatehouse: on these lists: ${names}\n` : `gatehouse: stays on these lists without --lists: ${names}\n`);
}

/** 0 when it has ended, 1 when it goes on. */
function show(erasure: Erasure | undefined, json: boolean, io: Io): number {
  if (erasure === undefined) return 1;
  const { erasureId, pseudonym, preview, endTime, found } = erasure;
  if (json) io.stdout.write(`${JSON.stringify(toJson(ErasureSchema, erasure))}\n`);
  else {
    if (found.length > 0)
      io.stdout.write(
        table(
          ["PLACE", "ROWS"],
          found.map((rows) => [safe(rows.place), formatCount(Number(rows.count))]),
        ),
      );
    io.stdout.write(
      `${preview ? "Would be" : "Is"} ${safe(pseudonym)} in ${found.length === 0 ? "no place" : "these places"} (${safe(erasureId)}).\n`,
    );
  }
  if (endTime !== undefined) return 0;
  io.stderr.write(`It is not done yet; see gatehouse erase --show ${safe(erasureId)}\n`);
  return 1;
}

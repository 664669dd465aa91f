// `gatehouse feed export`: writes changes to a file, and goes on with a file that is there.
import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { toJson } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { Client } from "@connectrpc/connect";
import { type Change, ChangeSchema, type FeedService } from "../../../gen/gatehouse/v1/feed_service_pb.ts";
import { CommandError, type Io } from "../command.ts";
import { onInterrupt } from "../interrupt.ts";
import { jsonLine } from "../json-line.ts";
import { createProgress, formatCount } from "../progress.ts";
import { prepareExportFile } from "./export-file.ts";
import { type FeedPlace, followFeed } from "./follow.ts";

/** How many changes one call of an export until now asks for. */
const pageSize = 500;

/** What an export is told. */
export interface FeedExportSettings {
  place: FeedPlace;
  output: string;
  /**
   * Where it ends: with all that is there, before the first change that was made at or after a time in milliseconds since 1970, or only when it is
   * interrupted.
   */
  end: "now" | "interrupt" | { beforeMs: number };
}

/**
 * Writes each change as a line of protobuf JSON with its cursor, to a file or after what is in it. Resolves to whether it came to its end, and was
 * not interrupted.
 */
export async function exportFeed(client: Client<typeof FeedService>, settings: FeedExportSettings, io: Io): Promise<boolean> {
  using interrupt = onInterrupt();
  const { output, end } = settings;
  const cursor = (await prepareExportFile(output, io)) ?? settings.place.cursor;
  const place = { ...settings.place, cursor };
  const progress = createProgress("exported", io);
  const file = createWriteStream(output, { flags: "a" });
  const broken = new AbortController();
  const written = finished(file).then(
    () => undefined,
    (error: Error) => {
      broken.abort();
      return error;
    },
  );
  const signal = AbortSignal.any([interrupt.signal, broken.signal]);
  let total = 0;
  let failure: Error | undefined;
  try {
    const beforeMs = typeof end === "object" ? end.beforeMs : Number.POSITIVE_INFINITY;
    const parts = end === "interrupt" ? messagesOf(client, place, io, signal) : pagesOf(client, place, beforeMs, signal);
    for await (const changes of parts) {
      for (const change of changes) await writeLine(file, change, signal);
      total += changes.length;
      progress.add(changes.length);
    }
  } finally {
    file.end();
    failure = await written;
  }
  if (failure !== undefined) throw new CommandError(`cannot write ${output}: ${failure.message}.`);
  io.stderr.write(`Exported ${formatCount(total)} to ${output} (${progress.summary()}).\n`);
  return !interrupt.signal.aborted;
}

async function* pagesOf(
  client: Client<typeof FeedService>,
  place: FeedPlace,
  beforeMs: number,
  signal: AbortSignal,
): AsyncGenerator<Change[]> {
  let { cursor } = place;
  let hasMore = true;
  while (hasMore && !signal.aborted) {
    const page = await client.listChanges({ ...place, cursor, pageSize });
    const end = page.changes.findIndex(({ changeTime }) => changeTime !== undefined && timestampMs(changeTime) >= beforeMs);
    yield end === -1 ? page.changes : page.changes.slice(0, end);
    cursor = page.cursor;
    hasMore = page.hasMore && end === -1;
  }
}

async function* messagesOf(client: Client<typeof FeedService>, place: FeedPlace, io: Io, signal: AbortSignal): AsyncGenerator<Change[]> {
  for await (const { change } of followFeed(client, place, io, signal)) yield change === undefined ? [] : [change];
}

async function writeLine(file: WriteStream, change: Change, signal: AbortSignal): Promise<void> {
  if (file.write(jsonLine(toJson(ChangeSchema, change))) || signal.aborted) return;
  await once(file, "drain", { signal }).catch(() => {});
}

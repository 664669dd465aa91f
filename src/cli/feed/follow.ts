// Follows the feed and connects again when the connection breaks.
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import type { ChangeFilter, FeedService, FeedStart, WatchChangesResponse } from "../../../gen/gatehouse/v1/feed_service_pb.ts";
import { describeConnectError } from "../client.ts";
import type { Io } from "../command.ts";

/** What to follow. */
export interface FeedPlace {
  /** Go on after this; empty: begin at `start`. */
  cursor: string;
  start: FeedStart;
  filter: Partial<Pick<ChangeFilter, "appId" | "accountId" | "kinds">>;
}

/** Errors that connecting again cannot mend. */
const finalCodes = new Set([
  Code.InvalidArgument,
  Code.OutOfRange,
  Code.NotFound,
  Code.Unimplemented,
  Code.FailedPrecondition,
  Code.PermissionDenied,
  Code.Unauthenticated,
]);

/** More than three heartbeats: a connection that is silent for so long is dead. */
const silenceMs = 35_000;
const firstWaitMs = 250;
const maxWaitMs = 10_000;

/**
 * The messages of the feed until the signal is aborted. Once the first has come, a connection that breaks is made again and goes on after the last
 * cursor, with a note on stderr. Throws what connecting again cannot mend, and the failure of the first connection.
 */
export async function* followFeed(
  client: Client<typeof FeedService>,
  place: FeedPlace,
  io: Io,
  signal: AbortSignal,
): AsyncGenerator<WatchChangesResponse, void, void> {
  let { cursor } = place;
  let hasConnected = false;
  let waitMs = firstWaitMs;
  while (!signal.aborted) {
    let problem = "the server ended the stream";
    const attempt = new AbortController();
    const onAbort = () => attempt.abort();
    signal.addEventListener("abort", onAbort);
    let silence: NodeJS.Timeout | undefined;
    const listen = () => {
      silence = setTimeout(() => attempt.abort(new Error(`nothing came for ${silenceMs / 1000} s`)), silenceMs);
    };
    try {
      listen();
      for await (const message of client.watchChanges({ ...place, cursor }, { timeoutMs: 0, signal: attempt.signal })) {
        clearTimeout(silence);
        cursor = message.cursor;
        hasConnected = true;
        waitMs = firstWaitMs;
        yield message;
        listen();
      }
    } catch (error) {
      if (signal.aborted) return;
      const failure = ConnectError.from(error);
      if (!hasConnected || finalCodes.has(failure.code)) throw error;
      problem = describeConnectError(failure);
    } finally {
      clearTimeout(silence);
      signal.removeEventListener("abort", onAbort);
      attempt.abort();
    }
    if (signal.aborted) return;
    io.stderr.write(`gatehouse: the connection broke (${problem}); going on after ${cursor}\n`);
    await sleep(waitMs, undefined, { signal }).catch(() => {});
    waitMs = Math.min(waitMs * 2, maxWaitMs);
  }
}

// `gatehouse lists import`: adds the entries of a file, however many they are.

import { pathToString } from "@bufbuild/protobuf/reflect";
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import { createValidator } from "@bufbuild/protovalidate";
import { type Client, ConnectError } from "@connectrpc/connect";
import { type ListEntry, ListEntrySchema, type ListService } from "../../../gen/gatehouse/v1/list_service_pb.ts";
import { BadRequestSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { describeConnectError } from "../client.ts";
import { CommandError, type Io } from "../command.ts";
import { createProgress, formatCount, type Progress } from "../progress.ts";
import { safe } from "../text.ts";
import { type EntryLine, LineError } from "./entry-file.ts";

/** As many entries, and about as many bytes of them, as go in one message. */
const messageSize = { entries: 1000, bytes: 262_144 };

/** As many entries as go in one call: so few that each call is over in seconds and tells what is on disk. */
const entriesPerCall = 10_000;

/** What an import is told besides its entries. */
export interface ImportSettings {
  list: string;
  /** What the file is called in messages. */
  name: string;
  author: string;
  /** For entries that have none of their own. */
  reason: string;
  source: string;
  expireTime: Timestamp | undefined;
}

/** What an import did. */
export interface Imported {
  received: number;
  added: number;
  /** How many entries of the file had expired already and were passed over. */
  expired: number;
  progress: Progress;
}

/**
 * Imports entries in calls that follow one another. Rejects with a CommandError that names the line when one is no entry or does not fit the
 * list, and says how many are on disk.
 */
export async function importEntries(
  client: Client<typeof ListService>,
  entries: AsyncIterable<EntryLine[]>,
  settings: ImportSettings,
  io: Io,
): Promise<Imported> {
  const progress = createProgress("imported", io);
  const done: Imported = { received: 0, added: 0, expired: 0, progress };
  const messages = inMessages(finished(entries, settings, io.now(), done));
  let next: IteratorResult<EntryLine[], undefined> = { done: false, value: [] };
  let failure: unknown;
  const advance = async () => {
    try {
      next = await messages.next();
    } catch (error) {
      // What was read before is imported first.
      failure = error;
      next = { done: true, value: undefined };
    }
  };
  await advance();
  do {
    const lines: number[] = [];
    const call = async function* () {
      while (!next.done && lines.length < entriesPerCall) {
        for (const { line } of next.value) lines.push(line);
        yield { list: settings.list, entries: next.value.map(({ entry }) => entry), author: settings.author };
        await advance();
      }
    };
    try {
      const { receivedCount, addedCount } = await client.importEntries(call());
      done.received += Number(receivedCount);
      done.added += Number(addedCount);
      progress.add(Number(receivedCount));
    } catch (error) {
      throw stopped(describeRefusal(error, settings.name, lines) ?? error, done);
    }
  } while (!next.done);
  if (failure !== undefined) throw stopped(failure, done);
  return done;
}

/** The entries with what the settings give them, checked by the schema's rules; those that have expired are counted and left out. */
async function* finished(
  parts: AsyncIterable<EntryLine[]>,
  { name, author, reason, source, expireTime }: ImportSettings,
  nowMs: number,
  done: Imported,
): AsyncGenerator<EntryLine[]> {
  const validator = createValidator();
  for await (const part of parts) {
    const kept: EntryLine[] = [];
    for (const { line, entry } of part) {
      if (entry.expireTime !== undefined && timestampMs(entry.expireTime) <= nowMs) {
        done.expired++;
        continue;
      }
      entry.reason ||= reason;
      entry.author ||= author;
      entry.source ||= source;
      if (expireTime !== undefined) entry.expireTime ??= expireTime;
      const { violations } = validator.validate(ListEntrySchema, entry);
      const violation = violations?.[0];
      if (violation !== undefined) {
        yield kept;
        throw new LineError(`${name}:${line}: ${pathToString(violation.field)} ${violation.message}`);
      }
      kept.push({ line, entry });
    }
    yield kept;
  }
}

/** The same entries in as many messages as their size demands. */
async function* inMessages(parts: AsyncIterable<EntryLine[]>): AsyncGenerator<EntryLine[], undefined> {
  let message: EntryLine[] = [];
  let bytes = 0;
  try {
    for await (const part of parts) {
      for (const item of part) {
        message.push(item);
        bytes += sizeOf(item.entry);
        if (message.length < messageSize.entries && bytes < messageSize.bytes) continue;
        yield message;
        message = [];
        bytes = 0;
      }
    }
  } catch (error) {
    if (message.length > 0) yield message;
    throw error;
  }
  if (message.length > 0) yield message;
  return undefined;
}

/** About as many bytes as an entry takes. */
function sizeOf({ value, reason, author, source }: ListEntry): number {
  return 3 * (value.length + reason.length + author.length + source.length) + 32;
}

/** The lines that the server refused, each with what is wrong; undefined when the error is about something else. */
function describeRefusal(error: unknown, name: string, lines: readonly number[]): CommandError | undefined {
  if (!(error instanceof ConnectError)) return undefined;
  const violations = error.findDetails(BadRequestSchema).flatMap((details) => details.fieldViolations);
  const described = violations.flatMap(({ field, description }) => {
    const [, index = "", path = ""] = /^entries\[(\d+)\]\.(.*)$/.exec(field) ?? [];
    const line = index === "" ? undefined : lines[Number(index)];
    return line === undefined ? [] : [`${name}:${line}: ${path} ${safe(description)}`.replace(": value ", ": ")];
  });
  return described.length === 0 ? undefined : new LineError(described.join("\n"));
}

/** The error that ended an import, with what is on disk all the same. */
function stopped(error: unknown, { received }: Imported): unknown {
  if (received === 0 || !(error instanceof Error)) return error;
  const message = error instanceof ConnectError ? describeConnectError(error) : error.message;
  const rest = `The first ${formatCount(received)} entries are on the list; importing the file again passes over them.`;
  return new CommandError(`${message}\n${rest}`, { cause: error });
}

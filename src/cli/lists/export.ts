// `gatehouse lists export`: writes all entries of a list, however many they are.
import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { toJson } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import { type ListEntry, ListEntrySchema, type ListService } from "../../../gen/gatehouse/v1/list_service_pb.ts";
import { CommandError, type Io } from "../command.ts";
import { jsonLine } from "../json-line.ts";
import { createProgress, formatCount } from "../progress.ts";

/** What an export is told. */
export interface ExportSettings {
  list: string;
  /** Undefined: the standard output. */
  output: string | undefined;
  /** As JSON with all that is known of an entry; otherwise only its value. */
  json: boolean;
}

/** Writes the entries, one on each line. A file that is there is replaced when all is written, and stays as it was when something fails. */
export async function exportEntries(client: Client<typeof ListService>, settings: ExportSettings, io: Io): Promise<void> {
  const progress = createProgress("exported", io);
  const format = settings.json ? formatJson : formatValue;
  let total = 0;
  await writeTo(settings.output, io, async (write) => {
    // How long a list takes is not known, so the call has no deadline.
    for await (const { entries } of client.exportEntries({ list: settings.list }, { timeoutMs: 0 })) {
      await write(entries.map(format).join(""));
      total += entries.length;
      progress.add(entries.length);
    }
  });
  io.stderr.write(`Exported ${formatCount(total)} from ${settings.list} (${progress.summary()}).\n`);
}

function formatJson(entry: ListEntry): string {
  return jsonLine(toJson(ListEntrySchema, entry));
}

function formatValue({ value }: ListEntry): string {
  if (!/[\r\n]/.test(value) && value.trim() === value) return `${value}\n`;
  throw new CommandError(`the value ${JSON.stringify(value)} cannot stand on a line of its own. Export with --json.`);
}

async function writeTo(
  output: string | undefined,
  io: Io,
  run: (write: (text: string) => unknown | Promise<unknown>) => Promise<void>,
): Promise<void> {
  if (output === undefined) return run((text) => io.stdout.write(text));
  const part = `${output}.${randomBytes(4).toString("hex")}.part`;
  const file = await openNew(part, output);
  try {
    await run((text) => file.appendFile(text));
    await file.close();
    await rename(part, output);
  } catch (error) {
    await file.close();
    await rm(part, { force: true });
    throw error;
  }
}

async function openNew(part: string, output: string) {
  try {
    return await open(part, "wx");
  } catch (error) {
    throw new CommandError(`cannot write ${output}: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

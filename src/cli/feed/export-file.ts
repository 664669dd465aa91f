// The file of an export that is gone on with: where it ends, and after which cursor.
import { type FileHandle, open } from "node:fs/promises";
import { CommandError, type Io } from "../command.ts";

/** How much is read at once, from the end. */
const chunkBytes = 65_536;
const newline = 10;

/** How every line begins. */
const lineStart = '{"cursor":"';

/**
 * Cuts a line off that was not written to its end. Resolves to the cursor of the last line, undefined when there is none. A file that is not an
 * export of the feed is left alone, and is a CommandError.
 */
export async function prepareExportFile(path: string, io: Io): Promise<string | undefined> {
  const file = await openIfThere(path);
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    const end = await endOfLastLine(file, size);
    const start = end === 0 ? 0 : await endOfLastLine(file, end - 1);
    const cursor = end === 0 ? undefined : cursorOf(await readText(file, start, end), path);
    if (end === size) return cursor;
    const torn = await readText(file, end, Math.min(size, end + lineStart.length));
    if (!lineStart.startsWith(torn)) throw notAnExport(path);
    io.stderr.write(`gatehouse: the last line of ${path} was not written to its end and is cut off\n`);
    await file.truncate(end);
    return cursor;
  } finally {
    await file.close();
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r+");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new CommandError(`cannot write ${path}: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

/** Where the line after the last newline before `before` begins: behind that newline; 0 when there is none. */
async function endOfLastLine(file: FileHandle, before: number): Promise<number> {
  for (let to = before; to > 0; to -= chunkBytes) {
    const from = Math.max(0, to - chunkBytes);
    const index = (await read(file, from, to)).lastIndexOf(newline);
    if (index >= 0) return from + index + 1;
  }
  return 0;
}

async function readText(file: FileHandle, from: number, to: number): Promise<string> {
  return (await read(file, from, to)).toString();
}

async function read(file: FileHandle, from: number, to: number): Promise<Buffer> {
  const buffer = Buffer.alloc(to - from);
  const { bytesRead } = await file.read(buffer, 0, buffer.length, from);
  return buffer.subarray(0, bytesRead);
}

function cursorOf(line: string, path: string): string {
  try {
    const { cursor } = JSON.parse(line) as { cursor?: unknown };
    if (typeof cursor === "string" && cursor !== "") return cursor;
  } catch {
    // Told below.
  }
  throw notAnExport(path);
}

function notAnExport(path: string): CommandError {
  return new CommandError(`the end of ${path} is not from an export of the feed. Mend or remove the file, or name another with --output.`);
}

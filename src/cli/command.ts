// What a command of the command line is, the errors it ends with, and how it reads its flags.
import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { didYouMean } from "../nearest.ts";

/** Somewhere to write text: process.stdout, or a collector in a test. */
export interface TextSink {
  write(text: string): unknown;
}

/** The world of a command. */
export interface Io {
  /** Results. */
  stdout: TextSink;
  /** Everything about the run that is not a result. */
  stderr: TextSink;
  env: Readonly<Record<string, string | undefined>>;
  /** The time, in milliseconds since 1970. */
  now: () => number;
}

/** One command of the table in index.ts. */
export interface Command {
  name: string;
  /** One line, without a full stop. */
  summary: string;
  /** What `--help` prints, ending in a newline. */
  usage: string;
  /**
   * Runs the command with the arguments after its name. Resolves to the exit code: 0 when all went well, 1 when something failed and was
   * said. Throws a UsageError when the arguments are wrong, a CommandError when something failed and is yet to be said.
   */
  run(args: readonly string[], io: Io): Promise<number>;
}

/** The arguments are wrong: exit code 2. Its message says what, and what would be right. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Something failed in a way that the message explains: exit code 1. Further lines may follow the first. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/** Parses flags as node:util's parseArgs does; whatever is wrong is a UsageError that names the nearest flag. */
export function parseFlags<const T extends ParseArgsOptionsConfig>(args: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const unknown = /^Unknown option '(-[^']*)'/.exec(error.message)?.[1];
    if (unknown === undefined) throw new UsageError(error.message);
    const flags = Object.keys(options).map((name) => `--${name}`);
    throw new UsageError(`there is no flag ${unknown}.${didYouMean(unknown, flags)}`);
  }
}

/** Runs the subcommand that the first argument names. `command` is for messages. */
export async function runSubcommand(
  command: string,
  subcommands: Readonly<Record<string, Command["run"]>>,
  args: readonly string[],
  io: Io,
): Promise<number> {
  const [name, ...rest] = args;
  const names = Object.keys(subcommands);
  if (name === undefined || name.startsWith("-")) throw new UsageError(`${command} needs one of: ${names.join(", ")}.`);
  const run = Object.hasOwn(subcommands, name) ? subcommands[name] : undefined;
  if (run === undefined) throw new UsageError(`there is no \`${command} ${name}\`.${didYouMean(name, names)}`);
  return await run(rest, io);
}

/** Reads a flag whose value is one of a few words. */
export function readChoice<T>(flag: string, value: string, choices: Readonly<Record<string, T>>): T {
  const names = Object.keys(choices);
  const choice = Object.hasOwn(choices, value) ? choices[value] : undefined;
  if (choice === undefined) throw new UsageError(`${flag} must be ${names.join(" or ")}, not "${value}".${didYouMean(value, names)}`);
  return choice;
}

/** Reads a flag whose value is a whole number from `least` to `most`. */
export function readInteger(flag: string, value: string, least: number, most: number): number {
  const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= least && number <= most)) {
    throw new UsageError(`${flag} must be a whole number from ${least} to ${most}, not "${value}".`);
  }
  return number;
}

/** Reads an SDKAppID. */
export function readAppId(flag: string, value: string): number {
  return readInteger(flag, value, 1, 0xffff_ffff);
}

/** Reads the address of a server; `http://` may be left out. */
export function readAddress(flag: string, value: string): URL {
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  const url = URL.parse(address);
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === "") {
    throw new UsageError(`${flag} must be an address such as http://127.0.0.1:8080, not "${value}".`);
  }
  return url;
}

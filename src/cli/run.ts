// Finds the command, runs it, and turns whatever goes wrong into lines and an exit code.
import { readFileSync } from "node:fs";
import { ConnectError } from "@connectrpc/connect";
import { didYouMean } from "../nearest.ts";
import { describeConnectError } from "./client.ts";
import { CommandError, type Io, UsageError } from "./command.ts";
import { commands } from "./index.ts";

const mistakes: readonly (abstract new (...args: never[]) => Error)[] = [TypeError, ReferenceError, RangeError, SyntaxError];

/**
 * Runs `gatehouse` with the arguments after its name. Resolves to the exit code: 0 done, 1 failed, 2 the arguments are wrong. Never rejects,
 * unless a package is not installed.
 */
export async function runCli(args: readonly string[], io: Io): Promise<number> {
  const [name, ...rest] = args;
  try {
    if (name === undefined || name === "help" || name === "--help" || name === "-h") return help(rest[0], io);
    if (name === "--version" || name === "-V") return printVersion(io);
    const command = findCommand(name);
    if (asksForHelp(rest)) return help(name, io);
    return await command.run(rest, io);
  } catch (error) {
    return report(error, name, io);
  }
}

function help(name: string | undefined, io: Io): number {
  io.stdout.write(name === undefined ? overview() : findCommand(name).usage);
  return 0;
}

function overview(): string {
  const longest = Math.max(...commands.map((command) => command.name.length));
  const lines = commands.map((command) => `  ${command.name.padEnd(longest)}  ${command.summary}`);
  return [
    "Gatehouse decides what Official Accounts on Tencent Cloud Chat may do, and keeps every decision.",
    "",
    "Usage: gatehouse <command> [arguments]",
    "",
    ...lines,
    "",
    "`gatehouse <command> --help` says more; `gatehouse --version` says which version this is.",
    "",
  ].join("\n");
}

function printVersion(io: Io): number {
  const manifest: { version: string } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  io.stdout.write(`gatehouse ${manifest.version} (Node ${process.version})\n`);
  return 0;
}

function findCommand(name: string) {
  const command = commands.find((candidate) => candidate.name === name);
  if (command !== undefined) return command;
  const kind = name.startsWith("-") ? "flag" : "command";
  const names = commands.map((candidate) => candidate.name);
  const candidates = kind === "flag" ? ["--help", "--version"] : [...names, "help"];
  throw new UsageError(`there is no ${kind} ${name}.${didYouMean(name, candidates)}`);
}

/** Whether `--help` stands among the flags; what follows `--` is no flag. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  const flags = end === -1 ? args : args.slice(0, end);
  return flags.includes("--help") || flags.includes("-h");
}

function report(error: unknown, command: string | undefined, io: Io): number {
  if (error instanceof UsageError) {
    const known = commands.some((candidate) => candidate.name === command);
    io.stderr.write(`gatehouse: ${error.message}\nSee \`gatehouse ${known ? `${command} ` : ""}--help\`.\n`);
    return 2;
  }
  // The start of the process says what to do about these.
  if (isMissingPackage(error)) throw error;
  io.stderr.write(`gatehouse: ${describe(error)}\n`);
  return 1;
}

function isMissingPackage(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
}

function describe(error: unknown): string {
  if (error instanceof CommandError) return error.message;
  if (error instanceof ConnectError) return describeConnectError(error);
  if (!(error instanceof Error)) return String(error);
  // A mistake in Gatehouse itself is for its developers, who need to know where.
  if (mistakes.some((mistake) => error instanceof mistake)) return `internal error: ${error.stack ?? error.message}`;
  return error.cause instanceof Error ? `${error.message}\n  caused by: ${error.cause.message}` : error.message;
}

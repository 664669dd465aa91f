// `gatehouse policy test`: runs the tests of policies, without a server.
import { unwatchFile, watchFile } from "node:fs";
import { stat, writeFile } from "node:fs/promises";
import { percentOf } from "../../policy/suite-coverage.ts";
import { runSuite } from "../../policy/suite-run.ts";
import { CommandError, type Io, parseFlags, readInteger } from "../command.ts";
import { junitXml } from "./junit.ts";
import { findFiles, type LoadedSuite, loadSuite, suitePlaces } from "./suite-files.ts";
import { hasPassed, reportJson, reportText, type SuiteRun, summarize } from "./test-report.ts";

const options = {
  watch: { type: "boolean" },
  coverage: { type: "boolean" },
  "min-coverage": { type: "string" },
  junit: { type: "string" },
  json: { type: "boolean" },
} as const;

/** How often a watched file is looked at. */
const watchIntervalMs = 200;

/**
 * Runs the suites of the files that are named: 0 when every test passed and enough is covered, else 1. With --watch it runs them again whenever
 * a file changes, until the signal.
 */
export async function policyTest(args: readonly string[], io: Io, signal?: AbortSignal): Promise<number> {
  const { values: flags, positionals } = parseFlags(args, options);
  const wanted = {
    minCoverage: flags["min-coverage"] === undefined ? 0 : readInteger("--min-coverage", flags["min-coverage"], 0, 100),
    showCoverage: flags.coverage ?? false,
  };
  const runOnce = async (): Promise<{ code: number; runs: SuiteRun[] }> => {
    const runs: SuiteRun[] = [];
    for (const file of await findFiles(positionals)) runs.push(await runFile(file, wanted.minCoverage));
    for (const run of runs) io.stdout.write(flags.json ? reportJson(run) : reportText(run, wanted));
    if (!flags.json && runs.length > 1) io.stdout.write(summarize(runs));
    if (flags.junit !== undefined) await writeReport(flags.junit, junitXml(runs));
    return { code: runs.every(hasPassed) ? 0 : 1, runs };
  };
  if (!flags.watch) return (await runOnce()).code;
  return await runOnChange(positionals, runOnce, io, signal ?? interrupted());
}

async function runFile(file: string, minCoverage: number): Promise<SuiteRun> {
  const loaded: LoadedSuite = await loadSuite(file);
  const { policy, suite, policyFile } = loaded;
  const problems = [...loaded.problems];
  if (loaded.suiteFile === undefined) {
    const message = `This policy has no suite; write its tests in ${suitePlaces(policyFile)[0]}.`;
    problems.push({ file: policyFile, line: 1, column: 1, message });
  }
  if (problems.length > 0 || policy === undefined || suite === undefined) {
    return { ...loaded, problems, result: undefined, isCoveredEnough: true };
  }
  const result = runSuite(policy, suite);
  return { ...loaded, problems, result, isCoveredEnough: percentOf(result.coverage) >= minCoverage };
}

async function writeReport(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (error) {
    throw new CommandError(`The report ${file} cannot be written: ${(error as Error).message}.`);
  }
}

/** Runs now, and again whenever a file that was read changes; resolves to the last code at the signal. */
async function runOnChange(
  args: readonly string[],
  run: () => Promise<{ code: number; runs: SuiteRun[] }>,
  io: Io,
  signal: AbortSignal,
): Promise<number> {
  const watched = new Set<string>();
  let wake = () => {};
  const onChange = () => wake();
  signal.addEventListener("abort", onChange);
  let code = 1;
  try {
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      let files: string[] = await namedFiles(args);
      try {
        const ran = await run();
        code = ran.code;
        files = ran.runs.flatMap(({ policyFile, suiteFile }) => [
          policyFile,
          ...(suiteFile === undefined ? suitePlaces(policyFile) : [suiteFile]),
        ]);
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        code = 1;
        io.stderr.write(`gatehouse: ${error.message}\n`);
      }
      for (const file of files) {
        if (watched.has(file)) continue;
        watched.add(file);
        watchFile(file, { interval: watchIntervalMs }, onChange);
      }
      io.stderr.write(`Watching ${watched.size} ${watched.size === 1 ? "file" : "files"}; Ctrl+C ends it.\n`);
      await woken;
    }
  } finally {
    for (const file of watched) unwatchFile(file, onChange);
    signal.removeEventListener("abort", onChange);
  }
  return code;
}

/** What can be watched of the arguments when they cannot be run. */
async function namedFiles(args: readonly string[]): Promise<string[]> {
  const stats = await Promise.all(args.map((arg) => stat(arg).catch(() => undefined)));
  return args.filter((_, index) => !stats[index]?.isDirectory());
}

/** Aborts at Ctrl+C. */
function interrupted(): AbortSignal {
  const controller = new AbortController();
  process.once("SIGINT", () => controller.abort());
  return controller.signal;
}

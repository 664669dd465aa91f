// Finds and reads policy files and the suites beside them.
import { access, constants, readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, normalize } from "node:path";
import { type CompiledPolicy, compilePolicy } from "../../policy/compile.ts";
import { maxPolicyLength } from "../../policy/document.ts";
import type { PolicyProblem } from "../../policy/problems.ts";
import { checkSuite, readSuite, type Suite } from "../../policy/suite.ts";
import { CommandError } from "../command.ts";

/** The policy that is tested when none is named. */
export const defaultPolicyFile = "config/policy.yaml";

const suiteName = /\.test\.(ya?ml|json)$/;
const policyName = /\.(ya?ml|json)$/;

/** A problem and the file it is in. */
export interface FileProblem extends PolicyProblem {
  file: string;
}

/** A policy and its suite, as far as they could be read. */
export interface LoadedSuite {
  policyFile: string;
  /** Undefined: there is none. */
  suiteFile: string | undefined;
  policy: CompiledPolicy | undefined;
  suite: Suite | undefined;
  /** None: both can be used. */
  problems: FileProblem[];
}

/** The files that the arguments name: policies, suites, and for a folder the suites in it. No argument: the default policy. */
export async function findFiles(args: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const arg of args.length === 0 ? [defaultPolicyFile] : args) {
    if (!(await statOf(arg)).isDirectory()) {
      files.push(arg);
      continue;
    }
    const suites = (await readdir(arg)).filter((name) => suiteName.test(name)).sort();
    if (suites.length === 0) throw new CommandError(`${arg}: no suites here; they are called like policy.test.yaml.`);
    files.push(...suites.map((name) => join(arg, name)));
  }
  return [...new Set(files)];
}

/** Reads the policy and suite that a file belongs to: a suite and its policy, or a policy and the suite beside it. */
export async function loadSuite(file: string): Promise<LoadedSuite> {
  const suiteFile = suiteName.test(file) ? file : await suiteBeside(file);
  const loaded: LoadedSuite = { policyFile: file, suiteFile, policy: undefined, suite: undefined, problems: [] };
  const complain = (of: string, problems: readonly PolicyProblem[]) =>
    loaded.problems.push(...problems.map((problem) => ({ file: of, ...problem })));
  if (suiteFile !== undefined) {
    const { suite, problems } = readSuite(await readText(suiteFile));
    loaded.suite = suite;
    complain(suiteFile, problems);
    const named = suite?.source.policy || basename(policyBeside(suiteFile));
    const policyFile = isAbsolute(named) ? named : join(dirname(suiteFile), named);
    const at = suite?.positionOf("policy") ?? { line: 1, column: 1 };
    if (suiteFile === file) {
      loaded.policyFile = policyFile;
      const reason = suite && (await reasonNotToRead(policyFile));
      if (reason !== undefined) complain(suiteFile, [{ ...at, message: `The policy ${policyFile} cannot be read: ${reason}.` }]);
      if (suite === undefined || reason !== undefined) return loaded;
    } else if (normalize(policyFile) !== normalize(file)) {
      complain(suiteFile, [{ ...at, message: `This suite is for ${policyFile}, and stands beside ${file}, which it does not test.` }]);
    }
  }
  const { policy, problems } = compilePolicy(await readText(loaded.policyFile));
  loaded.policy = policy;
  complain(loaded.policyFile, problems);
  if (policy !== undefined && loaded.suite !== undefined && suiteFile !== undefined && loaded.problems.length === 0) {
    complain(suiteFile, checkSuite(loaded.suite, policy));
  }
  return loaded;
}

/** Where the suite of a policy file may stand, the usual place first. */
export function suitePlaces(policyFile: string): string[] {
  const stem = policyFile.replace(policyName, "");
  return [".test.yaml", ".test.yml", ".test.json"].map((ending) => stem + ending);
}

async function suiteBeside(policyFile: string): Promise<string | undefined> {
  for (const place of suitePlaces(policyFile)) {
    const found = await stat(place).catch(() => undefined);
    if (found?.isFile()) return place;
  }
  return undefined;
}

function policyBeside(suiteFile: string): string {
  return suiteFile.replace(suiteName, ".$1");
}

async function statOf(file: string) {
  try {
    return await stat(file);
  } catch (error) {
    throw new CommandError(`${file} cannot be read: ${reasonOf(error)}.`);
  }
}

/** Why a file cannot be read; undefined when it can. */
async function reasonNotToRead(file: string): Promise<string | undefined> {
  try {
    await access(file, constants.R_OK);
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

/** Reads a text that is no larger than a policy can be. */
async function readText(file: string): Promise<string> {
  const { size } = await statOf(file);
  // A UTF-16 unit has at most 3 bytes in UTF-8.
  if (size > maxPolicyLength * 3) {
    throw new CommandError(`${file} has ${size} bytes; a policy or suite has at most ${maxPolicyLength} characters.`);
  }
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new CommandError(`${file} cannot be read: ${reasonOf(error)}.`);
  }
}

function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  const reasons: Record<string, string> = { ENOENT: "there is no such file", EISDIR: "it is a folder", EACCES: "permission denied" };
  return reasons[code ?? ""] ?? (error as Error).message;
}

// `gatehouse policy check`: shows what is wrong with policies and their suites.
import { formatProblems } from "../../policy/problems.ts";
import { type Command, parseFlags, readChoice, UsageError } from "../command.ts";
import { safe } from "../text.ts";
import { type FileProblem, findFiles, type LoadedSuite, loadSuite } from "./suite-files.ts";

/** How problems are written. */
const formats = {
  text: ({ file, ...problem }: FileProblem) => formatProblems(file, [problem]),
  json: (problem: FileProblem) => JSON.stringify(problem),
  github: ({ file, line, column, rule, message }: FileProblem) => {
    const where = `file=${githubValue(file)},line=${line},col=${column}`;
    return `::error ${where}::${githubText(rule === undefined ? message : `rule "${rule}": ${message}`)}`;
  },
};

/** Checks policies and the suites beside them: 0 when there is nothing wrong, 1 when there is. */
export const policyCheck: Command["run"] = async (args, io) => {
  const options = { json: { type: "boolean" }, format: { type: "string" } } as const;
  const { values: flags, positionals } = parseFlags(args, options);
  if (positionals.length === 0) throw new UsageError("policy check needs at least one file.");
  const format = readChoice("--format", flags.format ?? (flags.json ? "json" : "text"), formats);
  const asText = format === formats.text;
  let count = 0;
  // A policy and its suite may both be named; what is wrong is told once.
  const told = new Set<string>();
  for (const file of await findFiles(positionals)) {
    const loaded = await loadSuite(file);
    for (const problem of inOrder(loaded.problems)) {
      const line = format(problem);
      if (told.has(line)) continue;
      told.add(line);
      count++;
      io.stdout.write(`${asText ? safe(line) : line}\n`);
    }
    if (asText && loaded.problems.length === 0) io.stdout.write(`${safe(loaded.policyFile)}: ${summaryOf(loaded)}\n`);
  }
  if (asText && count > 0) io.stderr.write(`${count} ${count === 1 ? "problem" : "problems"}.\n`);
  return count === 0 ? 0 : 1;
};

function inOrder(problems: readonly FileProblem[]): FileProblem[] {
  return problems.toSorted((a, b) => (a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1));
}

function summaryOf({ policy, suite }: LoadedSuite): string {
  const rules = policy?.source.rules.length ?? 0;
  const tests = suite?.source.tests.length ?? 0;
  const tested = suite === undefined ? "no suite" : `${tests} ${tests === 1 ? "test" : "tests"}`;
  return `good; ${rules} ${rules === 1 ? "rule" : "rules"}, ${tested}, version ${policy?.version.slice(0, 12) ?? ""}.`;
}

function githubText(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function githubValue(text: string): string {
  return githubText(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}

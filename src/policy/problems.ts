// What is wrong with a policy, and where.

/** One thing that is wrong with a policy. */
export interface PolicyProblem {
  /** Line in the text, from 1. */
  line: number;
  /** Column in the line, from 1, in UTF-16 units. */
  column: number;
  /** The id of the rule it is in, where there is one. */
  rule?: string;
  /** What is wrong and what would be right. */
  message: string;
}

/** Problems as text, a line each, in the order of the text: `policy.yaml:12:11: rule "quota": unknown variable "ownr".` */
export function formatProblems(file: string, problems: readonly PolicyProblem[]): string {
  return [...problems]
    .sort((a, b) => a.line - b.line || a.column - b.column)
    .map((p) => `${file}:${p.line}:${p.column}: ${p.rule === undefined ? "" : `rule "${p.rule}": `}${p.message}`)
    .join("\n");
}

// Checks the loops in a condition: all(), exists() and their like.
import type { ASTNode } from "@marcbachmann/cel-js";
import type { ConditionProblem } from "./condition-calls.ts";

const loops: readonly string[] = ["all", "exists", "exists_one", "filter", "map"];

/** Each loop may be gone through 100 times for each time of the one around it. */
const maxNesting = 2;

/** Every problem of the loops in an expression over these fields. */
export function* checkLoops(node: ASTNode, fields: readonly string[], depth = 0): Generator<ConditionProblem> {
  if (node.op !== "rcall" || !loops.includes(node.args[0])) {
    for (const child of childrenOf(node.args)) yield* checkLoops(child, fields, depth);
    return;
  }
  const [name, receiver, args] = node.args;
  yield* checkLoops(receiver, fields, depth);
  if (depth === maxNesting) {
    yield { offset: node.start, message: `${name}() stands in too many others: all(), exists() and their like go ${maxNesting} deep.` };
    return;
  }
  const [variable] = args;
  if (variable?.op === "id" && fields.includes(variable.args)) {
    yield { offset: variable.start, message: `"${variable.args}" is a field already; call what ${name}() goes through something else.` };
  }
  for (const arg of args) yield* checkLoops(arg, fields, depth + 1);
}

function childrenOf(args: unknown): ASTNode[] {
  if (Array.isArray(args)) return args.flatMap(childrenOf);
  return typeof args === "object" && args !== null && "op" in args && "args" in args ? [args as ASTNode] : [];
}

// Conditions: CEL expressions over the fields of an action, checked when a policy is compiled. The only module that knows the CEL library.
import { type ASTNode, Environment, ParseError, TypeError as TypeCheckError } from "@marcbachmann/cel-js";
import { didYouMean } from "../nearest.ts";
import type { FieldSpec } from "./vocabulary.ts";

/** What conditions may ask about the world. All answers during one evaluation are from one moment. */
export interface Facts {
  /** Whether the value is on the list; false when there is no such list. */
  inList(list: string, value: string): boolean;
}

/** A condition that passed every check. */
export interface Condition {
  /**
   * Whether it holds for these fields and facts. Throws ConditionError when it cannot be evaluated, and whatever `facts` throws as it stands.
   */
  holds(fields: Record<string, unknown>, facts: Facts): boolean;
  /** Whether it reads the field. */
  reads(field: string): boolean;
}

/** The condition could not be evaluated; the message says why, in words for the policy's author. */
export class ConditionError extends Error {
  override readonly name = "ConditionError";
}

/** What is wrong with a condition; `offset` counts UTF-16 units into its text. */
export interface ConditionProblem {
  offset: number;
  message: string;
}

/** A function that conditions can call. */
export interface FunctionSpec {
  /** Name, types of the arguments, type of the result, as CEL writes them. */
  signature: string;
  meaning: string;
  example: string;
  /** Which argument names a list: it must be a literal name of a list that the policy declares. */
  listArgument?: number;
  call(facts: Facts, ...args: never[]): unknown;
}

/** The functions that conditions can call, besides CEL's own. */
export const functionSpecs: Record<string, FunctionSpec> = {
  inList: {
    signature: "inList(string, string): bool",
    meaning: "Whether the value is on the list, byte for byte.",
    example: 'inList(operator, "staff")',
    listArgument: 1,
    call: (facts, value: string, list: string) => facts.inList(list, value),
  },
};

/** CEL functions that take time that their input can drive up without bound. */
const refusedFunctions: Record<string, string> = {
  matches: "matches() uses a backtracking engine that a hostile name can stall; use contains(), startsWith() or endsWith().",
};

/** Limits of one expression; the rule's own byte limit comes before these. */
const limits = { maxAstNodes: 1000, maxDepth: 50, maxListElements: 100, maxMapEntries: 100, maxCallArguments: 8 };

/** Compiles conditions over one set of fields, in policies that declare these lists. */
export interface ConditionCompiler {
  compile(text: string): { condition: Condition; problems: [] } | { condition: undefined; problems: ConditionProblem[] };
}

export function createConditionCompiler(fields: Record<string, FieldSpec>, lists: ReadonlySet<string>): ConditionCompiler {
  // Set for the length of one synchronous evaluation: CEL hands a function its arguments and nothing else.
  let current: Facts | undefined;
  let failure: { error: unknown } | undefined;

  const environment = new Environment({ limits });
  for (const [name, { type }] of Object.entries(fields)) environment.registerVariable(name, type);
  for (const spec of Object.values(functionSpecs)) {
    environment.registerFunction(spec.signature, (...args: never[]) => {
      if (current === undefined) throw new Error("A condition's function was called outside of an evaluation.");
      try {
        return spec.call(current, ...args);
      } catch (error) {
        failure ??= { error };
        throw error;
      }
    });
  }
  const names = [...Object.keys(fields), ...Object.keys(functionSpecs)];

  return {
    compile(text) {
      const problems: ConditionProblem[] = [];
      try {
        const program = environment.parse(text);
        const identifiers = new Set<string>();
        walk(program.ast, (node) => {
          if (node.op === "id") identifiers.add(node.args);
          if (node.op === "call" || node.op === "rcall") problems.push(...checkCall(node, lists));
        });
        const checked = program.check();
        if (!checked.valid) problems.push(explain(checked.error, names));
        else if (checked.type !== "bool")
          problems.push({ offset: 0, message: `A condition must be true or false; this one is ${article(checked.type)}.` });
        if (problems.length > 0) return { condition: undefined, problems };

        const holds = (values: Record<string, unknown>, facts: Facts): boolean => {
          current = facts;
          failure = undefined;
          let held = false;
          let error: unknown;
          try {
            held = program(values) === true;
          } catch (caught) {
            error = caught;
          }
          current = undefined;
          // CEL's `||` and `&&` can swallow an error; one of the facts must not be lost that way.
          if (failure !== undefined) throw (failure as { error: unknown }).error;
          if (error !== undefined) throw new ConditionError(summaryOf(error));
          return held;
        };
        return { condition: { holds, reads: (field) => identifiers.has(field) }, problems: [] };
      } catch (error) {
        if (error instanceof ParseError || error instanceof TypeCheckError || error instanceof RangeError) {
          return { condition: undefined, problems: [explain(error, names)] };
        }
        throw error;
      }
    },
  };
}

function* checkCall(node: Extract<ASTNode, { op: "call" | "rcall" }>, lists: ReadonlySet<string>): Generator<ConditionProblem> {
  const name = node.args[0];
  const refused = Object.hasOwn(refusedFunctions, name) ? refusedFunctions[name] : undefined;
  if (refused !== undefined) yield { offset: node.start, message: refused };
  const spec = node.op === "call" && Object.hasOwn(functionSpecs, name) ? functionSpecs[name] : undefined;
  if (spec?.listArgument === undefined || node.op !== "call") return;
  const argument = node.args[1][spec.listArgument];
  if (argument === undefined) return;
  if (argument.op !== "value" || typeof argument.args !== "string") {
    yield { offset: argument.start, message: `${name}() takes the name of a list in quotes here, such as ${spec.example}.` };
  } else if (!lists.has(argument.args)) {
    const known =
      lists.size === 0 ? " The policy declares no lists." : didYouMean(argument.args, lists) || ` Declared: ${[...lists].join(", ")}.`;
    yield { offset: argument.start, message: `List "${argument.args}" is not declared under "lists".${known}` };
  }
}

/** Visits every node of an expression. */
function walk(node: ASTNode, visit: (node: ASTNode) => void): void {
  visit(node);
  const descend = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(descend);
    else if (typeof value === "object" && value !== null && "op" in value && "args" in value) walk(value as ASTNode, visit);
  };
  descend(node.args);
}

function explain(error: unknown, names: readonly string[]): ConditionProblem {
  const offset = (error as { range?: { start: number } }).range?.start ?? 0;
  const summary = summaryOf(error);
  const unknown = /^Unknown variable: (\w+)$/.exec(summary)?.[1];
  if (unknown !== undefined) {
    return { offset, message: `There is no field "${unknown}" here.${didYouMean(unknown, names) || ` There are: ${names.join(", ")}.`}` };
  }
  const call = /'(?:[\w<>., ]+\.)?(\w+)\(/.exec(summary)?.[1];
  if (call !== undefined && summary.startsWith("found no matching overload")) {
    const spec = Object.hasOwn(functionSpecs, call) ? functionSpecs[call] : undefined;
    return { offset, message: `${capital(summary)}.${spec === undefined ? didYouMean(call, names) : ` It is ${spec.signature}.`}` };
  }
  return { offset, message: `${capital(summary)}.` };
}

function summaryOf(error: unknown): string {
  if (error instanceof RangeError) return "the condition is too deep";
  const { summary, message } = error as { summary?: string; message?: string };
  return (summary ?? message ?? String(error)).split("\n", 1)[0] ?? "";
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function article(type: string | undefined): string {
  return type === "int" ? "an int" : `a ${type ?? "value of unknown type"}`;
}

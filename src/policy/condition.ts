// Conditions: CEL expressions over the fields of a subject, checked when a policy is compiled. The only module that knows the CEL library.
import { type ASTNode, Environment, ParseError, TypeError as TypeCheckError } from "@marcbachmann/cel-js";
import { didYouMean } from "../nearest.ts";
import { celNames } from "./cel-built-ins.ts";
import {
  type CallNode,
  type ConditionProblem,
  checkCall,
  type DeclaredLists,
  type RateUse,
  type SignalUse,
  type Uses,
} from "./condition-calls.ts";
import { checkLoops } from "./condition-loops.ts";
import { functionSpecs, Skeleton } from "./functions.ts";
import type { FieldSpec } from "./vocabulary.ts";
import type { World } from "./world.ts";

/** A condition that passed every check. */
export interface Condition {
  readonly text: string;
  /**
   * Whether it holds for these fields in this world. Throws ConditionError when it cannot be evaluated, and whatever the world throws as it
   * stands.
   */
  holds(fields: Record<string, unknown>, world: World): boolean;
  /** Whether it reads the field. */
  reads(field: string): boolean;
  /** Whether it holds or fails whatever the fields are; undefined when it depends on them. */
  readonly constant: boolean | undefined;
  /** What it asks rate() for. */
  readonly rates: readonly RateUse[];
  /** The signals that it names. */
  readonly signals: readonly SignalUse[];
  /** The functions by which it asks the world. */
  readonly asks: ReadonlySet<string>;
  /** What its fields and calls are for these fields in this world, as they are written; parts that cannot be had by themselves are left out. */
  parts(fields: Record<string, unknown>, world: World): { expression: string; value: string }[];
}

/** The condition could not be evaluated; the message says why, in words for the policy's author. */
export class ConditionError extends Error {
  override readonly name = "ConditionError";
}

/** Limits of one expression; the rule's own byte limit comes before these. */
const limits = { maxAstNodes: 1000, maxDepth: 50, maxListElements: 100, maxMapEntries: 100, maxCallArguments: 8 };

/** Compiles conditions over one set of fields, in policies that declare these lists. */
export interface ConditionCompiler {
  compile(text: string): { condition: Condition; problems: [] } | { condition: undefined; problems: ConditionProblem[] };
}

export function createConditionCompiler(fields: Record<string, FieldSpec>, lists: DeclaredLists): ConditionCompiler {
  // Set for the length of one synchronous evaluation: CEL hands a function its arguments and nothing else.
  let current: World | undefined;
  let failure: { error: unknown } | undefined;

  const environment = new Environment({ limits });
  environment.registerType("Skeleton", { ctor: Skeleton, fields: {} });
  environment.registerOperator("Skeleton == Skeleton", (a: Skeleton, b: Skeleton) => a.text === b.text);
  for (const [name, { type }] of Object.entries(fields)) environment.registerVariable(name, type);
  for (const [name, { signature, overloads = [], call }] of Object.entries(functionSpecs)) {
    if (call.kind === "text") {
      for (const one of [signature, ...overloads]) environment.registerFunction(one, call.run);
      continue;
    }
    const isNumber = signature.endsWith(": int");
    const handler = (...args: unknown[]) => {
      if (current === undefined) throw new Error("A condition's function was called outside of an evaluation.");
      try {
        const answer = current.ask(name, args);
        return isNumber ? BigInt(answer) : answer;
      } catch (error) {
        failure ??= { error };
        throw error;
      }
    };
    for (const one of [signature, ...overloads]) environment.registerFunction(one, handler);
  }
  const fieldNames = Object.keys(fields);

  /** Runs one program with the world in place. */
  function run(program: (fields: Record<string, unknown>) => unknown, values: Record<string, unknown>, world: World): unknown {
    current = world;
    failure = undefined;
    let result: unknown;
    let error: unknown;
    try {
      result = program(values);
    } catch (caught) {
      error = caught;
    }
    current = undefined;
    // CEL's `||` and `&&` can swallow an error; one of the world must not be lost that way.
    if (failure !== undefined) throw (failure as { error: unknown }).error;
    if (error !== undefined) throw new ConditionError(summaryOf(error));
    return result;
  }

  /** The parts of an expression that mean something by themselves, each once, in the order in which they stand. */
  function partsOf(ast: ASTNode): { expression: string; program: (fields: Record<string, unknown>) => unknown }[] {
    const parts = new Map<string, (fields: Record<string, unknown>) => unknown>();
    walk(ast, (node) => {
      if (node.op !== "id" && node.op !== "call" && node.op !== "rcall") return;
      const expression = node.input.slice(node.start, node.end);
      if (parts.has(expression)) return;
      const program = environment.parse(expression);
      // Inside of exists() and its like a part may speak of what only that knows.
      if (program.check().valid) parts.set(expression, program);
    });
    return [...parts].map(([expression, program]) => ({ expression, program }));
  }

  return {
    compile(text) {
      try {
        const program = environment.parse(text);
        const problems: ConditionProblem[] = [];
        const identifiers = new Set<string>();
        const uses: Uses = { rates: [], signals: [] };
        const asks = new Set<string>();
        walk(program.ast, (node) => {
          if (node.op === "id") identifiers.add(node.args);
          if (node.op === "call" && functionSpecs[node.args[0]]?.call.kind === "world") asks.add(node.args[0]);
          if (node.op === "call" || node.op === "rcall") problems.push(...checkCall(node as CallNode, lists, uses));
        });
        problems.push(...checkLoops(program.ast, fieldNames));
        const checked = program.check();
        if (!checked.valid) problems.push(explain(checked.error, fieldNames));
        else if (checked.type !== "bool")
          problems.push({ offset: 0, message: `A condition must be true or false; this one is ${article(checked.type)}.` });
        if (problems.length > 0) return { condition: undefined, problems };
        const { ast } = program;
        const condition: Condition = {
          text,
          holds: (values, world) => run(program, values, world) === true,
          reads: (field) => identifiers.has(field),
          constant: ast.op === "value" && typeof ast.args === "boolean" ? ast.args : undefined,
          ...uses,
          asks,
          parts: (values, world) =>
            partsOf(ast).flatMap(({ expression, program: part }) => {
              try {
                return [{ expression, value: show(run(part, values, world)) }];
              } catch (error) {
                if (error instanceof ConditionError) return [];
                throw error;
              }
            }),
        };
        return { condition, problems: [] };
      } catch (error) {
        if (error instanceof ParseError || error instanceof TypeCheckError || error instanceof RangeError) {
          return { condition: undefined, problems: [explain(error, fieldNames)] };
        }
        throw error;
      }
    },
  };
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

/** What people write who know other languages, and what CEL says of it. */
const habits: readonly (readonly [RegExp, string])[] = [
  [/^unexpected character: =/, " Write == to compare."],
  [/^unexpected character: '[dr]'/, " Write && for and, || for or, ! for not."],
  [/skeleton [!=]= string|string [!=]= skeleton/, ' A skeleton is compared with skeletons: skeleton(name) == skeleton("Official News").'],
  [/maxlistelements/, " Move long enumerations into lists, and ask them with inList()."],
];

function explain(error: unknown, fieldNames: readonly string[]): ConditionProblem {
  const offset = (error as { range?: { start: number } }).range?.start ?? 0;
  const summary = summaryOf(error);
  const names = [...fieldNames, ...Object.keys(functionSpecs), ...celNames];
  const unknown = /^Unknown variable: (\w+)$/.exec(summary)?.[1];
  if (unknown !== undefined) {
    return {
      offset,
      message: `There is no field "${unknown}" here.${didYouMean(unknown, fieldNames) || ` There are: ${fieldNames.join(", ")}.`}`,
    };
  }
  const call = /'(?:[\w<>., ]+\.)?(\w+)\(/.exec(summary)?.[1];
  if (call !== undefined && summary.startsWith("found no matching overload")) {
    const spec = Object.hasOwn(functionSpecs, call) ? functionSpecs[call] : undefined;
    return {
      offset,
      message: `${capital(summary)}.${spec === undefined ? (names.includes(call) ? "" : didYouMean(call, names)) : ` It is ${spec.signature}.`}`,
    };
  }
  const hint = habits.find(([sign]) => sign.test(summary.toLowerCase()))?.[1] ?? "";
  return { offset, message: `${capital(summary)}.${hint}` };
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

/** A value as CEL writes it. */
function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Skeleton) return `skeleton ${JSON.stringify(value.text)}`;
  if (Array.isArray(value)) return `[${value.map(show).join(", ")}]`;
  // What is left of objects is CEL's span of time, whose value is its milliseconds.
  return typeof value === "object" && value !== null ? `${Number(value) / 1000}s` : String(value);
}

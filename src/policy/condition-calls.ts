// Checks the calls in a condition for what types cannot say: lists that are declared, patterns that compile, windows that are written out.
import type { ASTNode } from "@marcbachmann/cel-js";
import { type ListKind, ListKindSchema } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { didYouMean } from "../nearest.ts";
import { type ArgumentRule, functionSpecs, refusedFunctions } from "./functions.ts";
import { spanMs } from "./span.ts";
import { actionNames } from "./vocabulary.ts";

/** What is wrong with a condition; `offset` counts UTF-16 units into its text. */
export interface ConditionProblem {
  offset: number;
  message: string;
}

/** The lists that a policy declares, by name. */
export type DeclaredLists = ReadonlyMap<string, ListKind>;

/** What a condition asks rate() for. */
export interface RateUse {
  action: string;
  windowMs: number;
}

/** The node of a call. */
export type CallNode = Extract<ASTNode, { op: "call" | "rcall" }>;

/** A signal that a condition names; `offset` counts UTF-16 units into its text. */
export interface SignalUse {
  signal: string;
  offset: number;
}

/** What the calls of a condition ask for, besides the lists. */
export interface Uses {
  rates: RateUse[];
  signals: SignalUse[];
}

/** What a signal can be called. */
export const signalName = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;

const window = { minMs: 1000, maxMs: 30 * 24 * 3600 * 1000 };

/** Every problem of one call; adds what it asks for to `uses`. */
export function* checkCall(node: CallNode, lists: DeclaredLists, { rates, signals }: Uses): Generator<ConditionProblem> {
  const name = node.args[0];
  const refused = Object.hasOwn(refusedFunctions, name) ? refusedFunctions[name] : undefined;
  if (refused !== undefined) yield { offset: node.start, message: refused };
  const spec = node.op === "call" && Object.hasOwn(functionSpecs, name) ? functionSpecs[name] : undefined;
  if (spec === undefined || node.op !== "call") return;
  const args = node.args[1];
  for (const [place, rule] of Object.entries(spec.rules)) {
    const argument = args[Number(place)];
    const message = argument === undefined ? undefined : checkArgument(rule, argument, name, spec.example, lists);
    if (argument !== undefined && message !== undefined) yield { offset: argument.start, message };
  }
  const [action, , span] = args;
  const windowMs = span === undefined ? undefined : writtenSpanMs(span);
  if (name === "rate" && action?.op === "value" && windowMs !== undefined) rates.push({ action: String(action.args), windowMs });
  if (name === "signal" && action?.op === "value") signals.push({ signal: String(action.args), offset: action.start });
  if (name === "sameTextRate" && windowMs !== undefined) rates.push({ action: "send_message", windowMs });
}

function checkArgument(rule: ArgumentRule, argument: ASTNode, name: string, example: string, lists: DeclaredLists): string | undefined {
  if (rule.kind === "window") {
    const ms = writtenSpanMs(argument);
    if (ms === undefined) return `${name}() takes a time span that is written out here, such as duration("1h").`;
    if (ms < window.minMs || ms > window.maxMs) return `${name}() takes a time span from 1 s to 30 days.`;
    return undefined;
  }
  if (argument.op !== "value" || typeof argument.args !== "string") {
    const what = { list: "the name of a list", action: "the name of an action", signal: "the name of a signal", pattern: "a pattern" }[
      rule.kind
    ];
    return `${name}() takes ${what} in quotes here, such as ${example}.`;
  }
  const text = argument.args;
  switch (rule.kind) {
    case "list":
      return checkList(text, rule.kinds, name, lists);
    case "action":
      if (actionNames.includes(text)) return undefined;
      return `There is no action "${text}".${didYouMean(text, actionNames) || ` There are: ${actionNames.join(", ")}.`}`;
    case "signal":
      if (signalName.test(text)) return undefined;
      return `"${text}" cannot be the name of a signal: that is a letter, then up to 63 letters, digits, "_", "." and "-".`;
    case "pattern":
      try {
        rule.compile(text);
        return undefined;
      } catch (error) {
        return `${name}() cannot use this pattern: ${(error as Error).message}`;
      }
  }
}

function checkList(list: string, kinds: readonly ListKind[], name: string, lists: DeclaredLists): string | undefined {
  const kind = lists.get(list);
  if (kind === undefined) return undeclaredList(list, lists);
  if (kinds.includes(kind)) return undefined;
  const other = Object.entries(functionSpecs).find(([, { rules }]) =>
    Object.values(rules).some((rule) => rule.kind === "list" && rule.kinds.includes(kind)),
  );
  return `${name}() cannot ask "${list}", which is of kind ${kindWord(kind)}; use ${other?.[0] ?? "another function"}().`;
}

/** What is wrong with naming a list that the policy does not declare. */
export function undeclaredList(list: string, lists: DeclaredLists): string {
  const known = didYouMean(list, lists.keys()) || ` Declared: ${[...lists.keys()].join(", ")}.`;
  return `List "${list}" is not declared under "lists".${lists.size === 0 ? " The policy declares no lists." : known}`;
}

/** The word for a kind in a policy. */
export function kindWord(kind: ListKind): string {
  return ListKindSchema.value[kind]?.name.slice("LIST_KIND_".length).toLowerCase() ?? "unknown";
}

/** The span of `duration("…")` with a literal that CEL understands, in milliseconds; undefined for any other expression. */
function writtenSpanMs(node: ASTNode): number | undefined {
  if (node.op !== "call" || node.args[0] !== "duration") return undefined;
  const [argument] = node.args[1];
  if (argument?.op !== "value" || typeof argument.args !== "string") return undefined;
  return spanMs(argument.args);
}

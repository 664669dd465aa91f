// What the functions of conditions are answered: by the world, noting its answers, or by the notes of an earlier time.
import { createHash } from "node:crypto";
import type { Fact } from "../../gen/gatehouse/v1/decision_pb.ts";
import type { TextRange } from "../text/text-ranges.ts";
import { type Facts, functionSpecs, Skeleton } from "./functions.ts";
import { noSignals, type SignalAnswers } from "./signal-answers.ts";

/** Answers the functions that ask the world, and signals. */
export interface World {
  /** What the function answers to these arguments. Throws what the facts throw. */
  ask(name: string, args: readonly unknown[]): boolean | number;
  /** Where phrases of a list are in a text, or what looks like them; for rewriting it. Throws what the facts throw. */
  findInList(list: string, text: string, lookAlikes: boolean): readonly TextRange[];
}

/** How a search for the phrases of a list is noted. */
const findName = "findInList";

/** The most UTF-16 units of a text that is noted as it is; of a longer one, its digest is. */
const maxNotedLength = 500;

/**
 * A world of live facts; `noted` takes every answer but false, 0 and nothing found, and every answer of a signal but for no text, once each. The
 * policy must ask no signal when `signals` is not given.
 */
export function createLiveWorld(facts: Facts, noted: Fact[], signals: SignalAnswers = noSignals): World {
  return {
    ask(name, args) {
      const call = functionSpecs[name]?.call;
      if (call?.kind === "signal") return askSignal(signals, noted, name, args as [string, string]);
      if (call?.kind !== "world") throw new Error(`${name}() does not ask the world.`);
      const answer = (call.ask as (facts: Facts, ...args: readonly unknown[]) => boolean | number)(facts, ...args);
      if (answer !== false && answer !== 0) note(noted, name, args, String(answer));
      return answer;
    },
    findInList(list, text, lookAlikes) {
      const found = facts.findInList(list, text, lookAlikes);
      if (found.length > 0)
        note(noted, findName, findArguments(list, text, lookAlikes), found.map(({ start, end }) => `${start}-${end}`).join(","));
      return found;
    },
  };
}

/** A world that answers as was noted; what was not noted is false or 0, or was not found. */
export function createNotedWorld(noted: readonly Fact[]): World {
  return {
    ask(name, args) {
      const fact = factOf(noted, name, args);
      const isNumber = /: (?:int|double)$/.test(functionSpecs[name]?.signature ?? "");
      if (fact === undefined) return isNumber ? 0 : false;
      return isNumber ? Number(fact.value) : fact.value === "true";
    },
    findInList(list, text, lookAlikes) {
      const fact = factOf(noted, findName, findArguments(list, text, lookAlikes));
      return [...(fact?.value ?? "").matchAll(/(\d+)-(\d+)/g)].map(([, start, end]) => ({ start: Number(start), end: Number(end) }));
    },
  };
}

function findArguments(list: string, text: string, lookAlikes: boolean): readonly unknown[] {
  return lookAlikes ? [list, text, "look_alikes"] : [list, text];
}

/** Of no text there is nothing to say, whatever the signal. */
function askSignal(signals: SignalAnswers, noted: Fact[], name: string, args: readonly [signal: string, text: string]): number {
  const [signal, text] = args;
  if (text === "") return 0;
  const { value, failure } = signals.answerOf(signal, text);
  note(noted, name, args, String(value), failure);
  return value;
}

function note(noted: Fact[], name: string, args: readonly unknown[], value: string, failure = ""): void {
  const texts = args.flatMap(textsOf);
  if (noted.some((fact) => fact.function === name && sameTexts(fact.arguments, texts))) return;
  noted.push({ $typeName: "gatehouse.v1.Fact", function: name, arguments: texts, value, failure });
}

function factOf(noted: readonly Fact[], name: string, args: readonly unknown[]): Fact | undefined {
  const texts = args.flatMap(textsOf);
  return noted.find((fact) => fact.function === name && sameTexts(fact.arguments, texts));
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, i) => text === b[i]);
}

/** An argument as text: strings as they are, spans of time in seconds; a skeleton, and a digest, as two so that no text is taken for one. */
function textsOf(argument: unknown): string[] {
  if (typeof argument === "string") return argument.length <= maxNotedLength ? [argument] : ["sha256", digestOf(argument)];
  if (argument instanceof Skeleton) return ["skeleton", ...textsOf(argument.text)];
  return [`${Number((argument as { valueOf(): number }).valueOf()) / 1000}s`];
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

// What the functions of conditions are answered: by the world, noting its answers, or by the notes of an earlier time.
import { create } from "@bufbuild/protobuf";
import { type Fact, FactSchema } from "../../gen/gatehouse/v1/decision_pb.ts";
import { type Facts, functionSpecs, Skeleton } from "./functions.ts";

/** Answers the functions that ask the world. */
export interface World {
  /** What the function answers to these arguments. Throws what the facts throw. */
  ask(name: string, args: readonly unknown[]): boolean | number;
}

/** A world of live facts; `noted` takes every answer but false and 0, once each. */
export function createLiveWorld(facts: Facts, noted: Fact[]): World {
  return {
    ask(name, args) {
      const call = functionSpecs[name]?.call;
      if (call?.kind !== "world") throw new Error(`${name}() does not ask the world.`);
      const answer = (call.ask as (facts: Facts, ...args: readonly unknown[]) => boolean | number)(facts, ...args);
      if (answer !== false && answer !== 0) note(noted, name, args, answer);
      return answer;
    },
  };
}

/** A world that answers as was noted; what was not noted is false or 0. */
export function createNotedWorld(noted: readonly Fact[]): World {
  return {
    ask(name, args) {
      const texts = args.flatMap(textsOf);
      const fact = noted.find((candidate) => candidate.function === name && sameTexts(candidate.arguments, texts));
      const isNumber = functionSpecs[name]?.signature.endsWith(": int") ?? false;
      if (fact === undefined) return isNumber ? 0 : false;
      return isNumber ? Number(fact.value) : fact.value === "true";
    },
  };
}

function note(noted: Fact[], name: string, args: readonly unknown[], answer: boolean | number): void {
  const texts = args.flatMap(textsOf);
  if (noted.some((fact) => fact.function === name && sameTexts(fact.arguments, texts))) return;
  noted.push(create(FactSchema, { function: name, arguments: texts, value: String(answer) }));
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, i) => text === b[i]);
}

/** An argument as text: strings as they are, spans of time in seconds, a skeleton as two so that no text is taken for one. */
function textsOf(argument: unknown): string[] {
  if (typeof argument === "string") return [argument];
  if (argument instanceof Skeleton) return ["skeleton", argument.text];
  return [`${Number((argument as { valueOf(): number }).valueOf()) / 1000}s`];
}

// Compiles policies between the other work of the process: the largest take a second, and webhooks are answered within two.
import { setImmediate } from "node:timers/promises";
import { type Compiled, compileInSteps } from "../policy/compile.ts";
import { runInTurns } from "../policy/steps.ts";

/** Compiles a text, and lets the event loop come round after every step. */
export type CompileInTurns = (text: string) => Promise<Compiled>;

/** Makes the compiler of a process. Texts wait for one another, so that however many come, each turn has one step. */
export function createCompileInTurns(): CompileInTurns {
  let last: Promise<unknown> = Promise.resolve();
  return (text) => {
    const compiled = last.then(() => runInTurns(compileInSteps(text), () => setImmediate()));
    last = compiled.catch(() => undefined);
    return compiled;
  };
}

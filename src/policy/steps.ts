// Work that can be interrupted: whoever runs it decides what happens between its steps.

/** Work in steps, none of which takes much longer than some tens of milliseconds; it ends in a result or throws. */
export type Steps<Result> = Generator<undefined, Result, undefined>;

/** Does all steps at once. */
export function runAtOnce<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Does one step after the other, waiting for what `between` returns after each. */
export async function runInTurns<Result>(steps: Steps<Result>, between: () => Promise<unknown>): Promise<Result> {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await between();
  }
}

// Finds the signals that a policy names and the settings do not declare.
import { didYouMean } from "../nearest.ts";
import type { PolicyProblem } from "../policy/problems.ts";

/** A signal that a rule names, and where. */
interface NamedSignal {
  signal: string;
  rule: string;
  line: number;
  column: number;
}

/** A problem for each place where a signal is named that is not declared. */
export function undeclaredSignals(named: readonly NamedSignal[], declared: ReadonlySet<string>): PolicyProblem[] {
  return named.flatMap(({ signal, ...place }) => {
    if (declared.has(signal)) return [];
    const hint = didYouMean(signal, declared) || (declared.size === 0 ? " There are none." : ` There are: ${[...declared].join(", ")}.`);
    return [{ ...place, message: `There is no signal "${signal}" in the settings of this Gatehouse.${hint}` }];
  });
}

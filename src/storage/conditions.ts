// The conditions of a filter in SQL, of those members that are set.

/** A condition with one parameter, and its value; undefined when nothing is asked of it. */
export type AskedCondition = readonly [condition: string, value: string | number | undefined];

/** Conditions that must all hold, and the parameters in them, in the same order. */
export interface Conditions {
  conditions: string[];
  values: (string | number)[];
}

/** The conditions that have a value. */
export function conditionsOf(asked: readonly AskedCondition[]): Conditions {
  const conditions: string[] = [];
  const values: (string | number)[] = [];
  for (const [condition, value] of asked) {
    if (value === undefined) continue;
    conditions.push(condition);
    values.push(value);
  }
  return { conditions, values };
}

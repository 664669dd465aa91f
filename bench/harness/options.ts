// The flags of `npm run bench`.
import { parseArgs } from "node:util";

/** What is asked for. */
export interface Options {
  mode: "table" | "growth" | "profile" | "help";
  quick: boolean;
  rounds: number;
  seconds: number;
  warmUpSeconds: number;
  /** How many entries the exact lists have. */
  entries: number;
  /** The rows, or the axes of growth, to measure; empty: all. */
  only: string[];
  /** The row to profile. */
  profile: string;
  /** The largest value on an axis of growth. */
  growthMax: number;
}

export const usage = `Usage: npm run bench -- [flags]

Measures floors, peers and Gatehouse in one table and writes bench/results/latest.json.

  --quick            one short round of each row, within 50 s
  --rounds N         rounds, each in fresh processes (5)
  --seconds N        seconds of load in a round (5; 2 for --growth)
  --entries N        entries of each exact list (100000)
  --only A,B         only these rows (or, with --growth, these axes)
  --profile ROW      writes CPU profiles of a row of Gatehouse and prints the top frames
  --growth           throughput and p99 as rules, lists, decisions, connections … grow
  --growth-max N     the largest value on an axis of growth (1000000)
`;

/** Reads the flags. Throws an error for people when they make no sense. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      rounds: { type: "string" },
      seconds: { type: "string" },
      entries: { type: "string" },
      only: { type: "string" },
      profile: { type: "string" },
      growth: { type: "boolean", default: false },
      "growth-max": { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  const { quick, growth, profile } = values;
  const count = (flag: "rounds" | "seconds" | "entries" | "growth-max", otherwise: number) => {
    const value = values[flag] === undefined ? otherwise : Number(values[flag]);
    if (!Number.isInteger(value) || value < 1) throw new Error(`--${flag} must be a whole number from 1 on, not "${values[flag]}".`);
    return value;
  };
  return {
    mode: values.help ? "help" : growth ? "growth" : profile === undefined ? "table" : "profile",
    quick,
    rounds: count("rounds", quick ? 1 : 5),
    seconds: count("seconds", quick ? 1 : growth ? 2 : 5),
    warmUpSeconds: quick || growth ? 1 : 2,
    entries: count("entries", 100_000),
    only: values.only?.split(",") ?? [],
    profile: profile ?? "",
    growthMax: count("growth-max", 1_000_000),
  };
}

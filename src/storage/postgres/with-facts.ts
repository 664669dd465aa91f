// Asks facts without writing anything.

import type { Store } from "../storage.ts";
import { storeUnavailable } from "../store-unavailable.ts";
import { createUnderWay } from "../under-way.ts";
import { createAsking } from "./asking.ts";
import type { Connections } from "./connections.ts";
import { createFacts } from "./facts.ts";
import type { Memory } from "./memory.ts";

/** How often one question may lead to others. */
const maxRounds = 50;

/** Creates the asking. */
export function createWithFacts(connections: Pick<Connections, "until">, memory: Memory): Store["withFacts"] {
  return async (nowMs, ask, usefulUntilMs = Number.POSITIVE_INFINITY) => {
    const reader = connections.until(usefulUntilMs);
    const asking = createAsking(memory);
    for (let round = 0; round < maxRounds; round += 1) {
      const answer = run(() => ask(createFacts(nowMs, asking, memory, createUnderWay())));
      if (asking.isOpen()) await asking.fetch(reader);
      else if ("error" in answer) throw answer.error;
      else return answer.value;
    }
    throw storeUnavailable(new Error("What is asked keeps asking for more."));
  };
}

/** What it throws while answers are missing means nothing. */
function run<T>(ask: () => T): { value: T } | { error: unknown } {
  try {
    return { value: ask() };
  } catch (error) {
    return { error };
  }
}

// Bounds how much is done in one turn of the event loop. The loop goes on reading as long as there is something to read, and who is answered at once
// asks again at once: under overload timers, and what is to be written, would not have their turn for seconds.

/** Work, spread over turns. */
export interface Turns {
  /** Runs it now, or in a later turn when this one has had enough; in the order of the calls. It must not throw. */
  run(work: () => void): void;
}

/** Creates them, for about `perTurn` pieces of work in each turn, and never more than twice as many. */
export function createTurns(perTurn: number): Turns {
  let count = 0;
  let isArmed = false;
  let waiting: (() => void)[] = [];
  const half = Math.ceil(perTurn / 2);

  function arm(): void {
    isArmed = true;
    setImmediate(beginTurn);
  }

  function beginTurn(): void {
    isArmed = false;
    count = 0;
    if (waiting.length === 0) return;
    const now = waiting.slice(0, perTurn);
    waiting = waiting.slice(perTurn);
    for (const work of now) work();
    count = now.length;
    arm();
  }

  return {
    run(work) {
      if (count >= perTurn || waiting.length > 0) {
        waiting.push(work);
        return;
      }
      count++;
      // Where a turn begins is only looked at when there may be too much: with little to do this costs next to nothing.
      if (count >= half && !isArmed) arm();
      work();
    },
  };
}

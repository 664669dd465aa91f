// Kills a server with SIGKILL at random moments under load, starts it again on what it left, and compares what it has acknowledged with what it has.
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { ServerProcess } from "./processes.ts";
import { createRandom } from "./random.ts";

/** What is sent to a server again and again, each time with another id. `C` are the connections that it is sent by. */
export interface StormKind<C> {
  name: string;
  /** Whether a caller that got no answer sends the same again after the restart. */
  repeats: boolean;
  /** How many callers send it at a time. */
  callers: number;
  /**
   * Sends it. Resolves to the answer if that is one which must be kept, as `read` will tell it; to undefined when the answer promises nothing.
   * Rejects when there is none.
   */
  send(connections: C, id: string): Promise<string | undefined>;
}

/** Who is killed. */
export interface StormSubject<C> {
  kinds: readonly StormKind<C>[];
  /** Starts it on what the ones before have left. */
  start(): Promise<ServerProcess>;
  connect(server: ServerProcess): Connections<C>;
  /** Looks at the files that the last one left, while nothing runs. What is wrong with them; empty: nothing. */
  inspect(): string[];
  /** Everything that a server has kept. */
  read(server: ServerProcess): Promise<Kept[]>;
}

/** The ways to a server. */
export interface Connections<C> {
  to: C;
  /** Breaks everything off. */
  cut(): void;
}

/** Something that was kept. */
export interface Kept {
  kind: string;
  id: string;
  answer: string;
}

/** What came of a storm. */
export interface StormResult extends Comparison {
  kills: number;
  acknowledged: number;
  /** Sent and never answered, the first time. */
  unanswered: number;
  /** Of those, how many were sent again. */
  repeated: number;
  /** Answers that promise nothing, and errors of a server that was alive; the first few. */
  notAcknowledged: { count: number; examples: string[] };
  /** What is wrong with the files. */
  damage: string[];
}

/** What is wrong with what was kept. */
export interface Comparison {
  lost: Kept[];
  /** Kept with another answer than the acknowledged one. */
  changed: Kept[];
  /** Kept more than once. */
  twice: Kept[];
}

/** How to storm. */
export interface StormOptions {
  kills: number;
  seed: number;
  /** The longest time from the start of a load to its kill, in milliseconds. */
  longestMs: number;
  onKill(kills: number, acknowledged: number): void;
}

/** Runs a storm to its end; nothing is left running. Throws when a server ends by itself. */
export async function storm<C>(subject: StormSubject<C>, { kills, seed, longestMs, onKill }: StormOptions): Promise<StormResult> {
  const random = createRandom(seed);
  const journal: Journal = { acknowledged: [], inDoubt: [], unanswered: 0, repeated: 0, notAcknowledged: { count: 0, examples: [] } };
  for (let round = 1; round <= kills; round++) {
    const server = await subject.start();
    const connections = subject.connect(server);
    const state = { killed: false };
    const callers = load(subject.kinds, connections.to, journal, round, state);
    await Promise.race([delay(random() * longestMs), once(server.child, "exit")]);
    if (server.child.exitCode !== null || server.child.signalCode !== null) throw new Error("the server ended by itself");
    state.killed = true;
    const gone = once(server.child, "exit");
    server.child.kill("SIGKILL");
    await gone;
    connections.cut();
    await callers;
    onKill(round, journal.acknowledged.length);
  }
  const damage = subject.inspect();
  const server = await subject.start();
  try {
    const kept = await subject.read(server);
    const { acknowledged, unanswered, repeated, notAcknowledged } = journal;
    return { kills, acknowledged: acknowledged.length, unanswered, repeated, notAcknowledged, damage, ...compare(acknowledged, kept) };
  } finally {
    await server.stop();
  }
}

interface Journal {
  acknowledged: Kept[];
  /** What was sent and not answered, to be sent again. */
  inDoubt: { kind: string; id: string }[];
  unanswered: number;
  repeated: number;
  notAcknowledged: StormResult["notAcknowledged"];
}

const maxExamples = 5;

/** Sends until the server is killed: first what is in doubt, then new things. */
async function load<C>(kinds: readonly StormKind<C>[], to: C, journal: Journal, round: number, state: { killed: boolean }): Promise<void> {
  const inDoubt = Map.groupBy(journal.inDoubt.splice(0), ({ kind }) => kind);
  const notAcknowledged = (what: string) => {
    journal.notAcknowledged.count++;
    if (journal.notAcknowledged.examples.length < maxExamples) journal.notAcknowledged.examples.push(what);
  };
  const callers = kinds.flatMap((kind, ofKind) => {
    const again = inDoubt.get(kind.name) ?? [];
    let count = 0;
    const send = async () => {
      while (!state.killed) {
        const repeat = again.pop();
        const id = repeat?.id ?? `${ofKind}-${round}-${count++}`;
        if (repeat !== undefined) journal.repeated++;
        try {
          const answer = await kind.send(to, id);
          if (answer === undefined) notAcknowledged(`${kind.name} ${id}: not acknowledged`);
          else journal.acknowledged.push({ kind: kind.name, id, answer });
        } catch (error) {
          if (repeat === undefined) journal.unanswered++;
          if (kind.repeats) journal.inDoubt.push({ kind: kind.name, id });
          if (!state.killed) notAcknowledged(`${kind.name} ${id}: ${error}`);
          break;
        }
      }
      // Whoever comes to an end first leaves to the next round what nobody has sent again.
      journal.inDoubt.push(...again.splice(0));
    };
    return Array.from({ length: kind.callers }, send);
  });
  await Promise.all(callers);
}

/** Holds what was acknowledged against what was kept. What was kept without an acknowledgement may be there, once. */
export function compare(acknowledged: readonly Kept[], kept: readonly Kept[]): Comparison {
  const keyOf = ({ kind, id }: Kept) => JSON.stringify([kind, id]);
  const found = new Map<string, Kept>();
  const twice: Kept[] = [];
  for (const one of kept) {
    const key = keyOf(one);
    if (found.has(key)) twice.push(one);
    else found.set(key, one);
  }
  const lost = acknowledged.filter((one) => !found.has(keyOf(one)));
  const changed = acknowledged.filter((one) => (found.get(keyOf(one)) ?? one).answer !== one.answer);
  return { lost, changed, twice };
}

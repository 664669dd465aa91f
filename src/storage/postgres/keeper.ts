// Which of the processes over one database does what goes on in the background: the one that holds a lock, for as long as its connection lives and is used.
import { setTimeout as delay } from "node:timers/promises";
import type { Connections } from "./connections.ts";

/** Tries to be the keeper. */
export interface Keeper {
  /**
   * Whether this process is the keeper. False when it has not heard from the server for as long as a lease: another one may be the keeper by then, and is
   * as soon as the server has noticed. For a moment after its connection has died it may be told so while another one is.
   */
  isKeeper(): boolean;
  close(): Promise<void>;
}

/** The advisory lock of the keeper. It belongs to a session: the server lets go of it when the connection ends, however it ends. */
const keeperLock = 7_105_204_019;

/** How often a process tries to get the lock, or makes sure that it has its connection. */
const pollMs = 1000;

/** For how long the server waits for the keeper to ask again until it ends its connection: a process that stands still lives, and so does its connection. */
const leaseMs = 5000;

/** Starts at once. Takes one connection for itself. */
export function startKeeper(connections: Pick<Connections, "withClient">): Keeper {
  const closing = new AbortController();
  let holds = false;
  /** When the server was last asked and has said that this is the keeper: it ends the lease so long after that, or later. */
  let confirmedMs = 0;

  async function hold(): Promise<void> {
    await connections.withClient(async (client) => {
      const letGo = () => {
        holds = false;
      };
      client.once("end", letGo);
      try {
        await client.query(`SET idle_session_timeout = ${leaseMs}`);
        while (!closing.signal.aborted) {
          // Once it is held, the question only tells whether the connection lives.
          const sql = holds ? "SELECT true AS held" : `SELECT pg_try_advisory_lock(${keeperLock}) AS held`;
          const askedMs = performance.now();
          holds = (await client.query<{ held: boolean }>(sql)).rows[0]?.held === true;
          confirmedMs = askedMs;
          await pause();
        }
        await client.query("SELECT pg_advisory_unlock_all()");
        await client.query("RESET idle_session_timeout");
      } finally {
        client.off("end", letGo);
        letGo();
      }
    });
  }

  function pause(): Promise<void> {
    return delay(pollMs, undefined, { signal: closing.signal, ref: false }).catch(() => undefined);
  }

  async function run(): Promise<void> {
    while (!closing.signal.aborted) {
      await hold().catch(() => undefined);
      await pause();
    }
  }

  const running = run();
  return {
    isKeeper: () => holds && performance.now() < confirmedMs + leaseMs,
    close() {
      closing.abort();
      return running;
    },
  };
}

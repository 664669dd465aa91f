// What breaks, and when: drawn from a seed, so that the same seed breaks the same things in the same order.
import { setTimeout as delay } from "node:timers/promises";
import type { PostgresServer } from "../../test/postgres-server.ts";
import type { Replicas } from "./replicas.ts";

/** What faults need. */
export interface FaultsDeps {
  replicas: Replicas;
  /** How many there are. */
  count: number;
  postgres: PostgresServer;
  /** Numbers from 0 to below 1. */
  random(): number;
  /** Told of each fault when it begins. */
  onFault(name: FaultName, detail: string): void;
}

/** Faults that go on until they are stopped. */
export interface Faults {
  /** Breaks nothing new, and resolves when everything is whole again. */
  stop(): Promise<void>;
}

/** A pause that is as long as the longest that is asked for, and how often pauses are so long. */
const longPauseMs = 60_000;
const longPauseShare = 0.06;

/** Between the beginnings of faults. */
const quietMs = { least: 1000, most: 4000 };

const replicaFaults = ["kill a replica", "pause a replica", "restart a replica"] as const;
const serverFaults = ["crash the server", "make the server read-only", "drop all connections"] as const;

/** What can break. */
export type FaultName = (typeof replicaFaults)[number] | (typeof serverFaults)[number];

/** Every fault. */
export const faultNames: readonly FaultName[] = [...replicaFaults, ...serverFaults];

const readOnly = (on: boolean) => `ALTER SYSTEM SET default_transaction_read_only = ${on ? "on" : "off"}`;
const reload = "SELECT pg_reload_conf()";
const dropAll = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gatehouse'";

/** Begins. At least one replica runs at any time, and the server has one fault at a time. */
export function startFaults({ replicas, count, postgres, random, onFault }: FaultsDeps): Faults {
  const stopping = new AbortController();
  const broken = new Set<number>();
  const mending = new Set<Promise<void>>();
  let isServerBroken = false;

  /** Waits, but not beyond the end. */
  const rest = (ms: number) => delay(ms, undefined, { signal: stopping.signal }).catch(() => undefined);

  function track(work: Promise<void>): void {
    const tracked = work.finally(() => mending.delete(tracked));
    mending.add(tracked);
  }

  async function breakReplica(name: (typeof replicaFaults)[number], replica: number, ms: number): Promise<void> {
    onFault(name, name === "pause a replica" ? `${replica} for ${(ms / 1000).toFixed(1)} s` : `${replica}`);
    if (name === "pause a replica") {
      replicas.pause(replica);
      await rest(ms);
      replicas.resume(replica);
    } else {
      await replicas.end(replica, name === "kill a replica" ? "SIGKILL" : "SIGTERM");
      await rest(ms);
      await replicas.start(replica);
    }
    broken.delete(replica);
  }

  async function breakServer(name: (typeof serverFaults)[number], ms: number): Promise<void> {
    onFault(name, name === "drop all connections" ? "" : `for ${(ms / 1000).toFixed(1)} s`);
    if (name === "crash the server") {
      await postgres.kill();
      await rest(ms);
      await postgres.start();
    } else if (name === "make the server read-only") {
      await postgres.run(readOnly(true));
      await postgres.run(reload);
      await rest(ms);
      await postgres.run(readOnly(false));
      await postgres.run(reload);
    } else {
      await postgres.run(dropAll);
    }
    isServerBroken = false;
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      // All numbers are drawn in any case, so that how long something took does not change what comes next.
      const [which, who, howLong, isLong, quiet] = [random(), Math.floor(random() * count), random(), random() < longPauseShare, random()];
      const name = faultNames[Math.floor(which * faultNames.length)] ?? "kill a replica";
      if (isServerFault(name)) {
        if (!isServerBroken) {
          isServerBroken = true;
          track(breakServer(name, 300 + howLong * 3700));
        }
      } else if (!broken.has(who) && broken.size < count - 1) {
        broken.add(who);
        const pauseMs = isLong ? longPauseMs : 1000 + howLong * 9000;
        track(breakReplica(name, who, name === "pause a replica" ? pauseMs : howLong * 3000));
      }
      await rest(quietMs.least + quiet * (quietMs.most - quietMs.least));
    }
  }

  const running = run();
  return {
    async stop() {
      stopping.abort();
      await running;
      await Promise.all(mending);
    },
  };
}

function isServerFault(name: FaultName): name is (typeof serverFaults)[number] {
  return serverFaults.some((fault) => fault === name);
}

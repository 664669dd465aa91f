// Replicas of Gatehouse over one database, and what a load balancer knows of them.
import { Agent, get } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { type Gatehouse, startGatehouse } from "../harness/gatehouse.ts";

/** One life of a replica, from its start to its end. */
export interface Target {
  replica: number;
  webhookPort: number;
  apiUrl: string;
  grpc: Transport;
  /** For its webhooks. */
  agent: Agent;
  /** Whether it has answered the last question after its health. */
  isHealthy: boolean;
  isPaused: boolean;
  /** When it was resumed last, by `performance.now()`. */
  resumedMs: number;
  /** Whether it was killed or told to stop. */
  isGone: boolean;
  server: Gatehouse;
}

/** Replicas that can be killed, paused and started again. */
export interface Replicas {
  /** The life of each that is there; undefined while it is not. */
  targets: readonly (Target | undefined)[];
  /** The next one in turn of those that are healthy; when none is, of those that are there. */
  pick(): Target | undefined;
  /** Starts one, however often that takes: it does not start without its database. Results in how often it was tried. */
  start(replica: number): Promise<number>;
  /** Ends one at once (SIGKILL), or lets it finish (SIGTERM). */
  end(replica: number, signal: "SIGKILL" | "SIGTERM"): Promise<void>;
  /** Lets one stand still. */
  pause(replica: number): void;
  resume(replica: number): void;
  /** Resumes and stops all. */
  close(): Promise<void>;
}

/** How often a load balancer asks after health, and how long it waits for the answer. */
const healthEveryMs = 250;
const healthWithinMs = 500;

/** How long to wait until a replica that did not start is started again. */
const startAgainMs = 250;

/** Creates replicas, none of which is started, in a folder for their files. */
export function createReplicas(folder: string, count: number, env: Record<string, string>): Replicas {
  const targets: (Target | undefined)[] = Array.from({ length: count }, () => undefined);
  let turn = 0;

  const timer = setInterval(() => {
    for (const target of targets) if (target !== undefined) void askHealth(target);
  }, healthEveryMs);

  function next(fits: (target: Target) => boolean): Target | undefined {
    for (let n = 0; n < count; n += 1) {
      turn += 1;
      const target = targets[turn % count];
      if (target !== undefined && fits(target)) return target;
    }
    return undefined;
  }

  function resume(replica: number): void {
    const target = targets[replica];
    if (target === undefined || !target.isPaused) return;
    target.server.child.kill("SIGCONT");
    target.isPaused = false;
    target.resumedMs = performance.now();
  }

  async function end(replica: number, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const target = targets[replica];
    if (target === undefined) return;
    resume(replica);
    target.isGone = true;
    targets[replica] = undefined;
    if (signal === "SIGKILL") target.server.child.kill("SIGKILL");
    await target.server.stop();
    target.agent.destroy();
  }

  return {
    targets,
    pick: () => next(({ isHealthy }) => isHealthy) ?? next(() => true),

    async start(replica) {
      for (let times = 1; ; times += 1) {
        try {
          targets[replica] = targetOf(replica, await startGatehouse(`${folder}/replica-${replica}`, { policyFile: "none", env }));
          return times;
        } catch {
          await delay(startAgainMs);
        }
      }
    },

    end,

    pause(replica) {
      const target = targets[replica];
      if (target === undefined) return;
      target.isPaused = true;
      target.server.child.kill("SIGSTOP");
    },

    resume,

    async close() {
      clearInterval(timer);
      await Promise.all(targets.map((_, replica) => end(replica, "SIGTERM")));
    },
  };
}

function targetOf(replica: number, server: Gatehouse): Target {
  return {
    replica,
    webhookPort: server.ports.webhook ?? 0,
    apiUrl: `http://127.0.0.1:${server.ports.api}`,
    grpc: createGrpcTransport({ baseUrl: `http://127.0.0.1:${server.ports.grpc}` }),
    agent: new Agent({ keepAlive: true }),
    isHealthy: true,
    isPaused: false,
    resumedMs: 0,
    isGone: false,
    server,
  };
}

function askHealth(target: Target): Promise<void> {
  return new Promise((resolve) => {
    const told = (isHealthy: boolean) => {
      target.isHealthy = isHealthy;
      resolve();
    };
    const asked = get(
      { port: target.webhookPort, host: "127.0.0.1", path: "/healthz", agent: false, timeout: healthWithinMs },
      (answer) => {
        answer.resume();
        told(answer.statusCode === 200);
      },
    );
    asked.on("timeout", () => asked.destroy());
    asked.on("error", () => told(false));
  });
}

// Consumers of the feed, each of which goes from replica to replica as they break and keeps what it has seen in its order.
import { setTimeout as delay } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { FeedService } from "../../gen/gatehouse/v1/feed_service_pb.ts";
import { nameOfChange } from "./recorded.ts";
import type { Replicas } from "./replicas.ts";

/** A consumer that runs. */
export interface Consumer {
  /** The changes so far. */
  seen: readonly string[];
  /** How often it began at another replica. */
  moves(): number;
  /** Ends it. */
  stop(): Promise<void>;
}

/** How long a replica may say nothing while there is load. */
const silenceMs = 3000;

const pauseMs = 50;

/** Begins at the beginning of the feed. */
export function startConsumer(replicas: Replicas): Consumer {
  const seen: string[] = [];
  let cursor = "";
  let moves = -1;
  let watching = new AbortController();
  let isStopped = false;

  async function watch(): Promise<void> {
    const target = replicas.pick();
    if (target === undefined) return;
    moves += 1;
    watching = new AbortController();
    const { signal } = watching;
    let timer = setTimeout(() => watching.abort(), silenceMs);
    try {
      for await (const message of createClient(FeedService, target.grpc).watchChanges({ cursor }, { signal })) {
        clearTimeout(timer);
        timer = setTimeout(() => watching.abort(), silenceMs);
        if (message.change !== undefined) seen.push(nameOfChange(message.change));
        cursor = message.cursor;
      }
    } catch {
      // It goes on after its cursor, at another one.
    } finally {
      clearTimeout(timer);
    }
  }

  async function run(): Promise<void> {
    while (!isStopped) {
      await watch();
      await delay(pauseMs);
    }
  }

  const ended = run();
  return {
    seen,
    moves: () => moves,
    async stop() {
      isStopped = true;
      watching.abort();
      await ended;
    },
  };
}

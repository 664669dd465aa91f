// The store in PostgreSQL: any number of processes over one database.
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../../errors.ts";
import type { Store } from "../storage.ts";
import { createAccounts } from "./accounts.ts";
import { createAuditLog } from "./audit.ts";
import { createCases } from "./cases.ts";
import { createCommits } from "./commits.ts";
import { type Connections, createConnections } from "./connections.ts";
import { createDecisions } from "./decisions.ts";
import { createErasures } from "./erasures.ts";
import { createEvents } from "./events.ts";
import { createFeed } from "./feed.ts";
import { createFollowUps } from "./follow-ups.ts";
import { createHeadTransactions } from "./head-transactions.ts";
import { createKeys } from "./keys.ts";
import { createListMemory } from "./list-memory.ts";
import { createLists } from "./lists.ts";
import { migrate } from "./migrations.ts";
import { createPolicies } from "./policies.ts";
import { createRetention } from "./retention.ts";
import { createTimeline } from "./timeline.ts";
import { untilClosed } from "./until-closed.ts";
import { createWatch } from "./watch.ts";
import { createWithFacts } from "./with-facts.ts";

/** Where the database is. */
export interface PostgresStoreOptions {
  /** `postgres://user:password@host:port/database`. The database must be there; its tables are made when they are not. */
  url: string;
  /** How many connections there are at most. Default: 10. */
  maxConnections?: number;
  /** Told of every failure. Must not throw. */
  onFailure?: (cause: unknown) => void;
}

const defaultMaxConnections = 10;

/**
 * Opens the store in a PostgreSQL database, of version 15 or later. Rejects with STORE_UNAVAILABLE when it cannot be reached, when a newer Gatehouse has made it, or when
 * it cannot keep every text.
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<Store> {
  const { url, maxConnections = defaultMaxConnections, onFailure } = options;
  const connections = createConnections({ url, maxConnections, onFailure });
  try {
    await connections.withClient((client) => migrate(client));
  } catch (error) {
    await connections.close();
    throw error instanceof GatehouseError && error.reason !== ErrorReason.STORE_UNAVAILABLE ? error : notOpened(error);
  }
  return createStore(connections);
}

/** What was said for people stays; a driver's error becomes something for people. The URL may have a password in it, and is left out. */
function notOpened(error: unknown): unknown {
  if (error instanceof GatehouseError && error.cause === undefined) return error;
  const message =
    "The PostgreSQL database cannot be opened: check that GATEHOUSE_DATABASE names a database that is there, which its user may make tables in.";
  return new GatehouseError(ErrorReason.STORE_UNAVAILABLE, message, { cause: error instanceof GatehouseError ? error.cause : error });
}

function createStore(connections: Connections): Store {
  const watch = createWatch(connections);
  const commits = createCommits(connections, watch.tellOfChange);
  const runWithHead = createHeadTransactions(connections, watch.tellOfChange);
  const lists = createListMemory();
  const deps = { reader: connections, commits, lists };
  const store = {
    withFacts: createWithFacts(connections, lists),
    ...createDecisions(deps),
    ...createEvents(deps),
    ...createFollowUps(runWithHead),
    ...createCases(connections, runWithHead),
    ...createAccounts(connections),
    ...createTimeline(connections),
    ...createLists(connections, runWithHead),
    ...createPolicies(connections, runWithHead),
    ...createFeed(connections, watch.onChange),
    ...createRetention(runWithHead),
    ...createErasures(connections, runWithHead),
    ...createKeys(connections, watch),
    ...createAuditLog(connections),
    async check() {
      await connections.run("UPDATE log_head SET checks = checks + 1");
    },
  };
  return untilClosed(store, async () => {
    watch.close();
    await connections.close();
  });
}

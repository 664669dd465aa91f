// The store in PostgreSQL: any number of processes over one database.
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../../errors.ts";
import type { Store } from "../storage.ts";
import { createStoreHealth, type StoreHealth } from "../store-health.ts";
import type { StoreLogger } from "../store-logger.ts";
import { createAccounts } from "./accounts.ts";
import { createAuditLog } from "./audit.ts";
import { createCases } from "./cases.ts";
import { createCommits } from "./commits.ts";
import { startForgettingCommitters } from "./committers.ts";
import { type Connections, createConnections } from "./connections.ts";
import { createDecisions } from "./decisions.ts";
import { createErasures } from "./erasures.ts";
import { createEvents } from "./events.ts";
import { adviceByCause, type FailureCause } from "./failure-causes.ts";
import { createFeed } from "./feed.ts";
import { createFollowUps } from "./follow-ups.ts";
import { createHeadTransactions } from "./head-transactions.ts";
import { startKeeper } from "./keeper.ts";
import { createKeys } from "./keys.ts";
import { createLists } from "./lists.ts";
import { createMemory } from "./memory.ts";
import { migrate } from "./migrations.ts";
import { demandComplete } from "./moving-mark.ts";
import { createPolicies } from "./policies.ts";
import { createRetention } from "./retention.ts";
import { createServers, serverUrls } from "./servers.ts";
import { createTimeline } from "./timeline.ts";
import { untilClosed } from "./until-closed.ts";
import { openWatch, type PollTimes, type Watch } from "./watch.ts";
import { createWithFacts } from "./with-facts.ts";

/** Where the database is. */
export interface PostgresStoreOptions {
  /**
   * `postgres://user:password@host:port/database`. The database must be there; its tables are made when they are not. Of several hosts, separated by
   * commas, the one that takes writes is used, and another one when that ends.
   */
  url: string;
  /** How many connections there are at most, besides the one for notices. Default: 10. */
  maxConnections?: number;
  /** How often the database is asked for what others have done. Default: every 2 s while their notices come, else every 250 ms. */
  poll?: PollTimes;
  logger?: StoreLogger;
  /** Counts writes and reads that failed, by cause. Must not throw. */
  onFailure?: (cause: FailureCause, count: number) => void;
}

/** A store in PostgreSQL. */
export interface PostgresStore extends Store {
  /** Whether the latest write was done. While it was not, writing is tried every second. */
  isUp(): boolean;
  /** Whether this process, of all over the database, is the one that does what goes on in the background. */
  isKeeper(): boolean;
  /** How many writes wait to be committed, and about how many bytes they hold. */
  pressure(): { waiting: number; waitingBytes: number };
}

const defaultMaxConnections = 10;

/** How many of them are for facts and commits alone, so that no listing keeps a decision waiting. */
const decidingConnections = 3;

/**
 * Opens the store in a PostgreSQL database, of version 15 or later. Rejects with STORE_UNAVAILABLE when it cannot be reached, when a newer Gatehouse has made it, when
 * another store is being moved to it, or when it cannot keep every text.
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<PostgresStore> {
  const { url, maxConnections = defaultMaxConnections, poll, logger, onFailure } = options;
  const probe = async () => {
    await connections.run(touch);
    health.worked();
  };
  const health = createStoreHealth({ database: nameOf(url), adviceByCause, logger, onFailure, probe });
  const servers = createServers(url);
  const connections = createConnections({ servers, maxConnections: Math.max(2, maxConnections - decidingConnections), health });
  let watch: Watch;
  try {
    await connections.withClient(async (client) => {
      await migrate(client);
      await demandComplete(client);
    });
    // What a restore has undone is noted before anybody asks where the log ends.
    await connections.run(touch);
    watch = await openWatch({ reader: connections, servers, poll });
  } catch (error) {
    health.stop();
    await connections.close();
    throw notOpened(error);
  }
  const deciding = createConnections({ servers, maxConnections: decidingConnections, health });
  return createStore({ connections, deciding, watch }, health);
}

/** Writes something that means nothing. */
const touch = "UPDATE log_head SET checks = checks + 1";

/** The database without user and password. */
function nameOf(url: string): string {
  const parsed = serverUrls(url).flatMap((server) => URL.parse(server) ?? []);
  return parsed.map(({ host }) => host).join(",") + (parsed[0]?.pathname ?? "");
}

/** What was said for people stays; a driver's error becomes something for people. The URL may have a password in it, and is left out. */
function notOpened(error: unknown): unknown {
  if (error instanceof GatehouseError && error.cause === undefined) return error;
  const message =
    "The PostgreSQL database cannot be opened: check that GATEHOUSE_DATABASE names a database that is there, which its user may make tables in.";
  return new GatehouseError(ErrorReason.STORE_UNAVAILABLE, message, { cause: error instanceof GatehouseError ? error.cause : error });
}

function createStore(
  { connections, deciding, watch }: { connections: Connections; deciding: Connections; watch: Watch },
  health: StoreHealth<FailureCause>,
): PostgresStore {
  const memory = createMemory();
  const commits = createCommits(deciding, memory, (outcome) => {
    if (outcome === "written") health.worked();
    watch.tellOfChange();
  });
  const runWithHead = createHeadTransactions(connections, watch.tellOfChange);
  const deps = { reader: connections, commits, memory };
  const store = {
    isRemote: true as const,
    withFacts: createWithFacts(deciding, memory),
    ...createDecisions(deps),
    ...createEvents(deps),
    ...createFollowUps(runWithHead),
    ...createCases(connections, runWithHead),
    ...createAccounts(connections),
    ...createTimeline(connections),
    ...createLists(connections, runWithHead),
    ...createPolicies(connections, runWithHead, watch),
    ...createFeed(connections, watch.onChange),
    ...createRetention(runWithHead),
    ...createErasures(connections, runWithHead),
    ...createKeys(connections, watch),
    ...createAuditLog(connections),
    async check() {
      await connections.run(touch);
      health.worked();
    },
  };
  const keeper = startKeeper(connections);
  const forgetting = startForgettingCommitters(runWithHead, keeper.isKeeper);
  const letGo = async () => {
    await forgetting.close();
    await keeper.close();
    health.stop();
    await watch.close();
    await Promise.all([connections.close(), deciding.close()]);
  };
  return { ...untilClosed(store, letGo), isUp: health.isUp, isKeeper: keeper.isKeeper, pressure: commits.pressure };
}

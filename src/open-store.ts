// Opens the store that the settings name, and says in the metrics how it does.
import type { Config } from "./config.ts";
import { isPostgresUrl } from "./config-values.ts";
import { openPostgresStore, type PostgresStore } from "./storage/postgres/postgres-store.ts";
import { openSqliteStore, type SqliteStore } from "./storage/sqlite/sqlite-store.ts";
import type { FollowUps, Retention, Store } from "./storage/storage.ts";
import type { Logger } from "./telemetry/logger.ts";
import type { Metrics } from "./telemetry/metrics.ts";

/** What the settings name. */
export interface OpenedStore {
  store: Store;
  /** The same for what goes on in the background: of several processes over one database one does it, and for the others nothing is left to do. */
  background: Retention & FollowUps;
}

/** Opens it. Rejects with an error for people when it cannot. */
export async function openStore({ database }: Pick<Config, "database">, log: Logger, metrics: Metrics): Promise<OpenedStore> {
  if (isPostgresUrl(database)) {
    const store = await openPostgresStore({ url: database, logger: log, onFailure: metrics.storeFailed });
    watchPostgres(metrics, store);
    return { store, background: backgroundOf(store) };
  }
  const store = await openSqliteStore({ path: database, logger: log, onFailure: metrics.storeFailed });
  watchSqlite(metrics, store);
  return { store, background: store };
}

function backgroundOf(store: PostgresStore): Retention & FollowUps {
  return {
    async deleteOld(oldClass, beforeMs) {
      return store.isKeeper() ? store.deleteOld(oldClass, beforeMs) : { deleted: 0, done: true, busyMs: 0 };
    },
    async sweepFollowUps(nowMs, sweep) {
      return store.isKeeper()
        ? store.sweepFollowUps(nowMs, sweep)
        : { abandoned: { createAccount: 0, addSubscribers: 0, sendMessage: 0 }, done: true };
    },
  };
}

const up = ["store_up", "1 when the store's latest write was done, 0 while it fails or stalls."] as const;
const waitingWrites = ["store_waiting_writes", "Writes that wait to be taken by the store."] as const;
const waitingBytes = ["store_waiting_bytes", "About how many bytes the writes hold that wait to be taken by the store."] as const;

function watchPostgres(metrics: Metrics, { isUp, pressure }: PostgresStore): void {
  metrics.watch(...up, () => Number(isUp()));
  metrics.watch(...waitingWrites, () => pressure().waiting);
  metrics.watch(...waitingBytes, () => pressure().waitingBytes);
}

function watchSqlite(metrics: Metrics, { condition, pressure }: SqliteStore): void {
  metrics.watch(...up, () => Number(condition().isUp));
  metrics.watch("store_log_bytes", "Bytes of the write-ahead log beside the database.", () => condition().logBytes);
  metrics.watch("store_damaged", "1 when the quick check after the start found damage, 0 when it found none or was not made.", () =>
    Number(condition().isSound === false),
  );
  metrics.watch(...waitingWrites, () => pressure().waiting);
  metrics.watch(...waitingBytes, () => pressure().waitingBytes);
  metrics.watch(
    "store_unanswered_seconds",
    "For how long the store's writer thread has owed an answer; more than 2 means that it is stalled.",
    () => pressure().unansweredMs / 1000,
  );
}

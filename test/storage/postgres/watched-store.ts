// For suites that look at a store from beside it: a server for all of a file, and for each test a database of its own with a store and an observer.
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { openPostgresStore, type PostgresStore } from "../../../src/storage/postgres/postgres-store.ts";
import { type PostgresServer, startPostgres } from "../../postgres-server.ts";

/** What a test has; asked for anew in each. */
export interface WatchedStore {
  server: PostgresServer;
  url: string;
  store: PostgresStore;
  /** Another connection to the same database. */
  observer: pg.Client;
}

/** Makes and removes them around each test of the file. Results in what asks for those of the test that runs. */
export function useWatchedStore(): () => WatchedStore {
  let server: PostgresServer;
  let current: WatchedStore;

  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  beforeEach(async () => {
    const url = await server.takeDatabase();
    const store = await openPostgresStore({ url });
    const observer = new pg.Client({ connectionString: url });
    await observer.connect();
    current = { server, url, store, observer };
  });

  afterEach(async () => {
    await current.observer.end();
    await current.store.close();
    server.giveBack(current.url);
  });

  return () => current;
}

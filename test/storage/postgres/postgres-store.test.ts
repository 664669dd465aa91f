// The store in PostgreSQL: the contract of every store, and what only this one promises.
import { afterAll, beforeAll } from "vitest";
import { openPostgresStore } from "../../../src/storage/postgres/postgres-store.ts";
import type { Store } from "../../../src/storage/storage.ts";
import { type PostgresServer, startPostgres } from "../../postgres-server.ts";
import type { OpenedStore } from "../conformance/opened-store.ts";
import { replicasConformance } from "../conformance/replicas.ts";
import { storeConformance } from "../conformance.ts";

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
}, 60_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

async function open(): Promise<OpenedStore> {
  const url = await server.takeDatabase();
  const others: Store[] = [];
  let store = await openPostgresStore({ url });
  return {
    store,
    async reopen() {
      await store.close();
      store = await openPostgresStore({ url });
      return store;
    },
    async openAnother() {
      const another = await openPostgresStore({ url });
      others.push(another);
      return another;
    },
    async destroy() {
      for (const opened of [store, ...others]) await opened.close();
      server.giveBack(url);
    },
  };
}

storeConformance("PostgreSQL", open);
replicasConformance(open);

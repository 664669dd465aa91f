// The store in PostgreSQL: the contract of every store, and what only this one promises.
import { afterAll, beforeAll } from "vitest";
import { openPostgresStore } from "../../../src/storage/postgres/postgres-store.ts";
import { type PostgresServer, startPostgres } from "../../postgres-server.ts";
import { storeConformance } from "../conformance.ts";

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
}, 60_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

storeConformance("PostgreSQL", async () => {
  const url = await server.takeDatabase();
  let store = await openPostgresStore({ url });
  return {
    store,
    async reopen() {
      await store.close();
      store = await openPostgresStore({ url });
      return store;
    },
    async destroy() {
      await store.close();
      server.giveBack(url);
    },
  };
});

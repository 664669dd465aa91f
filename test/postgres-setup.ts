// One PostgreSQL server for all files of a test run that need one.
import { startPostgres } from "./postgres-server.ts";

/** Called before the first file runs; what it results in is called after the last. */
export async function setup(): Promise<() => Promise<void>> {
  const server = await startPostgres();
  process.env.GATEHOUSE_TEST_POSTGRES = server.urlOf("postgres");
  return async () => server[Symbol.asyncDispose]();
}

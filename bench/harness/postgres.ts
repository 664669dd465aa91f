// Gatehouse over PostgreSQL as a row of the benches: a server that forces every commit to disk, on the same machine.
import { readFileSync } from "node:fs";
import { startPostgres } from "../../test/postgres-server.ts";
import { fillLists, type Gatehouse, type Prepared, startGatehouse } from "./gatehouse.ts";

/** Starts both, and fills the lists anew. */
export async function startOverPostgres(
  folder: string,
  { policyFile }: Prepared,
  entries: number,
  nodeFlags?: readonly string[],
): Promise<Gatehouse> {
  const postgres = await startPostgres(["shared_buffers=256MB"]);
  try {
    const env = { GATEHOUSE_DATABASE: await postgres.takeDatabase() };
    const gatehouse = await startGatehouse(folder, { policyFile, env }, nodeFlags);
    await fillLists(gatehouse, readFileSync(policyFile, "utf8"), entries);
    return {
      ...gatehouse,
      async stop() {
        await gatehouse.stop();
        await postgres[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await postgres[Symbol.asyncDispose]();
    throw error;
  }
}

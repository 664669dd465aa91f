// The mark of a database that another store is being moved to: until that is done, no service may open it.
import type { ClientBase } from "pg";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../../errors.ts";

type Client = Pick<ClientBase, "query">;

/** From where a store is being moved to the database; undefined when none is. */
export async function movedFrom(client: Client): Promise<string | undefined> {
  const { rows: marks } = await client.query<{ is_marked: boolean }>("SELECT to_regclass('moving') IS NOT NULL AS is_marked");
  if (marks[0]?.is_marked !== true) return undefined;
  const { rows } = await client.query<{ source: string }>("SELECT source FROM moving");
  return rows[0]?.source;
}

/** Rejects with STORE_UNAVAILABLE when the move to the database is not complete. */
export async function demandComplete(client: Client): Promise<void> {
  const source = await movedFrom(client);
  if (source === undefined) return;
  throw new GatehouseError(
    ErrorReason.STORE_UNAVAILABLE,
    `The PostgreSQL database is not complete: ${source} is being moved to it. Stop the service there and run \`gatehouse migrate\` again.`,
  );
}

/** Marks it. */
export async function markMoving(client: Client, source: string): Promise<void> {
  await client.query("BEGIN");
  await client.query(`CREATE TABLE moving (one integer PRIMARY KEY CHECK (one = 1), source text COLLATE "C" NOT NULL)`);
  await client.query("INSERT INTO moving VALUES (1, $1)", [source]);
  await client.query("COMMIT");
}

/** Takes the mark away. */
export const unmarkMoving = "DROP TABLE moving";

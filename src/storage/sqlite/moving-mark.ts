// The mark of a database that another store is being moved to: until that is done, no service may open it.
import type { Database } from "better-sqlite3";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../../errors.ts";

/** From where a store is being moved to the database; undefined when none is. */
export function movedFrom(db: Database): string | undefined {
  const isMarked = db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'moving'").get() !== undefined;
  return isMarked ? (db.prepare("SELECT source FROM moving").pluck().get() as string) : undefined;
}

/** Throws STORE_UNAVAILABLE when the move to the database is not complete. */
export function demandComplete(db: Database): void {
  const source = movedFrom(db);
  if (source === undefined) return;
  throw new GatehouseError(
    ErrorReason.STORE_UNAVAILABLE,
    `The database ${db.name} is not complete: ${source} is being moved to it. Stop the service there and run \`gatehouse migrate\` again.`,
  );
}

/** Marks it. */
export function markMoving(db: Database, source: string): void {
  db.transaction(() => {
    db.exec("CREATE TABLE moving (one INTEGER PRIMARY KEY CHECK (one = 1), source TEXT NOT NULL) STRICT");
    db.prepare("INSERT INTO moving VALUES (1, ?)").run(source);
  }).immediate();
}

/** Takes the mark away, in the transaction that is open. */
export function unmarkMoving(db: Database): void {
  db.exec("DROP TABLE moving");
}

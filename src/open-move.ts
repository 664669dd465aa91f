// Opens both sides of a move, whatever kinds of databases they are.
import { existsSync, realpathSync } from "node:fs";
import { resolve } from "node:path";
import { ErrorReason } from "../gen/gatehouse/v1/error_reason_pb.ts";
import { isPostgresUrl } from "./config-values.ts";
import { GatehouseError } from "./errors.ts";
import type { MoveSource, MoveTarget } from "./storage/move.ts";
import { nameOfUrl } from "./storage/postgres/move-connection.ts";
import { openPostgresMoveSource } from "./storage/postgres/move-source.ts";
import { openPostgresMoveTarget } from "./storage/postgres/move-target.ts";
import { openSqliteMoveSource } from "./storage/sqlite/move-source.ts";
import { openSqliteMoveTarget } from "./storage/sqlite/move-target.ts";

/** From where to where; each a path to an SQLite file or the URL of a PostgreSQL database. */
export interface MoveOptions {
  from: string;
  to: string;
  /** Both are only compared: the target is not marked as incomplete, and must be there. */
  isCompared: boolean;
}

/** Both sides, open. */
export interface Move extends AsyncDisposable {
  source: MoveSource;
  target: MoveTarget;
}

/** Opens both. Rejects with STORE_UNAVAILABLE when one cannot be opened, they are the same, or the target has something else in it. */
export async function openMove({ from, to, isCompared }: MoveOptions): Promise<Move> {
  if (identityOf(from) === identityOf(to)) {
    throw new GatehouseError(ErrorReason.STORE_UNAVAILABLE, "Both are the same database: give another one to move to.");
  }
  const source = isPostgresUrl(from) ? await openPostgresMoveSource(from) : openSqliteMoveSource(from);
  try {
    const open = isPostgresUrl(to) ? openPostgresMoveTarget : openSqliteMoveTarget;
    const target = await open(to, source.name, isCompared);
    return {
      source,
      target,
      async [Symbol.asyncDispose]() {
        await target.close();
        await source.close();
      },
    };
  } catch (error) {
    await source.close();
    throw error;
  }
}

function identityOf(database: string): string {
  if (isPostgresUrl(database)) return nameOfUrl(database);
  return existsSync(database) ? realpathSync(database) : resolve(database);
}

// The connections of a move: apart from those of services, without limits of time, and with errors that say which database they are about.
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../../errors.ts";
import { assertPrimary, createServers, serverUrls } from "./servers.ts";
import { valueTypes } from "./sessions.ts";

/** The database of a URL, without user and password. */
export function nameOfUrl(url: string): string {
  const urls = serverUrls(url).map((server) => new URL(server));
  const hosts = urls.map(({ host, hostname, port, searchParams }) => {
    const folder = searchParams.get("host");
    return folder === null ? `${hostname}:${port || 5432}` : host + folder;
  });
  return `postgres://${hosts.join(",")}${urls[0]?.pathname}`;
}

/**
 * Opens a connection, of several servers to the first that takes writes. Statements go along the order of the keys: what is read of a table is always a
 * part of that.
 */
export async function connectForMove(url: string): Promise<pg.Client> {
  const servers = createServers(url);
  for (let tried = 1; ; tried += 1) {
    try {
      return await connectTo(servers.url(), servers.count > 1);
    } catch (error) {
      if (tried >= servers.count) throw error;
      servers.passOver(servers.url());
    }
  }
}

async function connectTo(url: string, isOneOfSeveral: boolean): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    types: valueTypes as unknown as pg.CustomTypesConfig,
    application_name: "gatehouse-migrate",
    connectionTimeoutMillis: 5000,
    keepAlive: true,
    options: "-c jit=off -c enable_seqscan=off -c statement_timeout=0 -c idle_in_transaction_session_timeout=0",
  });
  // A connection that dies is heard of by what runs on it next.
  client.on("error", () => {});
  try {
    await client.connect();
    if (isOneOfSeveral) await assertPrimary(client);
    return client;
  } catch (error) {
    await client.end();
    throw error;
  }
}

/** The server may take so long to notice that a service that has just ended is gone. */
const endingMs = 1000;

const pollMs = 50;

/** Whether services have the database open: each has at least the connection by which it hears of changes. */
export async function isServed(client: Pick<pg.ClientBase, "query">): Promise<boolean> {
  const sql = `SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'gatehouse') AS served`;
  for (let waitedMs = 0; ; waitedMs += pollMs) {
    const { rows } = await client.query<{ served: boolean }>(sql);
    if (rows[0]?.served !== true || waitedMs >= endingMs) return rows[0]?.served === true;
    await delay(pollMs);
  }
}

/** The error of a database that cannot be moved from or to. */
export function moveFailed(name: string, cause: unknown): GatehouseError {
  if (cause instanceof GatehouseError) return cause;
  return new GatehouseError(ErrorReason.STORE_UNAVAILABLE, `The database ${name} cannot be read or written.`, { cause });
}

/** Lets everything that fails say which database it was. */
export function namingFailures<T extends object>(name: string, methods: T): T {
  const named = Object.entries(methods).map(([key, value]) => {
    if (typeof value !== "function") return [key, value];
    return [
      key,
      async (...args: unknown[]) => {
        try {
          return await value(...args);
        } catch (error) {
          throw moveFailed(name, error);
        }
      },
    ];
  });
  return Object.fromEntries(named) as T;
}

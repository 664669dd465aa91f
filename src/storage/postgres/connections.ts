// The connections to PostgreSQL: a bounded pool, statements that are prepared once, time limits, and one kind of failure.
import pg from "pg";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../../errors.ts";
import type { StoreHealth } from "../store-health.ts";
import { storeUnavailable } from "../store-unavailable.ts";
import { fromStoredText, toStoredText } from "../stored-text.ts";
import { causeOfError, type FailureCause } from "./failure-causes.ts";

/** A value of a parameter. */
export type SqlValue = string | number | boolean | Buffer | null;

/** Reads rows. Texts come as they were written, bigints as numbers. Parameters are written `?`. */
export interface Reader {
  /** The first row; undefined when there is none. */
  get<Row extends object>(sql: string, ...values: SqlValue[]): Promise<Row | undefined>;
  all<Row extends object>(sql: string, ...values: SqlValue[]): Promise<Row[]>;
}

/** Writes, too. */
export interface Connection extends Reader {
  /** Results in how many rows were written. */
  run(sql: string, ...values: SqlValue[]): Promise<number>;
}

/** Connections to one database. Everything rejects with STORE_UNAVAILABLE when it fails, with the driver's error as its cause. */
export interface Connections extends Connection {
  /** Runs `work` in a transaction, which is committed when that resolves, and undone when it rejects. */
  transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
  /** Runs `work` with a connection of its own, outside of any transaction. */
  withClient<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T>;
  /** Lets go of all connections when what runs on them has ended. */
  close(): Promise<void>;
}

/** How connections are made. */
export interface ConnectionOptions {
  /** `postgres://user:password@host:port/database`. */
  url: string;
  /** How many there are at most. */
  maxConnections: number;
  /** Hears how it goes. */
  health: Pick<StoreHealth<FailureCause>, "failed" | "worked">;
}

/** How long a statement may take: what waits for a decision has given up by then. */
const statementTimeoutMs = 5000;

/** How long the server may say nothing to a statement until its connection is taken for dead. */
const answerTimeoutMs = 7000;

/** How long a connection is waited for. */
const connectTimeoutMs = 3000;

/**
 * How long the server waits for a process that has begun a transaction, such as one that stands still, until it undoes that: others wait for its lock.
 */
const idleTimeoutMs = 1000;

/** The numbers of the types in the server. */
const bigintType = 20;
const numericType = 1700;
const textType = 25;

const { getTypeParser } = pg.types;
/** How values are read: bigints as numbers, texts as they were written. */
export const valueTypes = {
  getTypeParser(type: number, format?: string) {
    if (format !== "binary" && (type === bigintType || type === numericType)) return Number;
    if (format !== "binary" && type === textType) return fromStoredText;
    return getTypeParser(type, format as "text");
  },
};

/** Creates the pool. No connection is made before one is needed. */
export function createConnections({ url, maxConnections, health }: ConnectionOptions): Connections {
  const pool = new pg.Pool({
    connectionString: url,
    max: maxConnections,
    types: valueTypes as unknown as pg.CustomTypesConfig,
    application_name: "gatehouse",
    keepAlive: true,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    query_timeout: answerTimeoutMs,
    lock_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: idleTimeoutMs,
    // All statements go along indexes; plans that were made while a table was small must do so, too.
    options: "-c jit=off -c enable_seqscan=off -c synchronous_commit=on",
  });
  // A connection that dies while nobody uses it is left out of the pool, and the next one is made anew.
  pool.on("error", () => {});
  const statements = new Map<string, Statement>();

  function statementOf(sql: string): Statement {
    let statement = statements.get(sql);
    if (statement === undefined) {
      const parts = sql.split("?");
      const text = parts.map((part, index) => (index === 0 ? part : `$${index}${part}`)).join("");
      statement = { name: `s${statements.size}`, text };
      statements.set(sql, statement);
    }
    return statement;
  }

  async function withClient<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await pool.connect().catch(throwUnsent);
    // While it is in use, the failure of what it runs says enough.
    client.on("error", ignore);
    let isBroken = false;
    try {
      return await work(client);
    } catch (error) {
      isBroken = isDriverError(error) && sqlStateOf(error) === undefined;
      throw error;
    } finally {
      client.off("error", ignore);
      client.release(isBroken);
    }
  }

  /** Names what went wrong, but for what is no failure of the store. */
  async function reported<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof GatehouseError || isMoved(error) || !isDriverError(error)) throw error;
      health.failed(causeOfError(error), 1, error);
      throw storeUnavailable(error);
    }
  }

  async function query(client: Pick<pg.PoolClient, "query">, sql: string, values: SqlValue[]): Promise<pg.QueryResult> {
    const parameters = values.map((value) => (typeof value === "string" ? toStoredText(value) : value));
    return client.query({ ...statementOf(sql), values: parameters }).catch(throwMarked);
  }

  function connectionOn(run: (sql: string, values: SqlValue[]) => Promise<pg.QueryResult>): Connection {
    return {
      get: async <Row extends object>(sql: string, ...values: SqlValue[]) => (await run(sql, values)).rows[0] as Row | undefined,
      all: async <Row extends object>(sql: string, ...values: SqlValue[]) => (await run(sql, values)).rows as Row[],
      run: async (sql, ...values) => (await run(sql, values)).rowCount ?? 0,
    };
  }

  return {
    ...connectionOn((sql, values) => reported(() => withClient((client) => query(client, sql, values)))),
    withClient: (work) => reported(() => withClient((client) => work(client).catch(throwMarked))),
    transaction: (work) =>
      reported(() =>
        withClient(async (client) => {
          await query(client, "BEGIN", []);
          try {
            const result = await work(connectionOn((sql, values) => query(client, sql, values)));
            await query(client, "COMMIT", []);
            health.worked();
            return result;
          } catch (error) {
            await client.query("ROLLBACK").catch(() => {});
            throw error;
          }
        }),
      ),
    close: () => pool.end(),
  };
}

interface Statement {
  name: string;
  text: string;
}

/** On errors that come from the driver, so that mistakes of callers within a transaction stay as they are. */
const driverMark = Symbol("driver");

/** On errors of getting a connection: nothing was sent. */
const unsentMark = Symbol("unsent");

function isDriverError(error: unknown): boolean {
  return error instanceof Error && driverMark in error;
}

function throwMarked(error: unknown): never {
  throw error instanceof Error && !(error instanceof GatehouseError) ? Object.assign(error, { [driverMark]: true }) : error;
}

function throwUnsent(error: unknown): never {
  if (error instanceof Error) Object.assign(error, { [unsentMark]: true });
  throwMarked(error);
}

/** Whether a failed statement has surely changed nothing: the server has refused it, or it was never sent. */
export function isAnswered(error: unknown): boolean {
  const cause = causeOf(error);
  return sqlStateOf(cause) !== undefined || (cause instanceof Error && unsentMark in cause) || !isDriverError(cause);
}

function causeOf(error: unknown): unknown {
  return error instanceof GatehouseError && error.reason === ErrorReason.STORE_UNAVAILABLE ? error.cause : error;
}

/** The server's code for an error; undefined when the error is not the server's. */
function sqlStateOf(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && !code.startsWith("57P") ? code : undefined;
}

/** Whether the server says that what was read is not so any more; see `gatehouse_commit`. */
export function isMoved(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "GH001";
}

/** Whether the server has refused a statement for what is in it, and not because something failed. */
export function isRefused(error: unknown): boolean {
  return /^(22|23|54)/.test(sqlStateOf(causeOf(error)) ?? "");
}

function ignore(): void {}

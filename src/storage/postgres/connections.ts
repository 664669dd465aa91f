// The connections to PostgreSQL: a bounded pool, statements that are prepared once, time limits, and one kind of failure.
import pg from "pg";
import { GatehouseError } from "../../errors.ts";
import type { StoreHealth } from "../store-health.ts";
import { storeUnavailable } from "../store-unavailable.ts";
import { fromStoredText, toStoredText } from "../stored-text.ts";
import { isDriverError, isMoved, sqlStateOf, throwMarked, throwUnsent } from "./driver-errors.ts";
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

/** Statements, and transactions of them. */
export interface Transactions extends Connection {
  /** Runs `work` in a transaction, which is committed when that resolves, and undone when it rejects. */
  transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
}

/** Connections to one database. Everything rejects with STORE_UNAVAILABLE when it fails, with the driver's error as its cause. */
export interface Connections extends Transactions {
  /**
   * The same for somebody who waits until a time on the clock of `performance.now()`: the server gives a statement up then, to a tenth of a second, but
   * never later than any other. One that is sent when the time is nearly over, or is over, is given a tenth of a second.
   */
  until(usefulUntilMs: number): Transactions;
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

/** How long a statement may take that nobody waits for, and any other at most. */
export const statementTimeoutMs = 5000;

/** In what steps the time of a statement is told: so it is seldom another one than that of the last statement on its connection. */
const timeoutStepMs = 100;

/** How long after that the server may say nothing until its connection is taken for dead. */
const answerMarginMs = 2000;

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
    query_timeout: statementTimeoutMs + answerMarginMs,
    lock_timeout: statementTimeoutMs,
    // What is sent goes at once, and not when the statement before it has been answered: see `limit`.
    pipeline: true,
    idle_in_transaction_session_timeout: idleTimeoutMs,
    // All statements go along indexes; plans that were made while a table was small must do so, too.
    options: "-c jit=off -c enable_seqscan=off -c synchronous_commit=on",
  });
  // A connection that dies while nobody uses it is left out of the pool, and the next one is made anew.
  pool.on("error", () => {});
  const statements = new Map<string, Statement>();
  /** How long a statement on a connection may take, as far as that is not what it was made with; undefined: not known. */
  const timeouts = new WeakMap<object, number | undefined>();

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

  /** Tells the server how long a statement may take, in the same packet as the statement itself. */
  function limit(client: Pick<pg.PoolClient, "query">, timeoutMs: number): void {
    if (timeouts.has(client) ? timeouts.get(client) === timeoutMs : timeoutMs === statementTimeoutMs) return;
    timeouts.set(client, timeoutMs);
    // When that fails, the connection has died, which the statement says too.
    client.query({ ...statementOf(setTimeoutSql), values: [String(timeoutMs)] }).catch(() => timeouts.set(client, undefined));
  }

  async function query(client: Pick<pg.PoolClient, "query">, sql: string, values: SqlValue[], untilMs: number): Promise<pg.QueryResult> {
    const timeoutMs = timeoutOf(untilMs);
    limit(client, timeoutMs);
    const parameters = values.map((value) => (typeof value === "string" ? toStoredText(value) : value));
    const config = { ...statementOf(sql), values: parameters, query_timeout: timeoutMs + answerMarginMs };
    return client.query(config).catch(throwMarked);
  }

  function connectionOn(run: (sql: string, values: SqlValue[]) => Promise<pg.QueryResult>): Connection {
    return {
      get: async <Row extends object>(sql: string, ...values: SqlValue[]) => (await run(sql, values)).rows[0] as Row | undefined,
      all: async <Row extends object>(sql: string, ...values: SqlValue[]) => (await run(sql, values)).rows as Row[],
      run: async (sql, ...values) => (await run(sql, values)).rowCount ?? 0,
    };
  }

  function until(untilMs: number): Transactions {
    return {
      ...connectionOn((sql, values) => reported(() => withClient((client) => query(client, sql, values, untilMs)))),
      transaction: (work) =>
        reported(() =>
          withClient(async (client) => {
            await query(client, "BEGIN", [], untilMs);
            try {
              const result = await work(connectionOn((sql, values) => query(client, sql, values, untilMs)));
              await query(client, "COMMIT", [], untilMs);
              health.worked();
              return result;
            } catch (error) {
              // With the rest it undoes what was told of the time.
              timeouts.set(client, undefined);
              await client.query("ROLLBACK").catch(() => {});
              throw error;
            }
          }),
        ),
    };
  }

  return {
    ...until(Number.POSITIVE_INFINITY),
    until,
    withClient: (work) => reported(() => withClient((client) => work(client).catch(throwMarked))),
    close: () => pool.end(),
  };
}

const setTimeoutSql = "SELECT set_config('statement_timeout', ?, false)";

/** How long a statement may take that somebody waits for until then. */
function timeoutOf(untilMs: number): number {
  const leftMs = Math.min(untilMs - performance.now(), statementTimeoutMs);
  return Math.max(1, Math.ceil(leftMs / timeoutStepMs)) * timeoutStepMs;
}

interface Statement {
  name: string;
  text: string;
}

function ignore(): void {}

// The connections to PostgreSQL: a bounded pool, statements that are prepared once, time limits, and one kind of failure.
import pg from "pg";
import { GatehouseError } from "../../errors.ts";
import type { StoreHealth } from "../store-health.ts";
import { storeUnavailable } from "../store-unavailable.ts";
import { toStoredText } from "../stored-text.ts";
import { isDriverError, isMoved, isReadOnly, sqlStateOf, throwMarked, throwUnsent } from "./driver-errors.ts";
import { causeOfError, type FailureCause } from "./failure-causes.ts";
import { assertPrimary, type Servers } from "./servers.ts";
import { answerMarginMs, connectTimeoutMs, sessionOf, statementTimeoutMs } from "./sessions.ts";

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
   * The same for somebody who waits until a time on the clock of `performance.now()`: the server gives a statement up within two tenths of a second after that, but
   * never later than any other. One that is sent when the time is over is given a tenth of a second.
   */
  until(usefulUntilMs: number): Transactions;
  /** Runs `work` with a connection of its own, outside of any transaction. */
  withClient<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T>;
  /** Lets go of all connections when what runs on them has ended. */
  close(): Promise<void>;
}

/** In what steps the time of a statement is told: so it is seldom another one than that of the last statement on its connection. */
const timeoutStepMs = 100;

/** How connections are made. */
export interface ConnectionOptions {
  servers: Servers;
  /** How many there are at most. */
  maxConnections: number;
  /** Hears how it goes. */
  health: Pick<StoreHealth<FailureCause>, "failed" | "worked">;
}

/** Creates the pool. No connection is made before one is needed. */
export function createConnections({ servers, maxConnections, health }: ConnectionOptions): Connections {
  const pool = new pg.Pool({
    max: maxConnections,
    connectionTimeoutMillis: connectTimeoutMs,
    Client: class extends pg.Client {
      constructor() {
        super(sessionOf(servers.url()));
      }
    },
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

  const known = new WeakSet<object>();
  /** Those that were made since one was found to be dead, or not to take writes: what is older is likely to lead to the same server. */
  let young = new WeakSet<object>();

  /** Takes a connection to a server that, as far as can be told, takes writes. Each server is tried once. */
  async function take(): Promise<pg.PoolClient> {
    for (let passedOver = 0; ; ) {
      const url = servers.url();
      try {
        const client = await pool.connect();
        if (young.has(client)) return client;
        if (known.has(client)) {
          client.release(true);
          continue;
        }
        known.add(client);
        await demandPrimary(client);
        young.add(client);
        return client;
      } catch (error) {
        servers.passOver(url);
        passedOver += 1;
        if (passedOver >= servers.count) throwUnsent(error);
      }
    }
  }

  /** Lets go of a connection to a server that takes no writes, and throws. Of only one server nobody asks: reads go on where writes fail. */
  async function demandPrimary(client: pg.PoolClient): Promise<void> {
    if (servers.count === 1) return;
    client.on("error", ignore);
    try {
      await assertPrimary(client);
    } catch (error) {
      client.release(true);
      throw error;
    } finally {
      client.off("error", ignore);
    }
  }

  async function withClient<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await take();
    // While it is in use, the failure of what it runs says enough.
    client.on("error", ignore);
    let isBroken = false;
    try {
      return await work(client);
    } catch (error) {
      isBroken = isDriverError(error) && (sqlStateOf(error) === undefined || isReadOnly(error));
      // What leads to a server that is gone, or is a standby by now, is made anew: by then its name may lead to another one.
      if (isBroken) young = new WeakSet();
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

/** How long a statement may take that somebody waits for until then: a step more, so that whoever waits has ended that before it fails. */
function timeoutOf(untilMs: number): number {
  const steps = Math.max(0, Math.ceil((untilMs - performance.now()) / timeoutStepMs)) + 1;
  return Math.min(steps * timeoutStepMs, statementTimeoutMs);
}

interface Statement {
  name: string;
  text: string;
}

function ignore(): void {}

// What every session with PostgreSQL is made with: time limits, and how values are read.
import pg from "pg";
import { fromStoredText } from "../stored-text.ts";

/** How long a statement may take that nobody waits for, and any other at most. */
export const statementTimeoutMs = 5000;

/** How long after that the server may say nothing until its connection is taken for dead. */
export const answerMarginMs = 2000;

/** How long a connection is waited for. */
export const connectTimeoutMs = 3000;

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

/** How a session with the server at `url` is made. */
export function sessionOf(url: string): pg.ClientConfig {
  return {
    connectionString: url,
    types: valueTypes as unknown as pg.CustomTypesConfig,
    application_name: "gatehouse",
    keepAlive: true,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + answerMarginMs,
    lock_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: idleTimeoutMs,
    // What is sent goes at once, and not when the statement before it has been answered: a limit of time and what it is for are one packet.
    pipeline: true,
    // All statements go along indexes; plans that were made while a table was small must do so, too.
    options: "-c jit=off -c enable_seqscan=off -c synchronous_commit=on",
  };
}

// The log as a store needs it.

/** Where the store tells an operator what went wrong by itself. A pino logger is one. */
export interface StoreLogger {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

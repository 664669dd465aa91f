// Why a store fails, in words for metrics and the log.

/** Why. Public: the label `cause` of a metric. */
export type FailureCause = "locked" | "full" | "io" | "readonly" | "corrupt" | "thread_died" | "stalled" | "other";

/** What an operator is told of each. */
export const adviceByCause: Readonly<Record<FailureCause, string>> = {
  locked: "Another process holds the database: end that process, or its transaction.",
  full: "The disk is full: make room where the database is.",
  io: "The disk does not do what it is asked: look at it and at the system's log.",
  readonly: "The database cannot be written: look at the permissions and the mount of its folder.",
  corrupt: "The database is damaged: `gatehouse check` says more, `gatehouse restore` puts a backup in its place.",
  thread_died: "The writer thread died: it is started anew. When it keeps dying, look at the memory of the machine.",
  stalled: "The writer thread does not answer: look at its disk. Reads go on; writes wait, and are refused when too many do.",
  other: "A write could not be done; what came with it was.",
};

/** The cause that a result code of SQLite stands for; a code that is none is `other`. */
export function causeOfCode(code: string | undefined): FailureCause {
  for (const [prefix, cause] of prefixes) if (code?.startsWith(prefix)) return cause;
  return "other";
}

const prefixes: readonly (readonly [string, FailureCause])[] = [
  ["SQLITE_BUSY", "locked"],
  ["SQLITE_LOCKED", "locked"],
  ["SQLITE_FULL", "full"],
  // The folder is gone or closed, which is how a file system that went away looks.
  ["SQLITE_CANTOPEN", "io"],
  ["SQLITE_IOERR_CORRUPTFS", "corrupt"],
  ["SQLITE_IOERR", "io"],
  ["SQLITE_PROTOCOL", "io"],
  ["SQLITE_READONLY", "readonly"],
  ["SQLITE_PERM", "readonly"],
  ["SQLITE_CORRUPT", "corrupt"],
  ["SQLITE_NOTADB", "corrupt"],
];

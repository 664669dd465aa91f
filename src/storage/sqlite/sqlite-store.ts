// The store in one SQLite file: a reading connection here, the writing one in a thread of its own, and a lock against other processes.
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import Database from "better-sqlite3";
import { ErrorReason } from "../../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../../errors.ts";
import { lockFile } from "../../process-lock.ts";
import type { Store } from "../storage.ts";
import { createStoreHealth } from "../store-health.ts";
import type { StoreLogger } from "../store-logger.ts";
import { createUnderWay } from "../under-way.ts";
import { createAccounts } from "./accounts.ts";
import { createAuditLog } from "./audit.ts";
import { createCases } from "./cases.ts";
import { createDecisions } from "./decisions.ts";
import { createErasures } from "./erasures.ts";
import { createEvents } from "./events.ts";
import { createFactsAt } from "./facts.ts";
import { adviceByCause, type FailureCause } from "./failure-causes.ts";
import { createFeed } from "./feed.ts";
import { createFollowUps } from "./follow-ups.ts";
import { createKeys } from "./keys.ts";
import { createKnownLists } from "./known-lists.ts";
import { createLists } from "./lists.ts";
import { migrate } from "./migrations.ts";
import { demandComplete } from "./moving-mark.ts";
import { createPolicies } from "./policies.ts";
import { openReader } from "./reader.ts";
import { createRetention } from "./retention.ts";
import { createSipHash } from "./sip-hash.ts";
import { createTimeline } from "./timeline.ts";
import { startUpkeep } from "./upkeep.ts";
import { createWriter, type WriterPressure } from "./writer.ts";

/** Where the database is, and who hears of its troubles. */
export interface SqliteStoreOptions {
  /** The database's file. It and its folder are made when they are not there. Beside it appear `-wal`, `-shm` and `-lock`. */
  path: string;
  logger?: StoreLogger;
  /** Counts writes and reads that failed, by cause. Must not throw. */
  onFailure?: (cause: FailureCause, count: number) => void;
  /** How much memory may go into answering for values that are on lists; lists that do not fit are asked of the database. Default: 32 MiB. */
  maxFingerprintBytes?: number;
}

/** A store in an SQLite file. */
export interface SqliteStore extends Store {
  /** How the database does just now. */
  condition(): StoreCondition;
  /** What the writing side has to do just now. */
  pressure(): WriterPressure;
}

/** How a database does. */
export interface StoreCondition {
  /** Whether the latest write was done. While it was not, writing is tried every second. */
  isUp: boolean;
  /** How many bytes the write-ahead log has beside the database. */
  logBytes: number;
  /** Whether the quick check after the start found no damage; undefined before its end, and when the database is too large for it. */
  isSound: boolean | undefined;
}

/**
 * Opens the store in an SQLite file and keeps every other process out of it until it is closed. Rejects with STORE_UNAVAILABLE when another
 * process has it, when a newer Gatehouse has made it, when another store is being moved to it, or when it cannot be read and written.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  const opened: (() => void | Promise<void>)[] = [];
  async function letGo(): Promise<void> {
    for (const release of opened.reverse()) await release();
  }
  try {
    const path = preparePath(options.path);
    const lock = lockFile(path, "database");
    opened.push(lock.release);
    prepareDatabase(path);
    const { logger, onFailure } = options;
    const touch = (): Promise<unknown> => writer.write(["check"]);
    const health = createStoreHealth({ database: path, adviceByCause, logger, onFailure, probe: touch });
    const reader = openReader(path, health);
    const writer = createWriter(path, reader, health);
    // The reader closes before the writer: the last connection copies the log into the database and removes it.
    opened.push(writer.stop, reader.close, writer.drain, health.stop);
    const lists = createKnownLists(reader, createSipHash(randomBytes(16)), options.maxFingerprintBytes);
    opened.push(lists.close);
    await touch();
    const upkeep = startUpkeep({ path, logger, touch });
    opened.push(upkeep.stop);

    const underWay = createUnderWay();
    const factsAt = createFactsAt(reader, lists, underWay);
    let closing: Promise<void> | undefined;
    return {
      withFacts(nowMs, ask) {
        reader.assertOpen();
        return ask(factsAt(nowMs));
      },
      ...createDecisions({ reader, writer, factsAt, underWay }),
      ...createEvents(reader, writer, factsAt),
      ...createFollowUps(reader, writer),
      ...createCases(reader, writer),
      ...createAccounts(reader),
      ...createTimeline(reader),
      ...createLists(reader, writer, lists),
      ...createPolicies(reader, writer, lists),
      ...createFeed(reader, writer),
      ...createRetention(reader, writer),
      ...createErasures(reader, writer),
      ...createKeys(reader, writer),
      ...createAuditLog(reader, writer),
      async check() {
        reader.get("SELECT count FROM checks");
        await writer.write(["check"], undefined, "first");
      },
      pressure: writer.pressure,
      condition: () => ({ isUp: health.isUp(), logBytes: upkeep.logBytes(), isSound: upkeep.isSound() }),
      close() {
        closing ??= letGo();
        return closing;
      },
    };
  } catch (error) {
    await letGo();
    if (error instanceof GatehouseError) throw error;
    throw new GatehouseError(ErrorReason.STORE_UNAVAILABLE, whyNotOpened(options.path, error), { cause: error });
  }
}

function whyNotOpened(path: string, error: unknown): string {
  if (error instanceof Database.SqliteError && /^SQLITE_(CORRUPT|NOTADB)/.test(error.code)) {
    return `The database ${path} is damaged, or no SQLite database. \`gatehouse check ${path}\` says more; \`gatehouse restore BACKUP --to ${path} --force\` puts a backup in its place and keeps it.`;
  }
  return `The database ${path} cannot be opened: check that it is an SQLite database in a folder that can be written.`;
}

/** One path for one file, whatever links lead to it, so that it has one lock. */
function preparePath(path: string): string {
  const absolute = resolve(path);
  mkdirSync(dirname(absolute), { recursive: true });
  return existsSync(absolute) ? realpathSync(absolute) : join(realpathSync(dirname(absolute)), basename(absolute));
}

function prepareDatabase(path: string): void {
  const db = new Database(path);
  try {
    db.pragma("journal_mode = WAL");
    db.pragma("synchronous = FULL");
    migrate(db);
    demandComplete(db);
  } finally {
    db.close();
  }
}

// The spool's file: what is kept in it and how it is changed. Every function is one transaction that is on disk when it returns.
import Database from "better-sqlite3";

/** What an item is: an event for Record, or a fallback for RecordFallback. */
export const spoolKinds = ["event", "fallback"] as const;
export type SpoolKind = (typeof spoolKinds)[number];

/** Something to keep until the service takes it. */
export interface SpoolItem {
  kind: SpoolKind;
  /** When it arrived, in milliseconds since 1970. */
  timeMs: number;
  /** The request, in protobuf's binary form. */
  body: Uint8Array;
}

/** An item that is kept, under a number that grows from item to item. */
export interface KeptItem extends SpoolItem {
  seq: number;
}

/** An item that the service refuses for good, and why. */
export interface RefusedItem {
  seq: number;
  /** A reason of error_reason.proto. */
  reason: string;
  message: string;
}

/** How much there is. */
export interface SpoolTotals {
  /** Items that wait for the service. */
  pending: number;
  /** Bytes of all items, those refused included. */
  bytes: number;
  /** When the first of those that wait arrived, in milliseconds since 1970; undefined when none does. */
  oldestMs: number | undefined;
  /** Items that the service refused. */
  refused: number;
}

/** The open file. Its functions throw what SQLite throws, and have then changed nothing. */
export interface SpoolFile {
  append(items: readonly SpoolItem[]): void;
  /** The first items that wait, in their order: at most so many, and so many bytes unless the first alone is larger. */
  read(maxItems: number, maxBytes: number): KeptItem[];
  /** Takes away what the service has, and sets aside what it refuses. */
  settle(delivered: readonly number[], refused: readonly RefusedItem[], nowMs: number): void;
  /** Lets all that was refused wait again, after all that waits. Gives how many that were. */
  retryRefused(): number;
  /** What was refused, in its order. */
  listRefused(): (RefusedItem & { kind: SpoolKind; timeMs: number; body: Uint8Array; refuseMs: number })[];
  totals(): SpoolTotals;
  /** Throws unless the file can be written. */
  check(): void;
  close(): void;
}

/** Bytes that an item takes beside its body, about. */
export const itemOverheadBytes = 64;

/** How long a change waits for a foreign process that holds the file. A webhook waits meanwhile. */
const busyTimeoutMs = 250;

/** A file that has grown beyond this gives its room back when it is empty. */
const keepFileBytes = 8 * 2 ** 20;

const schema = `
  CREATE TABLE IF NOT EXISTS items (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind INTEGER NOT NULL, -- its place in spoolKinds
    time INTEGER NOT NULL,
    body BLOB NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS refused (
    seq INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    time INTEGER NOT NULL,
    body BLOB NOT NULL,
    reason TEXT NOT NULL,
    message TEXT NOT NULL,
    refuse_time INTEGER NOT NULL
  ) STRICT;
`;

interface Row {
  seq: number;
  kind: number;
  time: number;
  body: Uint8Array;
}

/** Opens the file, which is made when it is not there; its folder must be. */
export function openSpoolFile(path: string): SpoolFile {
  const db = new Database(path, { timeout: busyTimeoutMs });
  try {
    db.pragma("journal_mode = WAL");
    db.pragma("synchronous = FULL");
    db.exec(schema);
    return prepare(db);
  } catch (error) {
    db.close();
    throw error;
  }
}

function prepare(db: Database.Database): SpoolFile {
  const insert = db.prepare("INSERT INTO items (kind, time, body) VALUES (?, ?, ?)");
  const first = db.prepare("SELECT seq, kind, time, body FROM items ORDER BY seq LIMIT ?");
  const oldest = db.prepare("SELECT time FROM items ORDER BY seq LIMIT 1").pluck();
  const remove = db.prepare("DELETE FROM items WHERE seq = ? RETURNING length(body)").pluck();
  const setAside = db.prepare("INSERT INTO refused SELECT seq, kind, time, body, ?, ?, ? FROM items WHERE seq = ?");
  const counted = { pending: 0, bytes: 0, refused: 0 };
  count();

  function count(): void {
    const sum = (table: string) =>
      db.prepare(`SELECT count(*) AS items, coalesce(sum(length(body)), 0) AS bytes FROM ${table}`).get() as {
        items: number;
        bytes: number;
      };
    const [items, refused] = [sum("items"), sum("refused")];
    counted.pending = items.items;
    counted.refused = refused.items;
    counted.bytes = items.bytes + refused.bytes + (items.items + refused.items) * itemOverheadBytes;
  }

  const appendAll = db.transaction((items: readonly SpoolItem[]) => {
    for (const { kind, timeMs, body } of items) insert.run(spoolKinds.indexOf(kind), timeMs, body);
  });
  const settleAll = db.transaction((delivered: readonly number[], refused: readonly RefusedItem[], nowMs: number): number => {
    for (const { seq, reason, message } of refused) {
      setAside.run(reason, message, nowMs, seq);
      remove.get(seq);
    }
    let freed = 0;
    for (const seq of delivered) {
      const length = remove.get(seq) as number | undefined;
      if (length !== undefined) freed += length + itemOverheadBytes;
    }
    return freed;
  });
  const retryAll = db.transaction(() => {
    const { changes } = db.prepare("INSERT INTO items (kind, time, body) SELECT kind, time, body FROM refused ORDER BY seq").run();
    db.prepare("DELETE FROM refused").run();
    return changes;
  });

  /** Gives the file's room back to the disk; only an empty one is worth it, and it can be done another time. */
  function shrink(): void {
    const size = (db.pragma("page_count", { simple: true }) as number) * (db.pragma("page_size", { simple: true }) as number);
    if (size <= keepFileBytes) return;
    try {
      db.exec("VACUUM");
      db.pragma("wal_checkpoint(TRUNCATE)");
    } catch (error) {
      if (!(error instanceof Database.SqliteError)) throw error;
    }
  }

  return {
    append(items) {
      appendAll.immediate(items);
      counted.pending += items.length;
      for (const { body } of items) counted.bytes += body.length + itemOverheadBytes;
    },
    read(maxItems, maxBytes) {
      const found: KeptItem[] = [];
      let bytes = 0;
      for (const { seq, kind, time, body } of first.iterate(maxItems) as IterableIterator<Row>) {
        bytes += body.length;
        if (found.length > 0 && bytes > maxBytes) break;
        found.push({ seq, kind: spoolKinds[kind] ?? "event", timeMs: time, body });
      }
      return found;
    },
    settle(delivered, refused, nowMs) {
      const freed = settleAll.immediate(delivered, refused, nowMs);
      counted.pending -= delivered.length + refused.length;
      counted.refused += refused.length;
      counted.bytes -= freed;
      if (counted.pending === 0 && counted.refused === 0) shrink();
    },
    retryRefused() {
      const changed = retryAll.immediate();
      count();
      return changed;
    },
    listRefused() {
      const rows = db.prepare("SELECT * FROM refused ORDER BY seq").all() as (Row & {
        reason: string;
        message: string;
        refuse_time: number;
      })[];
      return rows.map(({ seq, kind, time, body, reason, message, refuse_time }) => {
        return { seq, kind: spoolKinds[kind] ?? "event", timeMs: time, body, reason, message, refuseMs: refuse_time };
      });
    },
    totals: () => ({ ...counted, oldestMs: counted.pending === 0 ? undefined : (oldest.get() as number | undefined) }),
    check() {
      const count = db.pragma("user_version", { simple: true }) as number;
      db.pragma(`user_version = ${(count + 1) % 1000}`);
    },
    close: () => void db.close(),
  };
}

// Tells other processes over the database that something was committed, and hears of it from them, on a connection of its own.
import pg from "pg";
import { assertPrimary, type Servers } from "./servers.ts";
import { sessionOf } from "./sessions.ts";

/** What was committed: keys, pointers to policies, or anything else. */
export type Notice = "change" | "keys" | "pointers";

/** Sends notices and hears those of others. They are hints: one that is sent while the connection is away may reach nobody. */
export interface Notices {
  /** Tells the others, soon. */
  send(notice: Notice): void;
  /** Whether there is a connection on which notices should come. */
  isListening(): boolean;
  close(): Promise<void>;
}

/** What they need. */
export interface NoticesDeps {
  servers: Servers;
  /** Told of every notice of another process. */
  onNotice(notice: Notice): void;
  /** Told whenever there is a connection: what was sent before has reached nobody here. */
  onListening(): void;
}

/**
 * How often notices are sent at most. They are not part of the commits that they tell of: a commit with a NOTIFY in it holds a lock of the whole server
 * until it is on disk, so that commits to several databases go one after another; and many commits are told of by one.
 */
const sendEveryMs = 50;

/** How long to wait until the connection is tried anew: so long at first, and twice as long each time, up to the second. */
const retryMs = { first: 100, longest: 5000 };

const channel = "gatehouse";

/** Resolves when the first connection is there, or could not be made: then it is tried again. */
export async function startNotices({ servers, onNotice, onListening }: NoticesDeps): Promise<Notices> {
  let listening: pg.Client | undefined;
  let connecting: Promise<void> | undefined;
  let isClosed = false;
  let waitMs = retryMs.first;
  const unsent = new Set<Notice>();
  let timer: NodeJS.Timeout | undefined;
  let retry: NodeJS.Timeout | undefined;

  async function connect(): Promise<void> {
    const url = servers.url();
    const client = new pg.Client(sessionOf(url));
    const lost = () => {
      if (listening === client) listening = undefined;
      tryLater();
    };
    // What comes after it is the end.
    client.on("error", () => {});
    try {
      await client.connect();
      if (servers.count > 1) await assertPrimary(client);
      const { rows } = await client.query<{ own: number }>("SELECT pg_backend_pid() AS own");
      client.on("notification", ({ processId, payload }) => {
        if (processId !== rows[0]?.own) onNotice(payload === "keys" || payload === "pointers" ? payload : "change");
      });
      // That a notice is on disk is of no use to anybody.
      await client.query(`SET synchronous_commit = off; LISTEN ${channel}`);
    } catch (error) {
      servers.passOver(url);
      void client.end().catch(() => {});
      throw error;
    }
    client.once("end", lost);
    listening = client;
    waitMs = retryMs.first;
    onListening();
    sendNow();
  }

  function tryLater(): void {
    if (isClosed || retry !== undefined) return;
    retry = setTimeout(() => {
      retry = undefined;
      tryNow();
    }, waitMs).unref();
    waitMs = Math.min(2 * waitMs, retryMs.longest);
  }

  function tryNow(): void {
    connecting = connect().catch(tryLater);
  }

  function sendNow(): void {
    const client = listening;
    if (client === undefined || unsent.size === 0 || timer !== undefined) return;
    const notices = [...unsent];
    unsent.clear();
    for (const notice of notices) client.query(`NOTIFY ${channel}, '${notice}'`).catch(() => {});
    timer = setTimeout(() => {
      timer = undefined;
      sendNow();
    }, sendEveryMs).unref();
  }

  tryNow();
  await connecting;
  return {
    send(notice) {
      unsent.add(notice);
      sendNow();
    },
    isListening: () => listening !== undefined,
    async close() {
      isClosed = true;
      clearTimeout(retry);
      await connecting;
      clearTimeout(timer);
      timer = undefined;
      sendNow();
      clearTimeout(timer);
      await listening?.end().catch(() => {});
    },
  };
}

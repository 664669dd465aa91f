// Tells of changes: of this process's at once, of others' as soon as they give notice, or when the database is asked.
import type { Feed, Keys, Policies } from "../storage.ts";
import type { Reader } from "./connections.ts";
import { type Notice, startNotices } from "./notices.ts";
import type { Servers } from "./servers.ts";

/** Who hears of changes. */
export interface Watch {
  onChange: Feed["onChange"];
  onKeyChange: Keys["onKeyChange"];
  onPointerChange: NonNullable<Policies["onPointerChange"]>;
  /** Tells that this process has committed something. */
  tellOfChange(): void;
  /** Tells that this process has made or revoked a key. */
  tellOfKeys(): void;
  /** Tells that this process has set a pointer, which it knows itself. */
  tellOfPointers(): void;
  close(): Promise<void>;
}

/** How often the database is asked what others have done: while their notices come, and while they may not. */
export interface PollTimes {
  heardMs: number;
  deafMs: number;
}

/** What a watch needs. */
export interface WatchDeps {
  reader: Reader;
  servers: Servers;
  poll?: PollTimes | undefined;
}

const defaultPoll: PollTimes = { heardMs: 2000, deafMs: 250 };

interface Head {
  epoch: number;
  key_epoch: number;
  live_version: string | null;
  shadow_version: string | null;
}

const selectHead = "SELECT epoch, key_epoch, live_version, shadow_version FROM log_head";

/** What a notice tells of, as the database has it. */
const stateOf: Readonly<Record<Notice, (head: Head) => string>> = {
  change: ({ epoch }) => String(epoch),
  keys: ({ key_epoch }) => String(key_epoch),
  pointers: ({ live_version, shadow_version }) => `${live_version} ${shadow_version}`,
};

const kinds = Object.keys(stateOf) as Notice[];

/**
 * Creates the watch. Notices are hints, which a pooler or a bad network may swallow: so the database is asked now and then, and more often once that has
 * brought something to light that nobody had given notice of. It is asked only while somebody listens.
 */
export async function openWatch({ reader, servers, poll = defaultPoll }: WatchDeps): Promise<Watch> {
  const listeners = { change: createListeners(), keys: createListeners(), pointers: createListeners() };
  /** What was told since the database was asked last, by notices or by this process. */
  const told = new Set<Notice>();
  let seen: Head | undefined;
  let isAsking = false;
  let comesThrough = true;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  const notices = await startNotices({
    servers,
    onNotice(notice) {
      comesThrough = true;
      told.add(notice);
      listeners[notice].tell();
    },
    onListening: () => void ask(),
  });
  // Whoever listens from here on reads what is there by now.
  seen = await reader.get<Head>(selectHead);

  async function ask(): Promise<void> {
    if (isAsking || kinds.every((kind) => listeners[kind].isEmpty())) return;
    isAsking = true;
    const before = new Set(told);
    told.clear();
    try {
      const now = await reader.get<Head>(selectHead);
      for (const kind of kinds) {
        if (now !== undefined && seen !== undefined && stateOf[kind](now) === stateOf[kind](seen)) continue;
        if (seen !== undefined && !before.has(kind) && !told.has(kind)) comesThrough = false;
        listeners[kind].tell();
      }
      seen = now;
    } catch {
      // What was done meanwhile is told of as soon as it can be read: nothing is known to be seen.
      seen = undefined;
    } finally {
      isAsking = false;
    }
  }

  function askLater(): void {
    if (isClosed) return;
    timer = setTimeout(() => void ask().then(askLater), comesThrough && notices.isListening() ? poll.heardMs : poll.deafMs).unref();
  }

  function tell(notice: Notice): void {
    told.add(notice);
    notices.send(notice);
  }

  askLater();
  return {
    onChange: listeners.change.add,
    onKeyChange: listeners.keys.add,
    onPointerChange: listeners.pointers.add,
    tellOfChange() {
      tell("change");
      listeners.change.tell();
    },
    tellOfKeys() {
      tell("keys");
      listeners.keys.tell();
    },
    tellOfPointers: () => tell("pointers"),
    close() {
      isClosed = true;
      clearTimeout(timer);
      return notices.close();
    },
  };
}

function createListeners() {
  const listeners = new Set<() => void>();
  return {
    add(listener: () => void): () => void {
      // A listener that is given twice is called twice.
      const own = () => listener();
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    tell(): void {
      for (const listener of listeners) listener();
    },
    isEmpty: () => listeners.size === 0,
  };
}

// Tells of changes: of this process's at once, of others' within a moment.
import type { Feed, Keys } from "../storage.ts";
import type { Reader } from "./connections.ts";

/** Who hears of changes. */
export interface Watch {
  onChange: Feed["onChange"];
  onKeyChange: Keys["onKeyChange"];
  /** Tells that this process has committed something. */
  tellOfChange(): void;
  /** Tells that this process has made or revoked a key. */
  tellOfKeys(): void;
  close(): void;
}

/** How often the database is asked what others have done. */
const pollMs = 250;

interface Epochs {
  epoch: number;
  key_epoch: number;
}

/** Creates the watch. It asks only while somebody listens. */
export function createWatch(reader: Reader): Watch {
  const change = createListeners();
  const keys = createListeners();
  let seen: Epochs | undefined;
  let isAsking = false;

  async function ask(): Promise<void> {
    if (isAsking || (change.isEmpty() && keys.isEmpty())) return;
    isAsking = true;
    try {
      const now = await reader.get<Epochs>("SELECT epoch, key_epoch FROM log_head");
      if (now?.epoch !== seen?.epoch) change.tell();
      if (now?.key_epoch !== seen?.key_epoch) keys.tell();
      seen = now;
    } catch {
      // What was done meanwhile is told of as soon as it can be read: nothing is known to be seen.
      seen = undefined;
    } finally {
      isAsking = false;
    }
  }

  const timer = setInterval(() => void ask(), pollMs).unref();
  return {
    onChange: change.add,
    onKeyChange: keys.add,
    tellOfChange: change.tell,
    tellOfKeys: keys.tell,
    close: () => clearInterval(timer),
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

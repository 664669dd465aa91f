// Keeps a store open for the calls that were begun before it is closed, and no others.

import type { Store } from "../storage.ts";
import { storeUnavailable } from "../store-unavailable.ts";

type Call = (...args: unknown[]) => unknown;

/** What a store does, without being closed. */
type OpenStore = Omit<Store, "close">;

/** The store until it is closed: then every call rejects with STORE_UNAVAILABLE, and `letGo` is called when those that were begun have ended. */
export function untilClosed(store: OpenStore, letGo: () => Promise<void>): Store {
  const begun = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;

  function guard(name: string, call: Call): Call {
    return (...args) => {
      if (closing !== undefined) {
        const closed = storeUnavailable(new Error("The store is closed."));
        // Listening is no promise.
        if (name.startsWith("on")) throw closed;
        return Promise.reject(closed);
      }
      const result = call(...args);
      if (!(result instanceof Promise)) return result;
      begun.add(result);
      const forget = () => void begun.delete(result);
      result.then(forget, forget);
      return result;
    };
  }

  const guarded = Object.fromEntries(
    Object.entries(store).map(([name, member]) => [name, typeof member === "function" ? guard(name, member as Call) : member]),
  ) as unknown as OpenStore;
  return {
    ...guarded,
    close() {
      closing ??= Promise.allSettled(begun).then(letGo);
      return closing;
    },
  };
}

// Keeps a store open for the calls that were begun before it is closed, and no others.
import { storeUnavailable } from "../store-unavailable.ts";
import type { Store } from "../storage.ts";

/** What a store does, without being closed. */
type OpenStore = Omit<Store, "close">;

/** The store until it is closed: then every call rejects with STORE_UNAVAILABLE, and `letGo` is called when those that were begun have ended. */
export function untilClosed(store: OpenStore, letGo: () => Promise<void>): Store {
  const begun = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;

  function guard(call: (...args: unknown[]) => unknown): (...args: unknown[]) => unknown {
    return (...args) => {
      if (closing !== undefined) throw storeUnavailable(new Error("The store is closed."));
      const result = call(...args);
      if (!(result instanceof Promise)) return result;
      begun.add(result);
      const forget = () => void begun.delete(result);
      result.then(forget, forget);
      return result;
    };
  }

  const guarded = Object.fromEntries(
    Object.entries(store).map(([name, call]) => [name, guard(call as (...args: unknown[]) => unknown)]),
  ) as unknown as OpenStore;
  return {
    ...guarded,
    close() {
      closing ??= Promise.allSettled(begun).then(letGo);
      return closing;
    },
  };
}

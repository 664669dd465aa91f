// Keeps the live policy: the last good one, whatever happens to its file.

import { unwatchFile, watchFile } from "node:fs";
import { readFile } from "node:fs/promises";
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";
import { type CompiledPolicy, compilePolicy } from "../policy/compile.ts";
import { formatProblems } from "../policy/problems.ts";
import type { Store } from "../storage/storage.ts";

/** What became of a policy file. */
export type PolicyLoaded =
  /** It is live now. */
  | { kind: "live"; policy: CompiledPolicy }
  /** It was live already. */
  | { kind: "unchanged" }
  /** It cannot be used, and the one before stays; `problem` says why, a line for each mistake. */
  | { kind: "refused"; problem: string };

/** The live policy. */
export interface LivePolicy {
  /** Throws STORE_UNAVAILABLE while there is none. */
  current(): CompiledPolicy;
  /** Takes up the policy that was live last, from the store. False when there is none. */
  restore(): Promise<boolean>;
  /** Makes the policy in a file live, if it is good. */
  loadFile(path: string): Promise<PolicyLoaded>;
  /** Loads the file again whenever it changes, until the returned function is called. Changes are seen within a second. */
  watchFile(path: string, onLoaded: (loaded: PolicyLoaded) => void): () => void;
}

/** How often a policy file is looked at. */
const watchIntervalMs = 500;

export function createLivePolicy({ store }: { store: Store }): LivePolicy {
  let live: CompiledPolicy | undefined;
  // Loads follow one another, so that the file's latest state wins.
  let queue: Promise<unknown> = Promise.resolve();

  const load = async (path: string): Promise<PolicyLoaded> => {
    let text: string;
    try {
      text = await readFile(path, "utf8");
    } catch (error) {
      return { kind: "refused", problem: `${path}: cannot be read: ${(error as Error).message}` };
    }
    const { policy, problems } = compilePolicy(text);
    if (policy === undefined) return { kind: "refused", problem: formatProblems(path, problems) };
    if (policy.version === live?.version) return { kind: "unchanged" };
    await store.makePolicyLive({ version: policy.version, text }, policy.lists);
    live = policy;
    return { kind: "live", policy };
  };
  const loadFile = (path: string): Promise<PolicyLoaded> => {
    const result = queue.then(() => load(path));
    queue = result.catch(() => undefined);
    return result;
  };

  return {
    current() {
      if (live === undefined)
        throw new GatehouseError(ErrorReason.STORE_UNAVAILABLE, "No policy is live yet. Try again when the service is ready.");
      return live;
    },
    async restore() {
      const stored = await store.getLivePolicy();
      if (stored === undefined) return false;
      const { policy, problems } = compilePolicy(stored.text);
      if (policy === undefined) {
        throw new GatehouseError(
          ErrorReason.INTERNAL,
          `The policy that was live last is not understood any more:\n${formatProblems(stored.version.slice(0, 12), problems)}`,
        );
      }
      live = policy;
      return true;
    },
    loadFile,
    watchFile(path, onLoaded) {
      const listener = () => {
        loadFile(path).then(onLoaded, (error: Error) => onLoaded({ kind: "refused", problem: error.message }));
      };
      watchFile(path, { interval: watchIntervalMs, persistent: false }, listener);
      return () => unwatchFile(path, listener);
    },
  };
}

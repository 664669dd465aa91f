// The policy file: published and made live at start and whenever it changes, if it is good.
import { unwatchFile, watchFile } from "node:fs";
import { readFile } from "node:fs/promises";
import type { CompiledPolicy } from "../policy/compile.ts";
import { formatProblems } from "../policy/problems.ts";
import type { CompileInTurns } from "./compile-in-turns.ts";

/** What became of a policy file. */
export type PolicyFileLoaded =
  /** It is live now. */
  | { kind: "live"; policy: CompiledPolicy }
  /** It is as it was when it was loaded last. */
  | { kind: "unchanged" }
  /** It cannot be used, and the policy before stays; `problem` says why, a line for each mistake. */
  | { kind: "refused"; problem: string };

/** A policy file. */
export interface PolicyFile {
  /** Makes the policy in the file live, if it is good and another one than when it was loaded last. Never rejects. */
  load(): Promise<PolicyFileLoaded>;
  /** Loads the file whenever it changes, until the returned function is called. Changes are seen within a second. */
  watch(onLoaded: (loaded: PolicyFileLoaded) => void): () => void;
}

/** How often a policy file is looked at. */
const watchIntervalMs = 500;

/** What a policy file needs. */
export interface PolicyFileDeps {
  compile: CompileInTurns;
  /** Publishes a text that compiled and points live at it; what it rejects with is told as the reason to refuse the file. */
  makeLive(text: string, path: string): Promise<unknown>;
}

export function createPolicyFile(path: string, { compile, makeLive }: PolicyFileDeps): PolicyFile {
  let lastVersion: string | undefined;
  // Loads follow one another, so that the file's latest state wins.
  let queue: Promise<unknown> = Promise.resolve();

  const loadNow = async (): Promise<PolicyFileLoaded> => {
    try {
      const text = await readFile(path, "utf8");
      const { policy, problems } = await compile(text);
      if (policy === undefined) return { kind: "refused", problem: formatProblems(path, problems) };
      if (policy.version === lastVersion) return { kind: "unchanged" };
      await makeLive(text, path);
      lastVersion = policy.version;
      return { kind: "live", policy };
    } catch (error) {
      return { kind: "refused", problem: `${path}: ${(error as Error).message}` };
    }
  };
  const load = () => {
    const loaded = queue.then(loadNow);
    queue = loaded;
    return loaded;
  };
  return {
    load,
    watch(onLoaded) {
      const listener = () => void load().then(onLoaded);
      watchFile(path, { interval: watchIntervalMs, persistent: false }, listener);
      return () => unwatchFile(path, listener);
    },
  };
}

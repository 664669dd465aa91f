// Erases users: begins an erasure, tells how far one is, and goes on with what is under way, a little at a time.
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { ListKind } from "../../gen/gatehouse/v1/list_service_pb.ts";
import { GatehouseError } from "../errors.ts";
import type { Erasure, Erasures, Lists } from "../storage/storage.ts";
import type { CheckApp } from "./apps.ts";

/** What erasures need. */
export interface ErasureDeps {
  store: Erasures & Lists;
  checkApp: CheckApp;
  /** So many bytes that nobody can foresee. */
  randomBytes(size: number): Uint8Array;
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls `run` once after so many milliseconds, unless the returned function is called before. */
  after(ms: number, run: () => void): () => void;
  /** Told of every erasure that has ended. */
  onEnded(erasureId: string): void;
  /** Told of a step that failed; it is tried again after a while. */
  onFailed(error: unknown): void;
}

/** Whom to erase, and how. */
export interface EraseUser {
  /** 0: in all apps. */
  appId: number;
  user: string;
  withLists: boolean;
  isPreview: boolean;
  author: string;
}

/** Erasures of users. */
export interface ErasureUseCases {
  /** Begins one, with the exact lists that name the user at this moment. Throws UNKNOWN_APP. */
  begin(request: EraseUser): Promise<{ erasure: Erasure; lists: string[] }>;
  /** Throws ERASURE_NOT_FOUND. */
  get(erasureId: string): Promise<Erasure>;
  /** Ends the work, and waits for a step under way; what is left goes on with the next start. */
  stop(): Promise<void>;
}

/** After a step so many times as long as it took is waited, and at least so long: most of the store stays with the writes of others. */
const restFactor = 4;
const minRestMs = 20;

const retryMs = 10_000;

const pseudonymBytes = 6;

/** Creates the erasures, and goes on with those that are under way. */
export function createErasures({ store, checkApp, randomBytes, now, after, onEnded, onFailed }: ErasureDeps): ErasureUseCases {
  let isStopped = false;
  let isWorking = false;
  let cancel = () => {};
  let step = Promise.resolve();

  async function run(): Promise<void> {
    const beganMs = performance.now();
    let restMs: number | undefined;
    try {
      const result = await store.continueErasure(now());
      if (result.kind === "ended") onEnded(result.erasureId);
      if (result.kind !== "none") restMs = Math.max(minRestMs, restFactor * (performance.now() - beganMs));
    } catch (error) {
      onFailed(error);
      restMs = retryMs;
    }
    isWorking = restMs !== undefined;
    if (restMs !== undefined) goOn(restMs);
  }

  function goOn(restMs: number): void {
    if (isStopped) return;
    isWorking = true;
    cancel = after(restMs, () => {
      step = run();
    });
  }

  /** The exact lists that have the user on them. */
  async function listsWith(user: string): Promise<string[]> {
    const found: string[] = [];
    for (const { list, kind } of await store.listLists()) {
      if (kind !== ListKind.EXACT) continue;
      // The value itself stands before all that begin with it.
      const page = await store.listEntries(list, { prefix: user }, { size: 1 });
      if (page?.items[0]?.value === user) found.push(list);
    }
    return found;
  }

  async function get(erasureId: string): Promise<Erasure> {
    const erasure = await store.getErasure(erasureId);
    if (erasure === undefined) throw erasureNotFound(erasureId);
    return erasure;
  }

  goOn(minRestMs);
  return {
    async begin({ appId, user, withLists, isPreview, author }) {
      if (appId !== 0) checkApp(appId);
      const lists = await listsWith(user);
      const beginTimeMs = now();
      if (withLists && !isPreview) {
        // Before the walk, which then finds these edits too.
        for (const list of lists) await store.removeEntries(list, [user], { author, reason: "The user was erased.", timeMs: beginTimeMs });
      }
      const pseudonym = `erased-${Buffer.from(randomBytes(pseudonymBytes)).toString("hex")}`;
      const erasureId = await store.beginErasure({ appId, user, pseudonym, isPreview, withLists, beginTimeMs });
      if (!isWorking) goOn(0);
      return { erasure: await get(erasureId), lists };
    },
    get,
    async stop() {
      isStopped = true;
      cancel();
      await step;
    },
  };
}

export function erasureNotFound(erasureId: string): GatehouseError {
  return new GatehouseError(ErrorReason.ERASURE_NOT_FOUND, `There is no erasure "${erasureId}".`, { metadata: { erasure_id: erasureId } });
}

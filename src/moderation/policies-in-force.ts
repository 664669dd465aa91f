// The policies that are asked: the live one and the one on trial, compiled, as the pointers in the store have them.
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";
import type { CompiledPolicy } from "../policy/compile.ts";
import { formatProblems } from "../policy/problems.ts";
import type { PointerName, Policies, Store, StoredFacts } from "../storage/storage.ts";
import type { CompileInTurns } from "./compile-in-turns.ts";

/** The policies that are asked. */
export interface PoliciesInForce {
  /** The policy that decides. Throws STORE_UNAVAILABLE while there is none. */
  live(): CompiledPolicy;
  /** The policy on trial; undefined when there is none. With facts that tell of another version, that one is taken up for the decisions to come. */
  shadow(stored?: StoredFacts): CompiledPolicy | undefined;
  /** Throws what `upToDate` waits for when the facts tell that another policy is live by now, which another process has activated. */
  assertLive(policy: CompiledPolicy, stored: StoredFacts): void;
  /** Runs `ask`, and again with the policy that is live by then whenever `assertLive` has thrown in it. Takes one up first while there is none. */
  upToDate<T>(ask: () => Promise<T>): Promise<T>;
  /**
   * Takes up what a pointer points at now; what is decided after this is decided by it. Rejects, and keeps what it had, when that text is not
   * understood.
   */
  takeUp(pointer: PointerName): Promise<void>;
}

/** What they need. */
export interface PoliciesInForceDeps {
  store: Policies & Pick<Store, "isRemote">;
  compile: CompileInTurns;
  /** Told of every policy that is taken up. Must not throw. */
  onTakenUp(policy: CompiledPolicy): void;
}

/** What is thrown when a policy is not live any more. */
class Behind extends Error {}

/** How often in a row the live policy may be another one again: it is activated by people. */
const maxTakenUp = 10;

export function createPoliciesInForce({ store, compile, onTakenUp }: PoliciesInForceDeps): PoliciesInForce {
  const inForce: Record<PointerName, CompiledPolicy | undefined> = { live: undefined, shadow: undefined };
  /** What is being taken up: once, however many wait for it. */
  const takingUp: Record<PointerName, Promise<void> | undefined> = { live: undefined, shadow: undefined };
  /** The version on trial that was tried last to be taken up, so that one that is not understood is not tried for ever. */
  let triedShadow: string | undefined;

  async function takeUp(pointer: PointerName): Promise<void> {
    const stored = await store.getPointedPolicy(pointer);
    if (stored?.version === inForce[pointer]?.version) return;
    const policy = stored && (await compileStored(compile, stored.version, stored.text));
    inForce[pointer] = policy;
    if (policy !== undefined) onTakenUp(policy);
  }

  function takeUpOnce(pointer: PointerName): Promise<void> {
    const running =
      takingUp[pointer] ??
      takeUp(pointer).finally(() => {
        takingUp[pointer] = undefined;
      });
    takingUp[pointer] = running;
    return running;
  }

  async function askUntilUpToDate<T>(ask: () => Promise<T>): Promise<T> {
    for (let times = 0; times < maxTakenUp; times += 1) {
      // The first one may have been activated by another process.
      if (inForce.live === undefined) await takeUpOnce("live").catch(throwNotUnderstood);
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof Behind)) throw error;
        await takeUpOnce("live").catch(throwNotUnderstood);
      }
    }
    throw new GatehouseError(ErrorReason.STORE_UNAVAILABLE, "Another policy goes live again and again. Try again later.");
  }

  return {
    live() {
      if (inForce.live !== undefined) return inForce.live;
      throw new GatehouseError(ErrorReason.STORE_UNAVAILABLE, "No policy is live yet. Try again when the service is ready.");
    },
    shadow(stored) {
      const { shadow } = inForce;
      if (stored?.pointedVersion === undefined) return shadow;
      const version = stored.pointedVersion("shadow");
      if (version !== shadow?.version && version !== triedShadow) {
        triedShadow = version;
        takeUpOnce("shadow").catch(() => undefined);
      }
      return shadow;
    },
    assertLive(policy, stored) {
      if (stored.pointedVersion !== undefined && stored.pointedVersion("live") !== policy.version) throw new Behind();
    },
    upToDate: store.isRemote ? askUntilUpToDate : (ask) => ask(),
    takeUp,
  };
}

/** Another process may know more: what it has activated is what must be decided by, and this one cannot. */
function throwNotUnderstood(error: unknown): never {
  if (!(error instanceof GatehouseError) || error.reason !== ErrorReason.INVALID_POLICY) throw error;
  throw new GatehouseError(
    ErrorReason.STORE_UNAVAILABLE,
    "The live policy is one that this version of Gatehouse does not understand: use the version that has activated it.",
    { cause: error },
  );
}

/** Compiles a text that was good when it was kept. */
export async function compileStored(compile: CompileInTurns, version: string, text: string): Promise<CompiledPolicy> {
  const { policy, problems } = await compile(text);
  if (policy !== undefined) return policy;
  throw new GatehouseError(
    ErrorReason.INVALID_POLICY,
    `The policy ${version.slice(0, 12)} was good once, but this version of Gatehouse does not take it:\n${formatProblems(version.slice(0, 12), problems)}`,
  );
}

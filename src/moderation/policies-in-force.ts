// The policies that are asked: the live one and the one on trial, compiled, as the pointers in the store have them.
import { ErrorReason } from "../../gen/gatehouse/v1/error_reason_pb.ts";
import { GatehouseError } from "../errors.ts";
import type { CompiledPolicy } from "../policy/compile.ts";
import { formatProblems } from "../policy/problems.ts";
import type { PointerName, Policies } from "../storage/storage.ts";
import type { CompileInTurns } from "./compile-in-turns.ts";

/** The policies that are asked. */
export interface PoliciesInForce {
  /** The policy that decides. Throws STORE_UNAVAILABLE while there is none. */
  live(): CompiledPolicy;
  /** The policy on trial; undefined when there is none. */
  shadow(): CompiledPolicy | undefined;
  /**
   * Takes up what a pointer points at now; what is decided after this is decided by it. Rejects, and keeps what it had, when that text is not
   * understood.
   */
  takeUp(pointer: PointerName): Promise<void>;
}

/** What they need. */
export interface PoliciesInForceDeps {
  store: Policies;
  compile: CompileInTurns;
  /** Told of every policy that is taken up. Must not throw. */
  onTakenUp(policy: CompiledPolicy): void;
}

export function createPoliciesInForce({ store, compile, onTakenUp }: PoliciesInForceDeps): PoliciesInForce {
  const inForce: Record<PointerName, CompiledPolicy | undefined> = { live: undefined, shadow: undefined };
  return {
    live() {
      if (inForce.live !== undefined) return inForce.live;
      throw new GatehouseError(ErrorReason.STORE_UNAVAILABLE, "No policy is live yet. Try again when the service is ready.");
    },
    shadow: () => inForce.shadow,
    async takeUp(pointer) {
      const stored = await store.getPointedPolicy(pointer);
      if (stored?.version === inForce[pointer]?.version) return;
      const policy = stored && (await compileStored(compile, stored.version, stored.text));
      inForce[pointer] = policy;
      if (policy !== undefined) onTakenUp(policy);
    },
  };
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

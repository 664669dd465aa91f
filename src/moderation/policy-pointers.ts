// Where the pointers point, as the audit log keeps it.
import type { Policies } from "../storage/storage.ts";

/** The versions that are live and on trial; null where there is none. */
export async function readPolicyPointers(
  store: Pick<Policies, "getPointedPolicy">,
): Promise<{ live: string | null; shadow: string | null }> {
  const [live, shadow] = await Promise.all([store.getPointedPolicy("live"), store.getPointedPolicy("shadow")]);
  return { live: live?.version ?? null, shadow: shadow?.version ?? null };
}

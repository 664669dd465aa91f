// The policies that were ever live, in SQLite.
import type { Policies, StoredPolicy } from "../storage.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** Creates the policies over the two sides of the store. */
export function createPolicies(reader: Reader, writer: Writer): Policies {
  return {
    async makePolicyLive(policy, lists) {
      await writer.write(["makePolicyLive", policy.version, policy.text, JSON.stringify(lists)]);
    },

    async getLivePolicy() {
      return reader.get<StoredPolicy>("SELECT version, text FROM live_policy JOIN policies USING (policy_id)");
    },
  };
}

// Makes the text of the policy file live, as an act that the audit log keeps.
import { createHash } from "node:crypto";
import { PrincipalKind } from "../../gen/gatehouse/v1/audit_service_pb.ts";
import type { Policies } from "../storage/storage.ts";
import type { Audit } from "./audit.ts";
import type { PolicyUseCases } from "./policies.ts";
import { readPolicyPointers } from "./policy-pointers.ts";

/** What it needs. */
export interface PublishPolicyFileDeps {
  store: Pick<Policies, "getPointedPolicy">;
  policies: Pick<PolicyUseCases, "publish">;
  audit: Pick<Audit, "begin">;
}

/** Publishes the text and points live at it. Only when that changes what is live it is an act: at most starts it is the same text again. */
export function createPublishPolicyFile({ store, policies, audit }: PublishPolicyFileDeps): (text: string, path: string) => Promise<void> {
  return async (text, path) => {
    const publish = () => policies.publish(text, { author: "policy file", reason: path }, "live");
    const version = createHash("sha256").update(text).digest("hex");
    const before = await readPolicyPointers(store);
    if (before.live === version) {
      await publish();
      return;
    }
    const act = await audit.begin({
      principal: { kind: PrincipalKind.POLICY_FILE, id: path, name: path },
      method: "policy file",
      appId: 0,
      target: version,
      requestJson: JSON.stringify({ path }),
      beforeJson: JSON.stringify(before),
    });
    try {
      await publish();
    } catch (error) {
      await act.failed(error);
      throw error;
    }
    await act.done(JSON.stringify(await readPolicyPointers(store)));
  };
}

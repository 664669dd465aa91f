// Versions of the policy and activations as rows of the tables `policies` and `activations`.
import type { PointerName, PolicyActivation, PublishedPolicy } from "./storage.ts";

/** A row as `selectPublished` reads it. */
export interface PolicyRow {
  publish_order: number;
  version: string;
  text: string;
  author: string;
  reason: string;
  publish_time: number;
}

/** A row as `selectActivation` reads it. */
export interface ActivationRow {
  seq: number;
  pointer: PointerName;
  version: string | null;
  previous_version: string | null;
  author: string;
  reason: string;
  activate_time: number;
}

/** Reads versions that were published; an AND may follow. */
export const selectPublished =
  "SELECT publish_order, version, text, author, reason, publish_time FROM policies WHERE publish_order IS NOT NULL";

/** Reads whole rows; a WHERE may follow. */
export const selectActivation = `SELECT seq, pointer, author, reason, activate_time,
    (SELECT version FROM policies WHERE policies.policy_id = activations.policy_id) AS version,
    (SELECT version FROM policies WHERE policies.policy_id = activations.previous_policy_id) AS previous_version
  FROM activations`;

/** The version of a row. */
export function policyOf({ version, text, author, reason, publish_time }: PolicyRow): PublishedPolicy {
  return { version, text, author, reason, publishTimeMs: publish_time };
}

/** The activation of a row. */
export function activationOf({ pointer, version, previous_version, author, reason, activate_time }: ActivationRow): PolicyActivation {
  return {
    pointer,
    version: version ?? undefined,
    previousVersion: previous_version ?? undefined,
    author,
    reason,
    timeMs: activate_time,
  };
}

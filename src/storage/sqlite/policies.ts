// The versions of the policy and what points at them, in SQLite.

import { ListKind } from "../../../gen/gatehouse/v1/list_service_pb.ts";
import { pageOf, parseLogPosition } from "../page-positions.ts";
import { type ActivationRow, activationOf, type PolicyRow, policyOf, selectActivation, selectPublished } from "../policy-rows.ts";
import { prefixEnd } from "../prefix-end.ts";
import type { Policies } from "../storage.ts";
import type { KnownLists } from "./known-lists.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** Creates the policies over the two sides of the store. */
export function createPolicies(reader: Reader, writer: Writer, known: KnownLists): Policies {
  return {
    async publishPolicy({ version, text, author, reason, publishTimeMs }) {
      await writer.write(["publishPolicy", version, text, author, reason, publishTimeMs]);
    },

    async pointPolicy({ pointer, version, author, reason, timeMs }, lists) {
      const kinds = JSON.stringify(lists.map(({ name, kind }) => [name, kind || ListKind.EXACT]));
      const result = await writer.write(["pointPolicy", pointer, version ?? null, author, reason, timeMs, kinds], known.settleMaking);
      return result === 1;
    },

    async getPolicy(version) {
      const exact = reader.get<PolicyRow>(`${selectPublished} AND version = ?`, version);
      if (exact !== undefined) return policyOf(exact);
      const [first, second] = reader.all<PolicyRow>(
        `${selectPublished} AND version >= ? AND version < ? LIMIT 2`,
        version,
        // Versions are hexadecimal digits, which sort before this.
        prefixEnd(version) ?? "g",
      );
      return first === undefined || second !== undefined ? undefined : policyOf(first);
    },

    async getPointedPolicy(pointer) {
      const row = reader.get<PolicyRow>(
        `${selectPublished} AND policy_id = (SELECT policy_id FROM activations WHERE pointer = ? ORDER BY seq DESC LIMIT 1)`,
        pointer,
      );
      return row && policyOf(row);
    },

    async listPolicies(page) {
      const rows = reader.all<PolicyRow>(
        `${selectPublished} AND publish_order < ? ORDER BY publish_order DESC LIMIT ?`,
        page.after === undefined ? Number.MAX_SAFE_INTEGER : parseLogPosition(page.after),
        page.size + 1,
      );
      return pageOf(rows, page.size, policyOf, (row) => String(row.publish_order));
    },

    async listActivations(page) {
      const rows = reader.all<ActivationRow>(
        `${selectActivation} WHERE seq < ? ORDER BY seq DESC LIMIT ?`,
        page.after === undefined ? Number.MAX_SAFE_INTEGER : parseLogPosition(page.after),
        page.size + 1,
      );
      return pageOf(rows, page.size, activationOf, (row) => String(row.seq));
    },
  };
}

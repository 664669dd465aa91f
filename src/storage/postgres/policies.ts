// The versions of the policy and what points at them, in PostgreSQL.
import { ListKind } from "../../../gen/gatehouse/v1/list_service_pb.ts";
import { pageOf, parseLogPosition } from "../page-positions.ts";
import { type ActivationRow, activationOf, type PolicyRow, policyOf, selectActivation, selectPublished } from "../policy-rows.ts";
import { prefixEnd } from "../prefix-end.ts";
import type { Policies } from "../storage.ts";
import type { Reader } from "./connections.ts";
import type { RunWithHead } from "./head-transactions.ts";
import type { Watch } from "./watch.ts";

const columnOfPointer = { live: "live_version", shadow: "shadow_version" } as const;

/** Creates the policies. */
export function createPolicies(
  reader: Reader,
  runWithHead: RunWithHead,
  { onPointerChange, tellOfPointers }: Pick<Watch, "onPointerChange" | "tellOfPointers">,
): Policies {
  return {
    onPointerChange,

    publishPolicy({ version, text, author, reason, publishTimeMs }) {
      return runWithHead(async (transaction) => {
        await transaction.run("INSERT INTO policies (version) VALUES (?) ON CONFLICT DO NOTHING", version);
        await transaction.run(
          `UPDATE policies SET text = ?, author = ?, reason = ?, publish_time = ?,
             publish_order = (SELECT coalesce(max(publish_order), 0) + 1 FROM policies WHERE publish_order IS NOT NULL)
           WHERE version = ? AND text IS NULL`,
          ...[text, author, reason, publishTimeMs, version],
        );
      });
    },

    pointPolicy({ pointer, version, author, reason, timeMs }, lists) {
      const column = columnOfPointer[pointer];
      return runWithHead(async (transaction) => {
        const published = await transaction.get("SELECT 1 FROM policies WHERE version = ? AND text IS NOT NULL", version ?? "");
        if (version !== undefined && published === undefined) return false;
        const before = await transaction.get<{ version: string | null }>(`SELECT ${column} AS version FROM log_head`);
        if ((before?.version ?? undefined) === version) return true;
        const seq = transaction.nextSeq();
        for (const { name, kind } of lists) {
          const sql = "INSERT INTO lists (name, kind, version) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
          await transaction.run(sql, name, kind || ListKind.EXACT, seq);
        }
        await transaction.run(
          `INSERT INTO activations (seq, pointer, policy_id, previous_policy_id, author, reason, activate_time)
             VALUES (?, ?, (SELECT policy_id FROM policies WHERE version = ?), (SELECT policy_id FROM policies WHERE version = ?), ?, ?, ?)`,
          ...[seq, pointer, version ?? null, before?.version ?? null, author, reason, timeMs],
        );
        await transaction.run(`UPDATE log_head SET ${column} = ?`, version ?? null);
        return true;
      }).finally(tellOfPointers);
    },

    async getPolicy(version) {
      const exact = await reader.get<PolicyRow>(`${selectPublished} AND version = ?`, version);
      if (exact !== undefined) return policyOf(exact);
      const [first, second] = await reader.all<PolicyRow>(
        `${selectPublished} AND version >= ? AND version < ? LIMIT 2`,
        version,
        // Versions are hexadecimal digits, which sort before this.
        prefixEnd(version) ?? "g",
      );
      return first === undefined || second !== undefined ? undefined : policyOf(first);
    },

    async getPointedPolicy(pointer) {
      const row = await reader.get<PolicyRow>(`${selectPublished} AND version = (SELECT ${columnOfPointer[pointer]} FROM log_head)`);
      return row && policyOf(row);
    },

    async listPolicies(page) {
      const rows = await reader.all<PolicyRow>(
        `${selectPublished} AND publish_order < ? ORDER BY publish_order DESC LIMIT ?`,
        page.after === undefined ? Number.MAX_SAFE_INTEGER : parseLogPosition(page.after),
        page.size + 1,
      );
      return pageOf(rows, page.size, policyOf, (row) => String(row.publish_order));
    },

    async listActivations(page) {
      const rows = await reader.all<ActivationRow>(
        `${selectActivation} WHERE seq < ? ORDER BY seq DESC LIMIT ?`,
        page.after === undefined ? Number.MAX_SAFE_INTEGER : parseLogPosition(page.after),
        page.size + 1,
      );
      return pageOf(rows, page.size, activationOf, (row) => String(row.seq));
    },
  };
}

// How policies are published and pointed at. Runs in the writer thread, inside the transaction of a batch.
import type { Database } from "better-sqlite3";
import type { PolicyIds } from "./policy-ids.ts";
import type { Sequence } from "./sequence.ts";
import type { WriteOperations } from "./writes.ts";

/** Prepares the writes of policies. */
export function policyOperations(
  db: Database,
  sequence: Sequence,
  policyIds: PolicyIds,
): Pick<WriteOperations, "publishPolicy" | "pointPolicy"> {
  const publish = db.prepare(
    `UPDATE policies SET text = ?, author = ?, reason = ?, publish_time = ?,
       publish_order = (SELECT coalesce(max(publish_order), 0) + 1 FROM policies WHERE publish_order IS NOT NULL)
     WHERE policy_id = ? AND text IS NULL`,
  );
  const findPublished = db.prepare("SELECT policy_id FROM policies WHERE version = ? AND text IS NOT NULL").pluck();
  const findPointed = db.prepare("SELECT policy_id FROM activations WHERE pointer = ? ORDER BY seq DESC LIMIT 1").pluck();
  const makeList = db.prepare("INSERT INTO lists (name, kind) VALUES (?, ?) ON CONFLICT DO NOTHING");
  const activate = db.prepare(
    `INSERT INTO activations (seq, pointer, policy_id, previous_policy_id, author, reason, activate_time) VALUES (?, ?, ?, ?, ?, ?, ?)`,
  );
  return {
    publishPolicy(version, text, author, reason, publishTimeMs) {
      publish.run(text, author, reason, publishTimeMs, policyIds.idOf(version));
      return 0;
    },
    pointPolicy(pointer, version, author, reason, timeMs, lists) {
      const policyId = version === null ? null : (findPublished.get(version) as number | undefined);
      if (policyId === undefined) return 0;
      const previousId = (findPointed.get(pointer) as number | null | undefined) ?? null;
      if (policyId === previousId) return 1;
      for (const [name, kind] of JSON.parse(lists) as [string, number][]) makeList.run(name, kind);
      const seq = sequence.next();
      activate.run(seq, pointer, policyId, previousId, author, reason, timeMs);
      sequence.use(seq);
      return 1;
    },
  };
}

// How each write changes the database. Runs in the writer thread, inside the transaction of a batch.
import type { Database } from "better-sqlite3";
import { createPolicyIds } from "./policy-ids.ts";
import { createSequence } from "./sequence.ts";
import { auditOperations } from "./write-audit.ts";
import { decisionAppender, degradedMarker, prepareInsertDecision, shadowAppender } from "./write-decisions.ts";
import { eventAppender } from "./write-events.ts";
import { keyOperations } from "./write-keys.ts";
import { listOperations } from "./write-lists.ts";
import { policyOperations } from "./write-policies.ts";
import { prepareTakings } from "./write-takings.ts";
import type { WriteArguments, WriteOperations } from "./writes.ts";

/** The operations, and what they remember between transactions. */
export interface Operations {
  run: WriteOperations;
  /** Forgets what a transaction has led it to remember; to be called when that was rolled back. */
  forget(): void;
}

/** Prepares the operations on a connection. */
export function prepareOperations(db: Database): Operations {
  const sequence = createSequence(db);
  const policyIds = createPolicyIds(db);
  const takings = prepareTakings(db);
  const insertDecision = prepareInsertDecision(db, policyIds);
  const appendEvent = eventAppender(db, sequence, insertDecision, takings);
  return {
    run: {
      appendDecision: decisionAppender(db, sequence, insertDecision, takings),
      appendEvent,
      appendEvents: (events) =>
        (JSON.parse(events) as WriteArguments["appendEvent"][]).filter((values) => appendEvent(...values) < 0).length,
      appendShadow: shadowAppender(db, policyIds),
      markDegraded: degradedMarker(db),
      ...listOperations(db, sequence),
      ...policyOperations(db, sequence, policyIds),
      ...keyOperations(db),
      ...auditOperations(db),
      check: checker(db),
    },
    forget() {
      sequence.forget();
      policyIds.forget();
      takings.forget();
    },
  };
}

function checker(db: Database): WriteOperations["check"] {
  const count = db.prepare("UPDATE checks SET count = count + 1");
  return () => {
    count.run();
    return 0;
  };
}
